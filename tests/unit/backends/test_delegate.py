"""The Edge TPU's way into LiteRT: a delegate's shared library, here one that a C compiler makes."""

import shutil
import subprocess

import numpy as np
import pytest

from wattscan.artifacts import find_cards, model_file
from wattscan.backends import litert
from wattscan.contracts import EngineAbsent, WattscanError
from wattscan.installation import models_folder

# The C interface of TensorFlow Lite's external delegates (create, destroy) and of TfLiteDelegate,
# whose second member prepares a graph. This one claims no operator of it.
SOURCE = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef void (*report)(const char *);
static int prepare(void *context, void *delegate) {
    FILE *file = fopen(getenv("DELEGATE_LOG"), "a");
    fputs("prepared\\n", file);
    fclose(file);
    return 0;
}
void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, report tell) {
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(keys[i], "device") && !strcmp(values[i], "usb:9")) {
            tell("no such device");
            return NULL;
        }
    }
    void **delegate = calloc(32, sizeof(void *));
    delegate[1] = (void *)prepare;
    return delegate;
}
void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
"""
CARDS = {card.name: card for card in find_cards(models_folder())}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("the Debian package gcc is not installed")
    folder = tmp_path_factory.mktemp("delegate")
    (folder / "delegate.c").write_text(SOURCE)
    target = folder / "libedgetpu.so.1"
    command = ["gcc", "-shared", "-fPIC", "-o", str(target), str(folder / "delegate.c")]
    subprocess.run(command, check=True)
    return target


@pytest.fixture
def log(tmp_path, monkeypatch):
    file = tmp_path / "delegate.log"
    file.touch()
    monkeypatch.setenv("DELEGATE_LOG", str(file))
    return file


def open_engine(precision, **settings):
    path = model_file(CARDS[f"nerve-ultrasound-{precision}"], "tflite").path
    return litert.open_engine(path, settings)


def image(engine):
    _, height, width, channels = engine.inputs[0].shape
    return np.random.default_rng(1).standard_normal((1, height, width, channels)).astype("<f4")


def test_an_integer_model_runs_with_the_delegate(library, log):
    engine = open_engine("int8", delegate=str(library))
    assert engine.provider == "EdgeTPU"
    assert log.read_text() == "prepared\n"
    plain = open_engine("int8")
    assert plain.provider == "XNNPACK"
    assert np.array_equal(engine.infer(image(engine)), plain.infer(image(plain)))


def test_a_float_model_is_the_processor_s(library, log):
    engine = open_engine("fp32", delegate=str(library))
    assert engine.provider == "XNNPACK"
    assert log.read_text() == ""


def test_a_compiled_file_beside_the_model_is_taken(library, log, tmp_path):
    path = model_file(CARDS["nerve-ultrasound-int8"], "tflite").path
    shutil.copy(path, tmp_path / "model.tflite")
    (tmp_path / "model_edgetpu.tflite").write_bytes(b"not a model")
    with pytest.raises(WattscanError, match=r"model_edgetpu\.tflite"):
        litert.open_engine(tmp_path / "model.tflite", {"delegate": str(library)})


def test_no_library_is_told_with_the_way_out():
    with pytest.raises(EngineAbsent, match="libedgetpu1-std"):
        open_engine("int8", delegate="libedgetpu-nowhere.so.1")


def test_no_device_is_told_with_the_way_out(library, log):
    with pytest.raises(EngineAbsent, match="connect the Edge TPU"):
        open_engine("int8", delegate=str(library), device="usb:9")
