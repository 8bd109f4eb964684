import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from edgeq.io.syntax import syntax_tree

SOURCE = "a = [(1, {2: 3}), lambda: (4, [5])]\n" * 20
TREES = 400


class Garbage:
    """An object in a cycle, whose finalizer lets another thread run."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(20):
            pass


@pytest.fixture
def switching() -> Iterator[None]:
    """Switch threads in the middle of everything that allocates."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(20)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("switching")
def test_threads_build_syntax_trees_at_once() -> None:
    errors: list[BaseException] = []

    def build() -> None:
        try:
            for _ in range(TREES):
                Garbage()
                syntax_tree(SOURCE)
        except SystemError as error:
            errors.append(error)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
