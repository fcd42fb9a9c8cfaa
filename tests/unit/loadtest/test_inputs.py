"""What is sent: files, and tensors made of files, of images, and of the seed."""

import io
import time

import gevent
import numpy as np
import pytest
from PIL import Image

from loadtest import inputs
from loadtest.inputs import Input, batches, files_of, samples_of
from loadtest.protocols.requests import Subject
from loadtest.protocols.tensors import named_models, tensor_batches
from wattscan.contracts import Normalisation, WattscanError
from wattscan.phantoms import IMAGES
from wattscan.workloads import DRAWN, Workload

NERVE = "nerve-ultrasound"
FLOATS = [Input("x", np.dtype("<f4"), (-1, 3, 4, 1))]


def tensors(folder, **settings):
    return Workload(protocol="oip", images=str(folder), **settings)


def test_phantoms_are_shuffled_by_the_seed():
    one, other = (files_of(Workload(seed=seed), NERVE) for seed in (1, 2))
    assert len(one) == IMAGES and one != other and sorted(one) == sorted(other)
    assert one == files_of(Workload(seed=1), NERVE)


def test_a_worker_is_heard_while_phantoms_are_made(monkeypatch):
    def slow(task):
        begun, end = len(beats), time.monotonic() + 30
        while len(beats) < begun + 3 and time.monotonic() < end:
            pass
        meanwhile.append(len(beats) - begun)
        return [b""]

    def beat():
        while True:
            gevent.sleep(0.02)
            beats.append(1)

    monkeypatch.setattr(inputs, "phantom_files", slow)
    inputs._phantoms.cache_clear()
    beats, meanwhile = [], []
    beating = gevent.spawn(beat)
    try:
        assert files_of(Workload(), NERVE) == [b""]
    finally:
        beating.kill()
        inputs._phantoms.cache_clear()
    assert meanwhile[0] >= 3


def test_files_go_out_as_they_are(tmp_path):
    (tmp_path / NERVE / "sub").mkdir(parents=True)
    for number in range(3):
        (tmp_path / NERVE / f"{number}.bin").write_bytes(bytes([number]))
    assert sorted(files_of(Workload(images=str(tmp_path)), NERVE)) == [b"\0", b"\1", b"\2"]
    with pytest.raises(WattscanError, match=r"there is no image in .*chest-xray"):
        files_of(Workload(images=str(tmp_path)), "chest-xray")


def test_a_tasks_images_are_preprocessed_as_the_service_does():
    inputs = [Input("image", np.dtype("<f4"), (-1, 80, 112, 1))]
    found = samples_of(Workload(protocol="oip"), NERVE, inputs, Normalisation(98.06, 51.57))
    assert len(found) == IMAGES
    assert {sample["image"].shape for sample in found} == {(1, 80, 112, 1)}
    assert {sample["image"].dtype for sample in found} == {np.dtype("f4")}
    assert -3 < min(s["image"].min() for s in found) < max(s["image"].max() for s in found) < 5


@pytest.mark.parametrize("shape", [(3, 4, 1), (1, 3, 4, 1)])
def test_npy_files_have_an_image_each(tmp_path, shape):
    (tmp_path / "m").mkdir()
    for number in range(3):
        np.save(tmp_path / "m" / f"{number}.npy", np.full(shape, number, "f4"))
    found = samples_of(tensors(tmp_path), "m", FLOATS)
    assert sorted(float(s["x"].mean()) for s in found) == [0, 1, 2]
    assert {s["x"].shape for s in found} == {(1, 3, 4, 1)}


def test_npz_files_have_every_input(tmp_path):
    (tmp_path / "m").mkdir()
    inputs = [*FLOATS, Input("n", np.dtype("<i8"), (1,))]
    np.savez(tmp_path / "m" / "a.npz", x=np.ones((3, 4, 1), "f4"), n=np.array([7]))
    (found,) = samples_of(tensors(tmp_path), "m", inputs)
    assert found["n"].tolist() == [7] and found["x"].shape == (1, 3, 4, 1)
    with pytest.raises(WattscanError, match=r"a\.npz has n, x, and the model takes x"):
        samples_of(tensors(tmp_path), "m", FLOATS)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.ones((3, 4, 1)), "is float64, and x takes float32"),
        (np.ones((3, 5, 1), "f4"), r"has the shape \[3, 5, 1\], and x takes \[-1, 3, 4, 1\]"),
        (np.ones((2, 3, 4, 1), "f4"), "holds 2 images: give each a file"),
        (np.array(["a"], dtype=object), "cannot be read as NumPy's"),
    ],
)
def test_a_file_that_does_not_fit_is_told(tmp_path, array, told):
    (tmp_path / "m").mkdir()
    np.save(tmp_path / "m" / "a.npy", array, allow_pickle=True)
    with pytest.raises(WattscanError, match=told):
        samples_of(tensors(tmp_path), "m", FLOATS)


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00v\x00{"])
def test_a_damaged_file_is_named(tmp_path, suffix, content):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / f"a.{suffix}").write_bytes(content)
    with pytest.raises(WattscanError, match=rf"a\.{suffix} cannot be read as NumPy's: "):
        samples_of(tensors(tmp_path), "m", FLOATS)


def test_a_file_of_the_other_kind_is_told(tmp_path):
    (tmp_path / "m").mkdir()
    np.savez(tmp_path / "m" / "a.npz", x=np.ones((3, 4, 1), "f4"))
    (tmp_path / "m" / "a.npz").rename(tmp_path / "m" / "a.npy")
    with pytest.raises(WattscanError, match=r"a\.npy"):
        samples_of(tensors(tmp_path), "m", FLOATS)


