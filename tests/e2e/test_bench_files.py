"""`wattscan bench --model FILE`: from files to the table, without a line of TOML."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from commands import WATTSCAN
from wattscan.installation import models_folder

pytestmark = pytest.mark.slow
TASK = "nerve-ultrasound"
SHAPE = (1, 80, 112)
SHORT_PROFILES = {"PYTHONPATH": str(Path(__file__).parent / "short_profiles")}


def shipped(variant, kind="onnx"):
    return str(models_folder() / f"{TASK}-{variant}" / "1" / f"model.{kind}")


def bench(out, *more, timeout=300, env=None):
    return subprocess.run(
        [*WATTSCAN, "bench", "--out", str(out), *more],
        capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})},
    )  # fmt: skip


def tables(out):
    (run,) = out.iterdir()
    return run, json.loads((run / "tables.json").read_text())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Phantom frames as the network takes them, and the code that prepares and scores them."""
    from wattscan import plugins
    from wattscan.artifacts import find_cards

    task = plugins.task(TASK)
    card = next(c for c in find_cards(models_folder()) if c.task == TASK)
    folder = tmp_path_factory.mktemp("frames")
    for number, image in enumerate(task.phantom(6, seed=5).images):
        tensor = task.preprocess(image, card.normalisation)
        np.save(folder / f"{number}.npy", tensor.transpose(2, 0, 1))
    return folder


