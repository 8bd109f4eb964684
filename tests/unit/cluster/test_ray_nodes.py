"""What Ray's errors become; what needs a cluster is in tests/end_to_end/test_cluster.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeq.cluster.ray_nodes import ATTEMPTS, _in_a_line, _join_as_driver

NO_SERVER = ConnectionAbortedError("From server:\nRuntimeError: Starting Ray client server failed.")


class Ray:
    """A cluster that answers attempts to connect one after the other: by an error, or not."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers: Iterator[Exception | None] = iter(answers)
        self.addresses = list[str]()

    def init(self, address: str, **_: object) -> None:
        self.addresses.append(address)
        answer = next(self.answers)
        if answer is not None:
            raise answer


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", "ValueError"),
        ("The node died.\nMore is in its log.", "The node died"),
        (
            "From server:\nTraceback:\n  File\nRuntimeError: full.\n",
            "From server: RuntimeError: full",
        ),
        ("No cluster:\n", "No cluster:"),
    ],
)
def test_an_error_of_ray_becomes_one_line_with_its_reason(message: str, line: str) -> None:
    assert _in_a_line(ValueError(message)) == line


def test_a_cluster_that_starts_no_server_for_the_client_is_asked_again() -> None:
    ray = Ray(NO_SERVER, NO_SERVER, None)
    _join_as_driver(ray, "ray://head:10001")
    assert ray.addresses == ["ray://head:10001"] * 3


def test_a_cluster_is_asked_no_more_than_a_few_times() -> None:
    ray = Ray(*[NO_SERVER] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionAbortedError, match="server failed"):
        _join_as_driver(ray, "ray://head:10001")
    assert len(ray.addresses) == ATTEMPTS


def test_another_error_is_final() -> None:
    ray = Ray(RuntimeError("Version mismatch"), None)
    with pytest.raises(RuntimeError, match="mismatch"):
        _join_as_driver(ray, "auto")
    assert len(ray.addresses) == 1
