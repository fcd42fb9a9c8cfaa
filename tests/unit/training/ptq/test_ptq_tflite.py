"""INT8 of a TFLite file, and the forms that are repaired before."""

import flatbuffers
import numpy as np
import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.training import edge_tpu, tflite_file
from wattscan.training.own.form import datatype_in
from wattscan.training.ptq.plan import ALL, Build
from wattscan.training.ptq.quantize import QuantizeRequest, quantize
from wattscan.training.ptq.tflite_build import TFLiteQuantizer
from wattscan.training.ptq.tflite_repair import repaired

TASK = "nerve-ultrasound"
FILE = models_folder() / f"{TASK}-fp32" / "1" / "model.tflite"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    task = plugins.task(TASK)
    card = next(c for c in find_cards(models_folder()) if c.task == TASK)
    folder = tmp_path_factory.mktemp("frames")
    for number, image in enumerate(task.phantom(8, seed=5).images):
        np.save(folder / f"{number}.npy", task.preprocess(image, card.normalisation))
    return folder


def changed(path, change):
    """The shipped file with a change to its flatbuffer's objects."""
    schema, model = tflite_file.read(FILE)
    change(schema, model)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def unsigned(_, model):
    model.signatureDefs = None


def old_codes(_, model):
    for code in model.operatorCodes:
        code.builtinCode = 0


def one_more_tensor(schema, model):
    spare = schema.TensorT()
    spare.name, spare.shape, spare.type, spare.buffer = b"spare", [1], 0, 0
    model.subgraphs[0].tensors.insert(0, spare)
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = (
        [place + 1 for place in x] for x in (graph.inputs, graph.outputs)
    )
    for operator in graph.operators:
        operator.inputs = [place + 1 if place >= 0 else place for place in operator.inputs]
        operator.outputs = [place + 1 for place in operator.outputs]
    for entry in (*model.signatureDefs[0].inputs, *model.signatureDefs[0].outputs):
        entry.tensorIndex += 1


def half_weights(schema, model):
    """Each constant of the convolutions in 16 bits behind a DEQUANTIZE, as converters write it."""
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    place = int(graph.operators[0].inputs[1])
    weights = graph.tensors[place]
    values = np.frombuffer(bytes(model.buffers[weights.buffer].data), "<f4").astype("<f2")
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    narrow = schema.TensorT()
    narrow.name, narrow.shape = b"half", weights.shape
    narrow.type, narrow.buffer = schema.TensorType.FLOAT16, len(model.buffers) - 1
    graph.tensors.append(narrow)
    weights.buffer = 0
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [len(graph.tensors) - 1], [place]
    graph.operators.insert(0, operator)


@pytest.mark.parametrize(("change", "told", "tolerance"), [
    (unsigned, "A signature", 0), (old_codes, "Operator codes", 0),
    (one_more_tensor, "Tensors that no operator uses", 0), (half_weights, "Weights of 16", 1e-2),
])  # fmt: skip
def test_a_form_is_repaired_and_answers_as_before(tmp_path, frames, change, told, tolerance):
    path = changed(tmp_path / "m.tflite", change)
    sentences = repaired(path, tmp_path / "repaired.tflite")
    assert any(sentence.startswith(told) for sentence in sentences)
    assert repaired(tmp_path / "repaired.tflite", tmp_path / "again.tflite") == []
    image = np.load(frames / "0.npy")[np.newaxis]
    litert = plugins.backend("litert")
    before, after = (
        litert.open_engine(each, {"threads": 1}).run([image])[0]
        for each in (FILE, tmp_path / "repaired.tflite")
    )
    assert np.abs(before - after).max() <= tolerance * np.abs(before).max()


def test_every_operator_is_in_8_bits_and_the_edge_tpu_takes_it(tmp_path, frames):
    paths = sorted(frames.glob("*.npy"))
    samples = [{"image": np.load(path)[np.newaxis]} for path in paths]
    quantizer = TFLiteQuantizer(FILE, samples, tmp_path)
    quantizer.build(Build(ALL), tmp_path / "all.tflite")
    assert tflite_file.problems(tmp_path / "all.tflite", datatype="int8") == []
    assert quantizer.in_float(tmp_path / "all.tflite", Build(ALL)) == []
    operators = edge_tpu.operators(tmp_path / "all.tflite")
    assert operators and not any(each.problems for each in operators)
    layer = quantizer.layers()[3]
    kept = Build(ALL, (layer,))
    quantizer.build(kept, tmp_path / "kept.tflite")
    (left,) = quantizer.in_float(tmp_path / "kept.tflite", kept)
    assert (left.operator, left.count, left.why) == ("CONV_2D", 1, "asked for with --keep-float")


def test_a_file_is_written_and_told_of(tmp_path, frames):
    told = []
    (path,) = quantize(QuantizeRequest(FILE, [frames], tmp_path, layers=0), told.append)
    assert path.name == "model-int8.tflite" and datatype_in(path) == "int8"
    assert any(line.startswith("Edge TPU: ") for line in told)
    with pytest.raises(WattscanError, match="is in INT8 already"):
        quantize(QuantizeRequest(path, [frames], tmp_path), told.append)


def test_sparse_weights_are_refused_by_name(tmp_path):
    def sparse(schema, model):
        code = model.operatorCodes[0]
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DENSIFY

    path = changed(tmp_path / "m.tflite", sparse)
    with pytest.raises(WattscanError, match="has the operator DENSIFY, sparse weights"):
        repaired(path, tmp_path / "repaired.tflite")