def test_a_model_of_a_fixed_batch_counts_all_its_images(tmp_path):
    (tmp_path / "m").mkdir()
    np.save(tmp_path / "m" / "a.npy", np.ones((4, 3, 4, 1), "f4"))
    inputs = [Input("x", np.dtype("<f4"), (4, 3, 4, 1))]
    size, samples = tensor_batches(tensors(tmp_path), Subject("m", "", {}), inputs)
    assert size == 4 and samples[0]["x"].shape == (4, 3, 4, 1)


def test_a_file_may_lack_an_axis_of_one(tmp_path):
    (tmp_path / "m").mkdir()
    np.save(tmp_path / "m" / "a.npy", np.ones((3, 4, 1), "f4"))
    (found,) = samples_of(tensors(tmp_path), "m", [Input("x", np.dtype("<f4"), (1, 3, 4, 1))])
    assert found["x"].shape == (1, 3, 4, 1)


def test_kinds_are_not_mixed(tmp_path):
    (tmp_path / "m").mkdir()
    np.save(tmp_path / "m" / "a.npy", np.ones((3, 4, 1), "f4"))
    (tmp_path / "m" / "b.png").touch()
    with pytest.raises(WattscanError, match=r"\.npy or \.npz files beside others"):
        samples_of(tensors(tmp_path), "m", FLOATS)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((-1, 3, 4, 1), (1, 3, 4, 1)), ((1, 3, 6, 8), (1, 3, 6, 8)), ((-1, -1, -1, 3), (1, 6, 8, 3))],
)
def test_an_image_becomes_a_plain_models_input(tmp_path, shape, expected):
    (tmp_path / "m").mkdir()
    gray = np.linspace(0, 255, 48).astype("u1").reshape(6, 8)
    Image.fromarray(gray).save(tmp_path / "m" / "a.png")
    (found,) = samples_of(tensors(tmp_path), "m", [Input("x", np.dtype("<f4"), shape)])
    assert found["x"].shape == expected and found["x"].dtype == np.float32
    assert 0 <= found["x"].min() < 0.2 and 0.8 < found["x"].max() <= 1


@pytest.mark.parametrize(
    "inputs", [[Input("x", np.dtype("<i8"), (-1, 4))], [*FLOATS, *FLOATS]], ids=["ids", "two"]
)
def test_what_no_image_becomes_is_told(tmp_path, inputs):
    (tmp_path / "m").mkdir()
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "png")
    (tmp_path / "m" / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(WattscanError, match=r"which no image file becomes: give \.npy"):
        samples_of(tensors(tmp_path), "m", inputs)
    with pytest.raises(WattscanError, match="m is no clinical task, so there is no phantom of it"):
        samples_of(Workload(protocol="oip"), "m", inputs)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "u1", "i1", "<i4", "<i8", "?"])
def test_tensors_are_drawn_with_the_seed(dtype):
    inputs = [Input("x", np.dtype(dtype), (-1, 3)), Input("y", np.dtype(dtype), ())]
    one, same, other = (
        samples_of(Workload(protocol="oip", images=DRAWN, seed=seed), "m", inputs)
        for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a["x"], b["x"]) for a, b in zip(one, other, strict=True))
    assert one[0]["x"].shape == (1, 3) and one[0]["y"].shape == ()
    assert one[0]["x"].dtype == np.dtype(dtype)


def test_a_tensor_of_any_size_is_not_drawn():
    with pytest.raises(WattscanError, match=r"takes x of any size, \[-1, -1\]"):
        samples_of(
            Workload(protocol="oip", images=DRAWN), "m", [Input("x", np.dtype("<f4"), (-1, -1))]
        )


def test_a_batch_is_filled_up_from_the_first():
    samples = [{"x": np.full((1, 2), n, "f4")} for n in range(5)]
    found = batches(samples, 2, "m")
    assert [b["x"][:, 0].tolist() for b in found] == [[0, 1], [2, 3], [4, 0]]
    odd = [*samples, {"x": np.ones((1, 3), "f4")}]
    with pytest.raises(WattscanError, match="tensors of different shapes"):
        batches(odd, 2, "m")


@pytest.mark.parametrize(
    ("scenario", "batch", "first", "size"),
    [("MultiStream", 1, -1, 8), ("MultiStream", 1, 1, 1), ("Offline", 4, -1, 4)],
)
def test_a_request_has_as_many_as_the_model_takes(scenario, batch, first, size):
    workload = Workload(protocol="oip", scenario=scenario, batch=batch, images=DRAWN)
    inputs = [Input("x", np.dtype("<f4"), (first, 2))]
    found, samples = tensor_batches(workload, Subject("m", "", {}), inputs)
    assert found == size and samples[0]["x"].shape == (size, 2)


def test_a_batch_for_a_model_that_takes_none_is_told():
    workload = Workload(protocol="oip", batch=4, images=DRAWN)
    with pytest.raises(WattscanError, match=r"m takes one image a request, \[1, 2\]"):
        tensor_batches(workload, Subject("m", "", {}), [Input("x", np.dtype("<f4"), (1, 2))])


def test_a_name_tells_the_variant():
    found = named_models(["lesion-fp32", "lesion-int8-ptq", "plain", "a-b"])
    assert {name: dict(subject.models) for name, subject in found.items()} == {
        "lesion": {"fp32": "lesion-fp32", "int8-ptq": "lesion-int8-ptq"},
        "plain": {"": "plain"},
        "a-b": {"": "a-b"},
    }
