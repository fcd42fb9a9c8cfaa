"""Variants of a model: their names, and the number format that each is stored in.

A variant is what the label `precision` names: `fp32`, `fp16`, `int8`, `int8-ptq`, `pruned`.
"""

from __future__ import annotations

import re

from wattscan.contracts.errors import WattscanError
from wattscan.contracts.types import DATATYPES, Datatype

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a model, and so its folder, may be called."""
_NAME = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
_LONGEST = 40
_NAMED = re.compile(
    rf"(?P<model>.+)-(?P<variant>(?:{'|'.join(DATATYPES)})([._-][A-Za-z0-9]+)*)", re.IGNORECASE
)


def check_variant(name: object) -> str:
    """The name, if it can be part of a model's name and of a path.

    Raises: WattscanError.
    """
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name) <= _LONGEST:
        return name
    raise WattscanError(
        f"the precision is {name!r}: give a name such as fp32, fp16, int8 or int8-ptq, of at most "
        f"{_LONGEST} letters and digits, with -, _ or . between them"
    )


def datatype_of(variant: str) -> Datatype:
    """The number format that a variant's name begins with; `fp32` for any other name."""
    first = re.split("[._-]", variant.lower(), maxsplit=1)[0]
    return next((datatype for datatype in DATATYPES if datatype == first), "fp32")


def split_name(name: str) -> tuple[str, str]:
    """The model and the variant that a name such as `lesion-int8` has; of any other name the whole,
    and no variant."""
    match = _NAMED.fullmatch(name)
    return (match["model"], match["variant"]) if match else (name, "")
