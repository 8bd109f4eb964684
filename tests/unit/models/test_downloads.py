from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from edgeq.models.downloads import bound_network, unreachable

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Yield a port that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_a_silent_server_counts_as_unreachable(no_proxy: None, silent_port: int) -> None:
    assert unreachable(f"https://127.0.0.1:{silent_port}/", 0.2)


def test_a_refused_connection_says_why(no_proxy: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        reason = unreachable(f"https://127.0.0.1:{taken.getsockname()[1]}/", 5)
    assert reason is not None
    assert "refused" in reason


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    before = socket.getdefaulttimeout()
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)  # restored afterwards
    yield monkeypatch
    socket.setdefaulttimeout(before)


def test_one_address_of_each_family_is_tried(network: pytest.MonkeyPatch) -> None:
    many = [(V6, 1), (V6, 2), (V4, 3), (V4, 4)]
    network.setattr(socket, "getaddrinfo", lambda *_: many)
    bound_network(5)
    found: Any = socket.getaddrinfo("example.org", 443)
    assert sorted(found) == sorted([(V6, 1), (V4, 3)])
    assert socket.getdefaulttimeout() == 5


def test_a_look_up_that_hangs_ends(network: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    network.setattr(socket, "getaddrinfo", lambda *_: let_go.wait(60))
    bound_network(0.1)
    with pytest.raises(TimeoutError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)
    let_go.set()


def test_a_look_up_that_fails_keeps_its_reason(network: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    network.setattr(socket, "getaddrinfo", fail)
    bound_network(5)
    with pytest.raises(socket.gaierror, match="not known"):
        socket.getaddrinfo("example.org", 443)
