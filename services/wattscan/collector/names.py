"""Labels of tasks and variants as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence

_SPELLED = {
    "mri": "MRI",
    "ct": "CT",
    "xray": "X-ray",
    **{name: name.upper() for name in ("fp32", "fp16", "bf16", "int8", "ptq", "qat")},
}


def title_of(label: str) -> str:
    """A task's or a variant's label: `chest-xray` is chest X-ray, `int8-ptq` INT8 PTQ.

    A model whose name tells no variant has an empty one.
    """
    if not label:
        return "one variant"
    return " ".join(_SPELLED.get(word, word) for word in label.split("-"))


def listed(parts: Sequence[str]) -> str:
    """Such as `A`, `A and B`, and `A, B and C`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def percent(ratio: float) -> str:
    """A ratio as a text has it, such as `0.1 %`."""
    return f"{100 * ratio:g} %"
