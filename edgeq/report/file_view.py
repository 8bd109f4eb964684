"""What a variant's file is made of, beside its baseline's, and who computes it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeq.record.structs import CaseRecord, Facts, VariantRecord
from edgeq.report import facts, words
from edgeq.words import plural

WIDTH = 460
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_COLOURS = 8
_WIDE = 14.0
_GAP = 1.0


@dataclass(frozen=True)
class Share:
    """One line of a breakdown: name, amount, share of the whole from 0 to 1."""

    name: str
    text: str
    share: float


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar, in the picture's units.

    Attributes:
        letter: Of the part in the table; empty where it is too narrow for one.
        colour: From 0 to 7.
    """

    x: float
    width: float
    letter: str
    colour: int
    title: str


@dataclass(frozen=True)
class PartRow:
    """One part of the files.

    Attributes:
        letter: In the picture.
        baseline, variant: Bytes in words.
    """

    letter: str
    colour: int
    name: str
    baseline: str
    variant: str


@dataclass(frozen=True)
class StackView:
    """Where the bytes are: two bars of one scale.

    Attributes:
        bars: The baseline's and the variant's segments.
        rows: The same in numbers, the baseline's greatest part first.
        description: What it shows, for those who can't see it.
    """

    bars: tuple[tuple[Segment, ...], ...]
    rows: tuple[PartRow, ...]
    description: str


@dataclass(frozen=True)
class KernelsView:
    """What the kernels took over.

    Attributes:
        summary: One sentence.
        share: Of the operators that the delegate took over, from 0 to 1.
        islands: Operators that compute in float where they should not.
    """

    summary: str
    share: float
    islands: tuple[str, ...]


def stack_view(baseline: Facts, variant: Facts) -> StackView | None:
    """Return where the bytes are, None where the variant's file was not read.

    Args:
        baseline: The baseline's size; may be empty.
        variant: The variant's size.
    """
    tables = [facts.table(one, "parts") for one in (baseline, variant)]
    amounts = [{name: facts.number(one, name) or 0.0 for name in one} for one in tables]
    most = max((sum(one.values()) for one in amounts), default=0.0)
    if not amounts[1] or most <= 0:
        return None
    first, second = amounts
    names = sorted({*first, *second}, key=lambda one: (-first.get(one, 0), -second.get(one, 0)))
    rows = tuple(
        PartRow(
            letter=_LETTERS[place % len(_LETTERS)],
            colour=place % _COLOURS,
            name=name,
            baseline=words.size(first[name]) if name in first else words.NONE,
            variant=words.size(second[name]) if name in second else words.NONE,
        )
        for place, name in enumerate(names)
    )
    return StackView(
        bars=tuple(_segments(one, rows, WIDTH / most) for one in amounts),
        rows=rows,
        description="Bytes by part: "
        + "; ".join(f"{row.name}: baseline {row.baseline}, variant {row.variant}" for row in rows),
    )


def kernels_view(operators: Facts) -> KernelsView | None:
    """Return what the kernels took over, None where the variant was not loaded."""
    taken, total = facts.number(operators, "delegated"), facts.number(operators, "total")
    partitions, kernels = facts.number(operators, "partitions"), facts.text(operators, "kernels")
    if taken is None or total is None or partitions is None:
        return None
    pieces = plural(round(partitions), "partition")
    return KernelsView(
        summary=f"{taken:,.0f} of {total:,.0f} operators in {pieces} "
        f"({kernels or 'kernels not known'})",
        share=taken / total if total else 0.0,
        islands=facts.texts(operators, "float_islands"),
    )


def shares(parts: Facts, show: Callable[[float], str]) -> tuple[Share, ...]:
    """Return a breakdown, the greatest part first."""
    amounts = {name: facts.number(parts, name) or 0.0 for name in parts}
    whole = sum(amounts.values())
    order = sorted(amounts, key=lambda name: (-amounts[name], name))
    return tuple(Share(n, show(amounts[n]), amounts[n] / whole if whole else 0.0) for n in order)


def types(variant: VariantRecord) -> tuple[tuple[str, str], ...]:
    """Return the types that a file holds and computes in, as names and texts."""
    found = variant.operators
    weights = shares(facts.table(found, "weight_bytes_by_type"), words.size)
    compute = shares(facts.table(found, "compute_activation_types"), words.count)
    islands = facts.texts(found, "float_islands")
    lines = {
        "inputs": ", ".join(facts.texts(found, "input_types")),
        "outputs": ", ".join(facts.texts(found, "output_types")),
        "weights": ", ".join(f"{one.name} {one.text}" for one in weights),
        "compute operators": ", ".join(f"{one.text} in {one.name}" for one in compute),
        "float islands": ", ".join(islands) or ("none" if "float_islands" in found else ""),
        "custom operators": ", ".join(facts.texts(found, "custom")),
    }
    return tuple((name, text) for name, text in lines.items() if text)


def noise(case: CaseRecord | None) -> tuple[tuple[str, str], ...]:
    """Return how far kernels part on a file beside what quantization costs, as name and text."""
    if case is None:
        return ()
    apart = facts.number(case.evidence, "noise")
    error = facts.number(case.evidence, "own_error")
    other = facts.text(case.evidence, "other_kernels")
    if apart is None or error is None or other is None:
        return ()
    said = (
        f"{words.number('number', apart)} from those of {other} kernels, "
        f"{words.number('number', error)} from the baseline's"
    )
    compared = facts.text(case.evidence, "compared") or "logits"
    return ((f"relative error of {compared}", said),)


def _segments(
    amounts: dict[str, float], rows: tuple[PartRow, ...], scale: float
) -> tuple[Segment, ...]:
    found, x = [], 0.0
    for row in rows:
        width = amounts.get(row.name, 0.0) * scale
        if width > 0:
            found.append(
                Segment(
                    x=round(x, 1),
                    width=round(max(0.4, width - _GAP), 1),
                    letter=row.letter if width >= _WIDE else "",
                    colour=row.colour,
                    title=f"{row.letter}: {row.name}, {words.size(amounts[row.name])}",
                )
            )
        x += width
    return tuple(found)
