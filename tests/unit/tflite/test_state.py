from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.tflite.model_file import read_content
from edgeq.tflite.state import unsettled
from tests.unit.bad_models import endless
from tests.unit.tiny_model import classifier


@pytest.mark.parametrize(("content", "names"), [(classifier(), ()), (endless(), ("WHILE",))])
def test_conditional_operators_are_named(content: bytes, names: tuple[str, ...]) -> None:
    assert unsettled(read_content(Path("a.tflite"), content)) == names
