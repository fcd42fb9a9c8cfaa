"""What every backend must do with a model file that it can run, and with one that is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import Array, Engine, EngineAbsent, TensorSpec, WattscanError


def example(spec: TensorSpec, seed: int) -> Array:
    """An array that a tensor admits; what is open has a size of 1."""
    shape = [max(1, size) for size in spec.shape]
    values = np.random.default_rng(seed).uniform(-3, 3, shape)
    array: Array = values.astype(spec.dtype)
    return array


class BackendContract:
    """Subclass it, set `name`, and give `model`, a file in the backend's format."""

    name: str
    """As a target's TOML names it."""

    settings: Mapping[str, Any] = {}
    """Its `[backend]` table, without the name."""

    @pytest.fixture
    def model(self) -> Path:
        """A model file that the backend can run."""
        raise NotImplementedError

    @pytest.fixture
    def engine(self, model: Path) -> Iterator[Engine]:
        """The model, loaded."""
        try:
            engine = plugins.backend(self.name).open_engine(model, self.settings)
        except EngineAbsent as error:
            pytest.skip(f"not for this processor: {error}")
        yield engine
        engine.close()

    def test_it_says_what_runs_the_model(self, engine: Engine) -> None:
        """For every series and table."""
        assert engine.provider and isinstance(engine.provider, str)
        assert set(getattr(engine, "computes_in", ())) <= {"fp32", "fp16", "int8"}

    def test_the_answers_are_those_that_it_declares(self, engine: Engine) -> None:
        """One for each output, of its type and shape."""
        assert engine.inputs and engine.outputs
        answers = engine.run([example(spec, 1) for spec in engine.inputs])
        assert len(answers) == len(engine.outputs)
        for answer, spec in zip(answers, engine.outputs, strict=True):
            assert answer.dtype == spec.dtype
            assert len(answer.shape) == len(spec.shape)
            sizes = zip(answer.shape, spec.shape, strict=True)
            assert all(declared in (-1, size) for size, declared in sizes)

    def test_an_answer_does_not_depend_on_what_was_asked_before(self, engine: Engine) -> None:
        """And is the caller's to keep."""
        first = [example(spec, 1) for spec in engine.inputs]
        before = engine.run(first)
        kept = [answer.copy() for answer in before]
        engine.run([example(spec, 2) for spec in engine.inputs])
        for one, copy, other in zip(before, kept, engine.run(first), strict=True):
            np.testing.assert_array_equal(one, copy)
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("content", [b"", b"this is not a model", None])
    def test_a_file_that_is_no_model_is_one_clear_line(
        self, tmp_path: Path, content: bytes | None
    ) -> None:
        """A WattscanError that names the file, and no traceback of a library."""
        backend = plugins.backend(self.name)
        path = tmp_path / f"model.{backend.FORMAT}"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(WattscanError) as caught:
            backend.open_engine(path, self.settings)
        if isinstance(caught.value, EngineAbsent):
            pytest.skip(f"not for this processor: {caught.value}")
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value)

    def test_a_setting_that_it_does_not_have_is_told(self, model: Path) -> None:
        """By name: a misspelt one is not silently left out."""
        with pytest.raises(WattscanError, match="no-such-setting"):
            plugins.backend(self.name).open_engine(model, {**self.settings, "no-such-setting": 1})
