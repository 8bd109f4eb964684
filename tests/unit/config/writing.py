"""Specs for tests: the least that is valid, and what is changed about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.config.load import parse
from edgeq.config.structs import Spec
from edgeq.errors import SpecError

ROOT = Path("project").absolute()
ORIGIN = Path("edgeq.toml")


def table(**changes: Any) -> dict[str, Any]:
    """Return a table of TOML with one model ``net``, and these keys."""
    return {"models": {"net": {"source": "net.tflite"}}, **changes}


def spec(**changes: Any) -> Spec:
    """Return the spec of such a table."""
    return parse(table(**changes), root=ROOT, origin=ORIGIN)


def net(**keys: Any) -> dict[str, Any]:
    """Return the ``models`` table whose one model has these keys too."""
    return {"models": {"net": {"source": "net.tflite", **keys}}}


def refusal(**changes: Any) -> str:
    """Return what the refusal of such a table says after the file's name."""
    with pytest.raises(SpecError) as caught:
        spec(**changes)
    error = caught.value
    assert error.where is not None
    assert error.where.startswith(str(ORIGIN))
    return str(error).removeprefix(f"{ORIGIN}: ")
