"""Notices within seconds that a download is unavailable."""

from __future__ import annotations

import socket
import threading
from typing import Any

SECONDS = 5.0


def unreachable(url: str, seconds: float = SECONDS) -> str | None:
    """Return why a server can't be reached, or None if it can.

    Any answer from the server counts as reached. A thread keeps the time, because a name lookup
    ignores time-outs. Proxies from the environment are used.
    """
    import urllib.error  # imported here: pulls in TLS and HTTP, and most runs download nothing
    import urllib.request

    reasons: list[str | None] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (https, our own)
            with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310
                reasons.append(None)
        except urllib.error.HTTPError as error:
            error.close()
            reasons.append(None)
        except OSError as error:
            reasons.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return reasons[0] if reasons else f"no answer within {seconds:.0f} s"


def bound_network(seconds: float = SECONDS) -> None:
    """Limit every network wait in this process, for libraries that set no time-out.

    Name lookups run in a thread with a time limit and return at most one address per family, so
    that a network that drops packets costs two time-outs, not one per address.
    """
    socket.setdefaulttimeout(seconds)
    look_up = socket.getaddrinfo

    def bounded(*args: Any, **kwargs: Any) -> list[Any]:
        problems: list[list[Any]] = []
        failed: list[OSError] = []

        def ask() -> None:
            try:
                problems.append(look_up(*args, **kwargs))
            except OSError as error:
                failed.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(seconds)
        if failed:
            raise failed[0]
        if not problems:
            raise TimeoutError(f"looking up {args[0]!r} took longer than {seconds:.0f} s")
        return list({entry[0]: entry for entry in reversed(problems[0])}.values())

    socket.getaddrinfo = bounded
