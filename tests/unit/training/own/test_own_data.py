"""What a file of the user's own is given: folders, Python files, drawn inputs."""

import numpy as np
import pytest
from PIL import Image

from wattscan.contracts import TensorSpec, WattscanError
from wattscan.training.own.data import MOST, read

FLOATS = (TensorSpec("image", np.dtype("f4"), (-1, 1, 4, 6)),)


def folder(tmp_path, count=3):
    for number in range(count):
        np.save(tmp_path / f"{number:03}.npy", np.full((1, 4, 6), number, np.float32))
    return tmp_path


def code(tmp_path, text):
    path = tmp_path / "steps.py"
    path.write_text(text)
    return path


def test_arrays_of_a_folder_in_the_seeds_order(tmp_path):
    found = read([folder(tmp_path)], "m", FLOATS, seed=1)
    again = read([tmp_path], "m", FLOATS, seed=1)
    assert found.paths == again.paths and len(found.samples) == 3 and not found.is_drawn
    assert found.name == tmp_path.name
    for path, sample in zip(found.paths, found.samples, strict=True):
        assert sample["image"].shape == (1, 1, 4, 6)
        assert sample["image"].max() == float(path.stem)


def test_no_more_than_are_needed(tmp_path):
    assert len(read([folder(tmp_path, MOST + 5)], "m", FLOATS, seed=1).samples) == MOST


def test_drawn_ones_are_the_seeds(tmp_path):
    found, same, other = (read([], "m", FLOATS, seed) for seed in (1, 1, 2))
    assert found.is_drawn and found.name == "drawn, seed 1"
    assert np.array_equal(found.samples[5]["image"], same.samples[5]["image"])
    assert not np.array_equal(found.samples[5]["image"], other.samples[5]["image"])


def test_pictures_are_scaled_and_resized(tmp_path):
    Image.fromarray(np.arange(96, dtype=np.uint8).reshape(8, 12)).save(tmp_path / "a.png")
    (sample,) = read([tmp_path], "m", FLOATS, seed=1).samples
    assert sample["image"].shape == (1, 1, 4, 6)
    assert 0 <= sample["image"].min() < sample["image"].max() <= 1


def test_a_python_file_prepares_and_scores(tmp_path):
    text = "import numpy as np\ndef preprocess(path):\n    return 2 * np.load(path)\n"
    text += "def score(outputs, path):\n    return 0.5\n"
    code(tmp_path, text)
    folder(tmp_path)
    found = read([tmp_path / "steps.py"], "m", FLOATS, seed=1)
    assert {sample["image"].max() for sample in found.samples} == {0, 2, 4}
    assert found.score({}, found.paths[0]) == 0.5


@pytest.mark.parametrize(("text", "told"), [
    ("x = 1", "has no function preprocess: write preprocess"),
    ("import no_such_module", "cannot be run: ModuleNotFoundError"),
    ("def preprocess(path):\n    raise ValueError('no')", r"preprocess\(000.npy\) of .* fails"),
    ("def preprocess(path):\n    return {'x': 1}", "gives no image, which the model takes"),
    ("def preprocess(path):\n    return [[1.0]]", "is float64, and image takes float32"),
])  # fmt: skip
def test_what_is_wrong_with_it_is_told(tmp_path, text, told):
    code(tmp_path, text)
    folder(tmp_path, 1)
    with pytest.raises(WattscanError, match=told):
        read([tmp_path / "steps.py"], "m", FLOATS, seed=1)


def test_an_empty_folder_and_none_at_all(tmp_path):
    with pytest.raises(WattscanError, match="has no file in it"):
        read([tmp_path], "m", FLOATS, seed=1)
    with pytest.raises(WattscanError, match="there is no folder at"):
        read([tmp_path / "none"], "m", FLOATS, seed=1)


def test_samples_of_several_sizes_are_refused(tmp_path):
    sizes = (TensorSpec("image", np.dtype("f4"), (-1, 1, -1, -1)),)
    for side in (4, 5):
        np.save(tmp_path / f"{side}.npy", np.zeros((1, side, side), np.float32))
    with pytest.raises(WattscanError, match="in 2 shapes: bring all samples to one size"):
        read([tmp_path], "m", sizes, seed=1)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(WattscanError, match=r"notes\.txt: the bytes are not a DICOM"):
        read([tmp_path], "m", FLOATS, seed=1)
