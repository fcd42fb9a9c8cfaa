"""`model.toml`, and which backend serves a file."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from wattscan.contracts import WattscanError
from wattscan.serving.batching.work import Work
from wattscan.telemetry.attribution import Ledger

COMMITTED = Path(__file__).parents[4] / "models"


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("max_batch_size = [", "not valid TOML"),
        ("colour = 1", "unknown key colour"),
        ("[batching]\nmax_batch_size = 0", "max_batch_size must be"),
        ("[batching]\nqueue_delay_seconds = 7", "queue_delay_seconds must be"),
        ("[batching]\nsize = 7", "unknown key size"),
        ("version_policy = { latest = 1, all = true }", "one of latest, all and specific"),
        ("version_policy = { all = false }", "can only be true"),
        ("version_policy = { specific = [] }", "must be a list"),
        ("version_policy = 3", "must be a table"),
        ("[version_labels]\nstable = 'one'", "stable must be a whole number"),
        ("title = 3", "title must be a text"),
        ("[backend]\nname = 'toaster'", "no backend called 'toaster'"),
        ("[backend]\nname = 'litert'", "no file for the backend litert"),
        ("[backend]\nthreads = 'x'", "threads must be a whole number"),
        ("[warm_up]\nbild = [1, 4, 4, 1]", "warm_up names bild"),
        ("[warm_up]\nimage = [1, 5]", "cannot run"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(folder, open_repository, toml, text, configure):
    configure(toml)
    with pytest.raises(WattscanError) as caught:
        open_repository()
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_backend_is_chosen_by_the_models_toml(folder, open_repository, configure):
    configure("[backend]\nname = 'onnxruntime'\nthreads = 2\n")
    model = open_repository().get("tiny")
    assert (model.backend, model.provider) == ("onnxruntime", "CPUExecutionProvider")


def test_a_tflite_file_is_served_by_the_backend_that_reads_it(folder, open_repository):
    source = COMMITTED / "nerve-ultrasound-int8" / "1" / "model.tflite"
    (folder / "plain" / "3").mkdir(parents=True)
    shutil.copy(source, folder / "plain" / "3" / "model.tflite")
    repository = open_repository()
    model = repository.get("plain")
    assert (model.backend, model.version) == ("litert", 3)
    assert not model.batched
    assert [(s.dtype, s.shape) for s in model.inputs] == [(np.int8, (1, 80, 112, 1))]
    with repository.lease("plain") as plain:
        work = Work([np.zeros((1, 80, 112, 1), np.int8)], 1, Ledger().open("t", "p"))
        assert plain.batcher.run(work)[0].shape == (1, 80, 112, 1)
