"""Findings about how a file would run on a target, from examining the file."""

from __future__ import annotations

import msgspec


class Findings(msgspec.Struct, frozen=True):
    """Findings about a file on a target that does not run it.

    Attributes:
        lines: Findings for people, one line each.
        problems: Reasons why the file can't be used there, one line each; empty if there are none.
        figures: Numbers that gates compare with a limit, by what they measure: ``npu_operators``
            (share of the operators that the NPU takes), ``npu_ms``, ``sram`` (bytes).
    """

    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()
    figures: dict[str, float] = {}
