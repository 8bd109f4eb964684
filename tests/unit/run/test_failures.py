"""What is said about a worker that failed."""

from __future__ import annotations

import dataclasses

import pytest

from edgeq.errors import ModelRefusedError
from edgeq.run.failures import MESSAGE_LENGTH, Circumstances, Doing, one_line


def circumstances(where: str | None = "net/int8", limit: int | None = None) -> Circumstances:
    return Circumstances(
        where=where, doing=Doing("load"), output="log", timeout_s=1.0, memory_limit=limit
    )


def test_every_error_carries_the_output() -> None:
    here = circumstances(limit=10**9)
    errors = [
        here.ended(-11),
        here.ended(None),
        here.silent(),
        here.out_of_memory(),
        here.babble("?"),
        here.reported({"kinds": ["ValueError"], "message": "no"}),
        here.reported({}),
    ]
    assert [error.output for error in errors] == ["log"] * 7
    assert all(error.where == "net/int8" for error in errors)


def test_without_a_limit_a_memory_error_is_the_workers_own_failure() -> None:
    error = circumstances().reported({"kinds": ["MemoryError"], "message": "bad"})
    assert str(error) == "net/int8: the worker failed while it ran load: MemoryError bad"


def test_a_model_that_does_not_fit_into_memory_is_not_called_wrong() -> None:
    message = "Mmap of '6' at offset '0' failed with error '12'.The model allocation is null/empty"
    error = circumstances().reported({"kinds": ["ValueError"], "message": message})
    assert isinstance(error, ModelRefusedError)
    assert "there is not enough memory for load" in str(error)
    assert error.remedy == "Free some memory there, or use a smaller variant"


@pytest.mark.parametrize("code", [-9, 137])
def test_a_worker_that_something_else_stopped_may_have_been_short_of_memory(code: int) -> None:
    assert "run out of memory" in str(circumstances().ended(code).remedy)


def test_a_name_that_is_not_utf_8_is_called_so() -> None:
    kinds = ["UnicodeDecodeError", "UnicodeError", "ValueError", "Exception"]
    error = circumstances().reported({"kinds": kinds, "message": "'utf-8' codec can't decode"})
    assert type(error) is ModelRefusedError
    assert "refused load: the name of a tensor is not UTF-8" in str(error)
    assert "codec" not in str(error)


def test_a_refusal_without_words_says_so() -> None:
    error = circumstances(where=None).reported({"kinds": ["ValueError"], "message": " \n"})
    assert type(error) is ModelRefusedError
    assert str(error) == "the runtime refused load: no reason given, as after a failed allocation"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one", "one"),
        ("one.\n  two.\n", "one. two"),
        ("", ""),
        ("x" * MESSAGE_LENGTH, "x" * MESSAGE_LENGTH),
        ("x" * (MESSAGE_LENGTH + 1), "x" * (MESSAGE_LENGTH - 4) + " ..."),
    ],
)
def test_a_librarys_message_becomes_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("doing", "said"),
    [
        (Doing("load"), "during loading the model, and was stopped"),
        (Doing("infer", 0, 1), "during one inference, and was stopped"),
        (Doing("infer", 0, 20), "during one inference after 0 of 20 images or more, and was"),
        (Doing("infer", 1999, 2000), "during one inference after 1,999 of 2,000 images, and was"),
        (Doing("time"), "during one inference while timing, and was stopped"),
    ],
)
def test_silence_says_for_how_long_and_during_what(doing: Doing, said: str) -> None:
    error = dataclasses.replace(circumstances(), doing=doing, timeout_s=120.0).silent()
    assert error.what.startswith("the worker was silent for 120 s (run.timeout_s) ")
    assert said in error.what
    assert error.remedy is not None
    assert "may take longer than 120 s, raise run.timeout_s; otherwise" in error.remedy
