"""Triton's stock client, in its own process."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from direct import preprocessed, probabilities
from wattscan import plugins

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "clients" / "triton" / "bin" / "python"
CLIENT = ROOT / "tests" / "clients" / "triton_client.py"
INT8 = "nerve-ultrasound-int8"


@pytest.fixture(scope="session")
def triton():
    """Runs the stock client in its own process; what it prints."""
    if not PYTHON.exists():
        pytest.skip("the Triton client is not installed: make clients-triton")

    def run(service, checks, *arguments):
        chosen = [word for check in checks.split() for word in ("--check", check)]
        command = [PYTHON, CLIENT, service.ready["grpc"], *chosen, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def tensors(tmp_path_factory):
    """Model -> the file with two preprocessed images, and what the engine makes of them."""
    folder = tmp_path_factory.mktemp("tensors")
    made = {}
    for name, model in [
        ("nerve-ultrasound", INT8),
        ("brain-mri", "brain-mri-fp32"),
        ("chest-xray", "chest-xray-int8"),
    ]:
        _, batch = preprocessed(plugins.task(name), model, 2)
        np.save(folder / f"{model}.npy", batch)
        made[model] = (folder / f"{model}.npy", probabilities(model, batch))
    return made


def test_the_server_is_live_ready_and_says_what_it_is(service, triton):
    answers = triton(service, "live ready server_metadata")
    assert (answers["live"], answers["ready"]) == (True, True)
    assert answers["server_metadata"]["name"] == "wattscan"
    assert "system_shared_memory" in answers["server_metadata"]["extensions"]


def test_a_model_says_what_it_takes_and_gives(service, triton):
    answers = triton(service, "model_ready model_metadata model_config", "--model", INT8)
    assert answers["model_ready"] is True
    assert answers["model_metadata"]["versions"] == ["1"]
    assert answers["model_metadata"]["inputs"] == [
        {"name": "image", "datatype": "FP32", "shape": ["-1", "80", "112", "1"]}
    ]
    assert answers["model_metadata"]["outputs"] == [
        {"name": "mask", "datatype": "FP32", "shape": ["-1", "80", "112", "1"]}
    ]
    config = answers["model_config"]["config"]
    assert (config["max_batch_size"], config["backend"]) == (1, "openvino")
    assert config["input"] == [
        {"name": "image", "data_type": "TYPE_FP32", "dims": ["80", "112", "1"]}
    ]


@pytest.mark.parametrize(
    "model",
    [
        INT8,
        pytest.param("brain-mri-fp32", marks=pytest.mark.slow),
        pytest.param("chest-xray-int8", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("check", ["infer", "infer_typed_contents", "infer_async"])
def test_the_stock_client_gets_the_engines_numbers(
    service, triton, tensors, tmp_path, model, check
):
    file, expected = tensors[model]
    answer = triton(
        service, check, "--model", model, "--input", f"image={file}",
        "--output", tmp_path / "out.npy", "--request-id", "42",
    )[check]  # fmt: skip
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-5, atol=1e-6)
    assert (answer["model_name"], answer["model_version"]) == (model, "1")
    assert answer["parameters"]["energy_joules"]["double_param"] > 0
    assert answer["parameters"]["energy_method"]["string_param"]
    assert answer["parameters"]["energy_scope"]["string_param"] in ("chip", "board", "system")
    if check != "infer_typed_contents":
        assert answer["id"] == "42"


def test_priority_and_timeout_are_taken(service, triton, tensors):
    file, _ = tensors[INT8]
    arguments = ("--model", INT8, "--input", f"image={file}", "--priority", 1)
    assert (
        "outputs"
        in triton(service, "infer", *arguments, "--timeout-microseconds", 10_000_000)["infer"]
    )
    late = triton(service, "infer", *arguments, "--timeout-microseconds", 1)["infer"]
    assert late["error"] == "DEADLINE_EXCEEDED"
    odd = triton(service, "infer", *arguments, "--parameter", "colour=red")["infer"]
    assert "outputs" in odd


def test_a_stream_answers_in_order_and_outlives_a_bad_request(service, triton, tensors):
    file, _ = tensors[INT8]
    answers = triton(
        service, "stream", "--model", INT8, "--input", f"image={file}",
        "--count", 5, "--bad-request", 2, "--request-id", "r",
    )["stream"]  # fmt: skip
    assert [answer.get("id") for answer in answers] == ["r0", "r1", None, "r3", "r4"]
    assert "no such model is served here" in answers[2]["message"]


def test_shared_memory_goes_both_ways(service, triton, tensors):
    file, _ = tensors["brain-mri-fp32"]
    answer = triton(
        service, "shared_memory", "--model", "brain-mri-fp32", "--input", f"image={file}"
    )["shared_memory"]
    assert answer["equal"] is True
    assert answer["raw_bytes"] == 0
    assert set(answer["status"]["regions"]) == {"input", "output"}
    assert answer["status_after"] == {}


def test_statistics_count(service, triton, tensors):
    file, _ = tensors[INT8]
    before = triton(service, "statistics", "--model", INT8)["statistics"]["model_stats"][0]
    triton(service, "infer", "--model", INT8, "--input", f"image={file}")
    after = triton(service, "statistics", "--model", INT8)["statistics"]["model_stats"][0]
    assert int(after["inference_count"]) == int(before.get("inference_count", 0)) + 2
    success = after["inference_stats"]["success"]
    assert int(success["ns"]) > int(after["inference_stats"]["compute_infer"]["ns"]) > 0


def test_models_are_listed_unloaded_and_loaded(start_service, triton, tmp_path):
    shutil.copytree(ROOT / "tests" / "data" / "tiny", tmp_path / "models" / "tiny")
    service = start_service("--models", str(tmp_path / "models"), "--poll", "0.2")
    row = {"name": "tiny", "version": "1", "state": "READY"}
    assert triton(service, "repository_index")["repository_index"]["models"] == [row]
    answers = triton(service, "unload model_ready repository_index load", "--model", "tiny")
    assert answers["unload"] is True
    assert answers["model_ready"] is False
    (gone,) = answers["repository_index"]["models"]
    assert (gone["state"], gone["reason"]) == ("UNAVAILABLE", "unloaded")
    assert answers["load"] is True
    assert triton(service, "model_ready", "--model", "tiny")["model_ready"] is True


@pytest.mark.parametrize(
    ("checks", "arguments", "status", "text"),
    [
        ("infer", ["--model", "x"], "NOT_FOUND", "there is: brain-mri-fp32"),
        ("infer", ["--model", INT8, "--model-version", "9"], "NOT_FOUND", "there is: 1"),
        ("infer", ["--model", INT8, "--model-version", "x"], "NOT_FOUND", "whole number"),
        ("model_metadata", ["--model", "x"], "NOT_FOUND", "no such model"),
        (
            "infer",
            ["--model", INT8, "--output-name", "mask", "--classes", "3"],
            "INVALID_ARGUMENT",
            "classification",
        ),
        ("infer", ["--model", "brain-mri-fp32"], "INVALID_ARGUMENT", "must have shape"),
        ("load", ["--model", INT8, "--config", "{}"], "INVALID_ARGUMENT", "model.toml"),
        ("load", ["--model", "x"], "NOT_FOUND", "no such model is in the repository"),
        ("trace_settings", [], "UNIMPLEMENTED", "serve --help"),
        ("log_settings", [], "UNIMPLEMENTED", "serve --help"),
    ],
)
def test_what_is_wrong_is_told_with_its_status(
    service, triton, tensors, checks, arguments, status, text
):
    file, _ = tensors[INT8]
    answer = triton(service, checks, "--input", f"image={file}", *arguments)[checks]
    assert answer["error"] == status
    assert text in answer["message"]


def test_energy_goes_out_behind_every_answer(service, tensors):
    """As trailing metadata, which the stock client does not show."""
    from wattscan.wire import open_inference_pb2 as pb

    file, _ = tensors[INT8]
    message = pb.ModelInferRequest(model_name=INT8)
    message.inputs.add(name="image", datatype="FP32", shape=[2, 80, 112, 1])
    message.raw_input_contents.append(np.load(file).tobytes())
    call = service.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    answer, state = call.with_call(message.SerializeToString())
    trailing = dict(state.trailing_metadata())
    made = pb.ModelInferResponse.FromString(answer)
    assert float(trailing["energy_joules"]) == pytest.approx(
        made.parameters["energy_joules"].double_param, rel=1e-5
    )
    assert trailing["energy_method"] == made.parameters["energy_method"].string_param
    assert trailing["energy_scope"] == made.parameters["energy_scope"].string_param
    assert len(trailing["x-request-id"]) == 16
