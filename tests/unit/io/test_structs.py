from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edgeq.io import structs
from edgeq.io.structs import not_finite
from tests.patience import PATIENCE_S

TWO_THREADS = """
import sys, threading
import msgspec
from edgeq.io import structs

looked, other_is_done = threading.Event(), threading.Event()

def slow(kind):
    looked.set()
    other_is_done.wait(0.5)  # with a lock it is not
    return kind

class Inner(msgspec.Struct):
    number: "slow(int)"

class Outer(msgspec.Struct):
    inner: Inner

READ = {
    "from_json": lambda: structs.from_json(b'{"inner": {"number": 7}}', Outer).inner,
    "converted": lambda: structs.converted({"number": 7}, Inner),
}
found = []
first = threading.Thread(target=lambda: found.append(READ[sys.argv[1]]().number))
first.start()
assert looked.wait()
found.append(READ[sys.argv[2]]().number)
other_is_done.set()
first.join()
assert found == [7, 7]
"""


@pytest.mark.parametrize("first", ["from_json", "converted"])
@pytest.mark.parametrize("second", ["from_json", "converted"])
def test_two_threads_may_be_the_first_to_read_a_struct(first: str, second: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_THREADS, first, second],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_of_the_type_is_refused() -> None:
    assert structs.from_json("[1]", list[int]) == [1]
    assert structs.converted((1, 2), list[int]) == [1, 2]
    with pytest.raises(msgspec.ValidationError):
        structs.from_json(b'["1"]', list[int])
    with pytest.raises(msgspec.ValidationError):
        structs.converted(["1"], list[int])
    with pytest.raises(msgspec.DecodeError):
        structs.from_json(b"[", list[int])


def test_every_place_is_found() -> None:
    value = {"a": [1.0, float("nan")], "b": ({"c": float("-inf")},), "d": "nan", "e": None}
    assert list(not_finite(value)) == ["$.a[1]", "$.b[0].c"]


def test_finite_numbers_have_no_place() -> None:
    assert list(not_finite({"a": [1.0, 2, True, 1e308]})) == []
