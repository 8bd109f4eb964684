from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from edgeq import errors
from edgeq.errors import (
    ConversionError,
    EdgeqError,
    MissingExtraError,
    ModelError,
    SpecError,
    WorkerCrashedError,
    encodable,
    reason_of,
)

KINDS = [one for _, one in inspect.getmembers(errors, inspect.isclass) if one is not EdgeqError]


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = SpecError("is empty", where=Path("edgeq.toml"), remedy="Add a model")
    assert str(error) == "edgeq.toml: is empty. Add a model"
    assert (error.what, error.where, error.remedy) == ("is empty", "edgeq.toml", "Add a model")


def test_place_and_remedy_may_be_unknown() -> None:
    assert str(EdgeqError("broke")) == "broke"


@pytest.mark.parametrize("kind", [one for one in KINDS if issubclass(one, Exception)])
def test_every_error_is_bad_input_with_exit_code_2(kind: type[Exception]) -> None:
    assert issubclass(kind, EdgeqError)
    assert kind.exit_code == 2


def test_the_tree_at_the_top_is_the_tree() -> None:
    tree = errors.__doc__ or ""
    for kind in KINDS:
        if issubclass(kind, EdgeqError):
            depth = kind.mro().index(EdgeqError)
            line = next(line for line in tree.splitlines() if f" {kind.__name__} " in line)
            assert line.index(kind.__name__) == 4 * depth


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtraError("pandas", extra="frames", needed_for="a data frame")
    assert error.extra == "frames"
    assert str(error) == (
        "a data frame needs the package 'pandas', which is not installed. "
        "Install it with: pip install 'edgeq[frames]'"
    )


@pytest.mark.parametrize(
    ("python", "extra", "newest"),
    [((3, 13), "keras", False), ((3, 14), "onnx", True), ((3, 14), "ray", False)],
)
def test_the_newest_python_that_tensorflow_has_wheels_for_is_named(
    monkeypatch: pytest.MonkeyPatch, python: tuple[int, int], extra: str, newest: bool
) -> None:
    monkeypatch.setattr("sys.version_info", (*python, 0, "final", 0))
    error = MissingExtraError("a package", extra=extra, needed_for="net.onnx")
    assert ("on Python 3.13 or older" in str(error)) is newest


def test_errors_of_tools_carry_what_the_tool_said() -> None:
    log = Path("convert.log")
    assert ConversionError("failed", log=log).log == log
    assert WorkerCrashedError("ended by SIGSEGV", output="last words").output == "last words"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(13, "Permission denied", "a.png"), "Permission denied"),
        (OSError("cut off"), "cut off"),
        (ValueError("not UTF-8"), "not UTF-8"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_of_an_error_is_a_sentence_without_number_and_path(
    error: Exception, reason: str
) -> None:
    assert reason_of(error) == reason


def test_the_name_of_a_file_that_is_no_utf8_can_still_be_told() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    error = EdgeqError("is not an image", where=name, remedy=f"Rename {name}")
    assert str(error).encode() == b"caf\\udce9.png: is not an image. Rename caf\\udce9.png"
    assert encodable("caf\u00e9 \U0001f408") == "caf\u00e9 \U0001f408"


def test_what_a_file_says_of_itself_is_one_line_that_nobody_obeys() -> None:
    evil = "Nice\x1b[2J\n::error title=x::by a file\u202e"
    said = str(ModelError(f"has {evil!s}", where=Path(f"a{evil}.tflite"), remedy=f"Drop {evil}"))
    assert said.isprintable()
    assert "\n" not in said
    assert " ::" not in said