def test_two_files_and_a_folder_end_in_a_table(images, tmp_path):
    out = tmp_path / "runs"
    files = ("--model", shipped("fp32"), "--model", shipped("int8"))
    done = bench(out, *files, "--data", str(images))
    assert done.returncode == 0, done.stderr
    assert "Measuring model on cpu, FP32 against INT8: 4 windows" in done.stderr
    assert "INT8 agrees with FP32 in" in done.stderr
    run, report = tables(out)
    assert [(c["task"], c["precision"]) for c in report["cells"]] == [
        ("model", "fp32"), ("model", "int8"),
    ]  # fmt: skip
    for cell in report["cells"]:
        codes = {reason["code"] for reason in cell["reasons"]}
        assert "agreement_only" in codes
        assert not codes & {"other_client", "images_not_counted", "quality_not_recorded"}, codes
        assert cell["joules_per_image"]["gross"]["mean"] > 0
    text = (run / "tables.md").read_text()
    assert "not scored: agreement with the reference only" in text and "Dice 0." in text
    # What was served stays with the run, so that it can go on.
    assert (run / "models" / "model-int8" / "1" / "model.onnx").is_file()
    record = json.loads((run / "run.json").read_text())
    assert record["models"] == str(run / "models")
    again = subprocess.run(
        [*WATTSCAN, "collect", "--source", str(run / "recording.om"), "--out", str(tmp_path)],
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert again.returncode == 0
    assert (tmp_path / "tables.md").read_bytes() == (run / "tables.md").read_bytes()


def test_int8_is_made_and_a_run_that_was_cut_short_goes_on(images, tmp_path):
    out = tmp_path / "runs"
    asked = ["--model", shipped("fp32"), "--data", str(images), "--variants", "fp32,int8"]
    process = subprocess.Popen(
        [*WATTSCAN, "bench", "--out", str(out), *asked], stderr=subprocess.PIPE, text=True
    )
    told = []
    with process.stderr:
        for line in process.stderr:
            told.append(line)
            if "[window 2 of 4]" in line:
                process.send_signal(2)
                break
        told.append(process.stderr.read())
    assert process.wait(60) == 130, told
    assert any(line.startswith("Making INT8 from model.onnx") for line in told)
    (run,) = out.iterdir()
    done = bench(out, "--resume", run.name)
    assert done.returncode == 0, done.stderr
    _, report = tables(out)
    assert [cell["precision"] for cell in report["cells"]] == ["fp32", "int8"]
    codes = {reason["code"] for cell in report["cells"] for reason in cell["reasons"]}
    assert "agreement_only" in codes and not codes & {"model_changed", "incomplete_run"}, codes


def test_our_own_file_costs_what_its_task_does(images, tmp_path):
    """The same tensors to the same network, as a task and as a file that anybody brings."""
    common = ("--backend", "onnxruntime", "--run-profile", "standard")
    ways = {
        "task": ("--task", TASK, "--variants", "fp32", "--reference", "fp32", "--protocol", "oip"),
        "file": ("--model", shipped("fp32"), "--data", str(images)),
    }
    # A run's interval is of what scatters within it; other work on the machine comes between two
    # runs, so that they are made again where it did.
    for attempt in range(3):
        joules = {}
        for way, words in ways.items():
            out = tmp_path / f"{way}{attempt}"
            done = bench(out, *common, *words, env=SHORT_PROFILES)
            assert done.returncode == 0, done.stderr
            (cell,) = tables(out)[1]["cells"]
            joules[way] = cell["joules_per_image"]["gross"]
        # One sensor: its own error, the widest part by far, is the same in both.
        within = sum(each["scatter"] + each["bound"] for each in joules.values())
        if abs(joules["task"]["mean"] - joules["file"]["mean"]) <= within:
            return
    raise AssertionError(joules)


def test_int8_of_noise_is_refused(tmp_path):
    done = bench(tmp_path / "runs", "--model", shipped("fp32"), "--variants", "fp32,int8")
    assert done.returncode == 2 and "--data is missing" in done.stderr
    done = bench(tmp_path / "runs", "--model", shipped("fp32"), "--variants", "fp32,int4")
    assert done.returncode == 2 and "no file is 'int4', and it cannot be made" in done.stderr


def test_a_tflite_file_alone_and_what_is_drawn(tmp_path):
    done = bench(tmp_path / "runs", "--model", shipped("fp32", "tflite"))
    assert done.returncode == 0, done.stderr
    assert "32 inputs drawn" in done.stderr
    _, report = tables(tmp_path / "runs")
    (cell,) = report["cells"]
    assert cell["verdict"] == "indicative" and cell["models"][0]["format"] == "tflite"


def test_a_python_file_prepares_and_scores(images, tmp_path):
    code = tmp_path / "steps.py"
    code.write_text(
        "import numpy as np\n"
        "def preprocess(path):\n    return np.load(path)\n"
        "def score(outputs, path):\n    return 0.75\n"
    )
    files = ("--model", shipped("fp32"), "--model", shipped("int8"))
    data = ("--data", str(images), "--data", str(code))
    done = bench(tmp_path / "runs", *files, *data, "--backend", "onnxruntime")
    assert done.returncode == 0, done.stderr
    run, report = tables(tmp_path / "runs")
    codes = {reason["code"] for cell in report["cells"] for reason in cell["reasons"]}
    assert not codes & {"agreement_only", "quality_not_recorded"}, codes
    assert "| score" in (run / "tables.md").read_text()
    assert {model["backend"] for cell in report["cells"] for model in cell["models"]} == {
        "onnxruntime"
    }


@pytest.mark.parametrize(("options", "told"), [
    (("--model", "none.onnx"), "there is no model file at none.onnx"),
    (("--model", shipped("fp32"), "--model", "lesion"), "measure them in a run each"),
    (("--model", shipped("fp32"), "--endpoint", "x:1"), "--endpoint does not go with"),
    (("--model", shipped("fp32"), "--images", "x"), "leave out --images"),
    (("--model", shipped("fp32"), "--data", "none"), "there is no folder at none"),
    (("--data", "x"), "--data goes with files"),
    (("--model", shipped("fp32"), "--model", shipped("fp32")), "given twice"),
    (("--model", shipped("fp32"), "--model", shipped("int8", "tflite")), "in a run each"),
])  # fmt: skip
def test_what_does_not_go_is_told(tmp_path, options, told):
    done = bench(tmp_path / "runs", *options)
    assert done.returncode == 2 and told in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())
