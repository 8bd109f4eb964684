"""The names of a SavedModel's signatures, read without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.errors import ModelError
from edgeq.models.saved_model_file import FILE, chosen_signature, signatures_of


def field(number: int, content: bytes) -> bytes:
    size, digits = len(content), bytearray()
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


def saved(folder: Path, *names: str) -> Path:
    """Write the part of a SavedModel that names its signatures, between parts that do not."""
    entries = [
        field(5, field(1, name.encode()) + field(2, b"x" * 300))
        for name in (*names, "__saved_model_init_op")
    ]
    graph = field(2, b"graph" * 100) + b"".join(entries) + bytes([6 << 3, 1])
    (folder / FILE).write_bytes(bytes([1 << 3, 1]) + field(2, graph))
    return folder


@pytest.mark.parametrize("names", [(), ("serving_default",), ("b", "a")])
def test_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert signatures_of(saved(tmp_path, *names)) == tuple(sorted(names))


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        (("serving_default", "other"), None, "serving_default"),
        (("only",), None, "only"),
        (("a", "b"), "b", "b"),
    ],
)
def test_choice(tmp_path: Path, names: tuple[str, ...], wanted: str | None, chosen: str) -> None:
    assert chosen_signature(saved(tmp_path, *names), wanted) == chosen


@pytest.mark.parametrize(
    ("names", "wanted", "what"),
    [
        (
            ("classify", "brightness"),
            None,
            "no signature 'serving_default'; it has: 'brightness', 'classify'. Name the one",
        ),
        ((), None, "it has: none. Save it with model.export"),
        (("classify",), "clasify", "no signature 'clasify'. Did you mean 'classify'"),
        ((), "classify", "no signature 'classify'. It has none"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, names: tuple[str, ...], wanted: str | None, what: str
) -> None:
    with pytest.raises(ModelError) as caught:
        chosen_signature(saved(tmp_path, *names), wanted)

    assert what in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_what_is_no_message_is_left_to_tensorflow(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)

    names = signatures_of(tmp_path)

    assert names is None or sorted(set(names)) == list(names)


def test_damage_is_not_understood(tmp_path: Path) -> None:
    content = (saved(tmp_path, "a") / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-5])

    assert signatures_of(tmp_path) is None
    assert chosen_signature(tmp_path, "a") == "a"
