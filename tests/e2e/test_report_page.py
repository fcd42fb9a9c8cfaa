"""The report in a real browser: it renders, with every table and plot, and no complaint."""

import shutil
import subprocess

import pytest
from edits import without
from run_labels import MODELLED
from synthetic import Spec, recording

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of, write

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package `chromium`"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--hide-scrollbars",
)
TASKS = ("nerve-ultrasound", "brain-mri", "chest-xray")
FACTOR = {"nerve-ultrasound": 0.3, "chest-xray": 1.8}
WOBBLE = (1.0, 1.012, 0.993, 1.006, 0.99, 1.009)
PAGES = {
    "quick": Spec(
        profile="quick",
        interval=1.0,
        tasks=TASKS,
        task_factor=FACTOR,
        source=MODELLED,
        quality={"fp32": 0.9, "int8": 0.88},
        edits=(without("wattscan_temperature_celsius"),),
    ),
    "standard": Spec(tasks=TASKS, task_factor=FACTOR, wobble=WOBBLE),
}


@pytest.fixture(scope="module", params=[*PAGES, "measured"])
def page(request, tmp_path_factory):
    if request.param == "measured":
        folder = tmp_path_factory.mktemp("measured")
        report = request.getfixturevalue("one_task_run") / "report.html"
        return request.param, shutil.copy(report, folder / "report.html")
    out = tmp_path_factory.mktemp(request.param)
    report = report_of(parse_recording(recording(PAGES[request.param]).encode(), "r"))
    write(report, out)
    return request.param, out / "report.html"


def browse(page, *arguments):
    folder = page.parent / "profile"
    result = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", *arguments, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    complaints = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    return result.stdout


def test_everything_is_there(page):
    profile, path = page
    dom = browse(path, "--dump-dom")
    for name in ("energy", "paper", "quality", "projections", "models", "cells", "windows"):
        assert f'<table id="table-{name}"' in dom
    assert dom.count("<svg") == 6
    if profile == "measured":
        assert "nerve ultrasound" in dom
        return
    energy = dom.partition('id="table-energy"')[2].partition("</table>")[0]
    assert energy.count('<td class="task">') == 6
    assert 'class="badge valid"' in dom if profile == "standard" else "modelled_power" in dom
    assert ('<span class="none">not measured</span>' in dom) == (profile == "quick")
    assert dom.count("<details>") == 5


@pytest.mark.parametrize(("scheme", "setting"), [("light", 1), ("dark", 0)])
def test_it_is_drawn(page, scheme, setting):
    _, path = page
    shot = path.with_name(f"{scheme}.png")
    setting = f"--blink-settings=preferredColorScheme={setting}"
    browse(path, setting, "--window-size=1280,3400", f"--screenshot={shot}")
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert shot.stat().st_size > 100_000


def test_it_is_drawn_at_a_telephone_s_width(page):
    """390 pixels: in a frame, since the browser's own window is no narrower than 500."""
    _, path = page
    frame = path.with_name("frame.html")
    frame.write_text(f'<iframe src="{path.name}" style="border:0;width:390px;height:5000px">')
    shot = path.with_name("narrow.png")
    browse(frame, "--window-size=500,5000", f"--screenshot={shot}")
    assert shot.stat().st_size > 100_000


def test_the_energy_table_fits_a_desktop(page):
    """Its last columns, the verdicts among them, are not beyond the edge."""
    _, path = page
    measuring = path.with_name("measuring.html")
    script = (
        "<script>const box = document.getElementById('table-energy').parentElement;"
        "document.body.dataset.beyond = box.scrollWidth - box.clientWidth</script></body>"
    )
    # The page itself allows no script.
    open_to_one = path.read_text().replace("Content-Security-Policy", "none")
    measuring.write_text(open_to_one.replace("</body>", script))
    dom = browse(measuring, "--window-size=1280,1500", "--dump-dom")
    assert 'data-beyond="0"' in dom
