"""`wattscan bench` with a variant of a name of its own, and another reference."""

import json
import shutil
import subprocess

import pytest
from rig import TINY_MODEL

from commands import WATTSCAN
from wattscan.artifacts import sha256
from wattscan.installation import models_folder

pytestmark = pytest.mark.slow

TASK = "nerve-ultrasound"


def with_a_third_variant(folder):
    """The task's ONNX models, and INT8's once more as `int8-ptq`, in a file of its own."""
    for name in ("fp32", "int8"):
        shutil.copytree(models_folder() / f"{TASK}-{name}", folder / f"{TASK}-{name}")
    third = folder / f"{TASK}-int8-ptq"
    shutil.copytree(folder / f"{TASK}-int8", third)
    card = json.loads((third / "card.json").read_text())
    (file,) = [file for file in card["files"] if file["format"] == "onnx"]
    with (third / file["path"]).open("ab") as model:
        model.write(b"\x32\x03ptq")  # field 6 of ModelProto: doc_string
    file["sha256"] = sha256(third / file["path"])
    (third / "card.json").write_text(json.dumps({**card, "precision": "int8-ptq"}))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return with_a_third_variant(tmp_path_factory.mktemp("models"))


def bench(models, *more):
    command = [*WATTSCAN, "bench", "--task", TASK, "--models", str(models)]
    return subprocess.run([*command, *more], capture_output=True, text=True, timeout=500)


def test_three_variants_against_another_reference(models, tmp_path):
    named = ("--variants", "int8-ptq,fp32,int8", "--reference", "int8")
    done = bench(models, *named, "--backend", "onnxruntime", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "INT8 against INT8-PTQ, FP32" in done.stderr
    order = [line.split(f"{TASK} ")[1].split(",")[0] for line in done.stderr.splitlines()
             if "idle baseline" in line]  # fmt: skip
    assert order == ["INT8", "INT8-PTQ", "FP32", "FP32", "INT8-PTQ", "INT8"]
    (folder,) = tmp_path.iterdir()
    report = json.loads((folder / "tables.json").read_text())
    assert report["run"]["reference"] == "int8"
    assert [cell["precision"] for cell in report["cells"]] == ["int8", "fp32", "int8-ptq"]
    joules = {cell["precision"]: cell["joules_per_image"]["gross"]["mean"]
              for cell in report["cells"]}  # fmt: skip
    assert all(mean > 0 for mean in joules.values())
    ratios = {ratio["precision"]: ratio["gross"]["value"] for ratio in report["ratios"]}
    assert set(ratios) == {"fp32", "int8-ptq"}
    for variant, ratio in ratios.items():
        # Of two windows each the ratio is of geometric means, and may be of a drift besides.
        assert ratio == pytest.approx(joules["int8"] / joules[variant], rel=0.3)
    record = json.loads((folder / "run.json").read_text())
    assert record["variants"] == {TASK: ["int8", "int8-ptq", "fp32"]}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--variants", "fp32,fp16"), f"has no fp16 model of '{TASK}'; it has: fp32, int8, int8-"),
        (("--reference", "bf16"), "has no bf16 model of"),
        (("--task", "toe-x-ray"), f"has no model of 'toe-x-ray'; it has: {TASK}"),
        (("--variants", "fp32,,int8"), "is no list of names"),
    ],
)
def test_what_the_folder_does_not_have_is_named(models, tmp_path, options, told):
    done = bench(models, "--out", str(tmp_path), *options)
    assert done.returncode == 2 and told in done.stderr
    assert not any(tmp_path.iterdir())


def test_models_that_are_no_tasks(tmp_path):
    """`lesion` in two variants, and one whose name tells none."""
    folder = tmp_path / "models"
    for name in ("lesion-fp32", "lesion-int8", "solo"):
        shutil.copytree(TINY_MODEL, folder / name)
    with (folder / "lesion-int8" / "1" / "model.onnx").open("ab") as model:
        model.write(b"\x32\x03abc")  # another file
    named = ("--model", "lesion", "--model", "solo", "--protocol", "oip", "--images", "drawn")
    command = [*WATTSCAN, "bench", "--models", str(folder), "--out", str(tmp_path / "runs"), *named]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Measuring lesion, solo on cpu, FP32 against INT8: 6 windows" in done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    report = json.loads((run / "tables.json").read_text())
    found = [(cell["task"], cell["precision"]) for cell in report["cells"]]
    assert found == [("lesion", "fp32"), ("lesion", "int8"), ("solo", "")]
    for cell in report["cells"]:
        codes = {reason["code"] for reason in cell["reasons"]}
        assert not codes & {"other_client", "images_not_counted", "model_not_recorded"}, codes
        assert cell["joules_per_image"]["gross"]["mean"] > 0
    assert "(solo) in one variant" in done.stdout
    gone = subprocess.run(
        [*WATTSCAN, "bench", "--models", str(folder), "--model", "lesio", "--protocol", "oip"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert gone.returncode != 0
    assert "has no model of 'lesio'; it has: lesion, solo" in gone.stderr
