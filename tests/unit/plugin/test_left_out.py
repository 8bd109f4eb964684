"""Which cases without a verdict the user chose to leave out."""

from __future__ import annotations

import sys
from types import FrameType, ModuleType

import pytest

from edgeq.plugin.left_out import LeftOut, by_pytest

OWN = "net/int8/test_own::test_mine"


def left_out(*, deselected: tuple[str, ...] = (), others: bool = False) -> LeftOut:
    return LeftOut(
        deselected=frozenset(deselected),
        collected=frozenset({"net/int8/made", "net/int8/types"}),
        declared=frozenset({"net/int8/made", "net/int8/types", "net/int8/outputs"}),
        others=others,
    )


@pytest.mark.parametrize(
    ("chosen", "part", "inside"),
    [
        (left_out(), False, set()),
        (left_out(deselected=("net/int8/made",)), True, {"net/int8/made", OWN}),
        (left_out(others=True), True, {"net/int8/outputs", OWN}),
        (
            left_out(deselected=("net/int8/made",), others=True),
            True,
            {"net/int8/made", "net/int8/outputs", OWN},
        ),
    ],
)
def test_what_was_collected_was_left_out_only_if_the_user_deselected_it(
    chosen: LeftOut, inside: set[str], *, part: bool
) -> None:
    cases = {"net/int8/made", "net/int8/types", "net/int8/outputs", OWN}
    assert {case for case in cases if case in chosen} == inside
    assert chosen.is_part is part


def frame_in(*modules: str) -> FrameType:
    """Return a frame of the last of these modules, which the one before called, and so on."""
    source = (
        "def call(rest, sys):\n    return rest[0](rest[1:], sys) if rest else sys._getframe()\n"
    )
    calls = []
    for name in modules:
        module = ModuleType(name)
        exec(source, module.__dict__)  # noqa: S102 - a frame needs code of that module
        calls.append(module.__dict__["call"])
    frame: FrameType = calls[0](calls[1:], sys)
    return frame


@pytest.mark.parametrize(
    ("modules", "own"),
    [
        (("_pytest.mark",), True),
        (("_pytest.main", "pluggy._hooks", "pluggy._callers"), True),
        (("_pytest.main", "conftest", "pluggy._hooks"), False),
        (("_pytest.mark", "edgeq.plugin.session"), True),
        (("some_plugin.sharding", "pluggy._hooks"), False),
        (("_pytest_like",), False),
    ],
)
def test_who_calls_a_hook(modules: tuple[str, ...], *, own: bool) -> None:
    assert by_pytest(frame_in(*modules)) is own


def test_nobody_calls_it() -> None:
    assert not by_pytest(None)
