"""The view of a variant's file: its parts compared with the baseline's, types, kernels. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgeq.measure.size import Size
from edgeq.record.measured import RecordedOperators
from edgeq.record.structs import CaseRecord
from edgeq.report import words
from edgeq.words import plural

WIDTH = 460
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_COLOURS = 8
_WIDE = 14.0
_GAP = 1.0


@dataclass(frozen=True)
class Share:
    """One line of a breakdown."""

    name: str
    text: str
    share: float


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar, in the picture's units.

    Attributes:
        x, width: Left end and width.
        letter: Letter of the part in the table; empty if the segment is too narrow for it.
        colour: Index of the colour, 0 to 7.
    """

    x: float
    width: float
    letter: str
    colour: int
    title: str


@dataclass(frozen=True)
class PartRow:
    """One part of the files, with its size in each of them in words."""

    letter: str
    colour: int
    name: str
    baseline: str
    variant: str


@dataclass(frozen=True)
class StackView:
    """The bytes of both files by part, as two bars of the same scale.

    Attributes:
        bars: The baseline's and the variant's segments.
        rows: The parts in numbers, the baseline's greatest part first.
    """

    bars: tuple[tuple[Segment, ...], ...]
    rows: tuple[PartRow, ...]
    description: str


@dataclass(frozen=True)
class KernelsView:
    """The share of the operators, 0 to 1, that the kernels' delegate runs, and what that means."""

    summary: str
    share: float


def stack_view(baseline: Size | None, variant: Size | None) -> StackView | None:
    """Return the bytes of both files by part, None if the variant's file was not read."""
    first, second = ({} if file is None else file.parts for file in (baseline, variant))
    most = max(sum(first.values()), sum(second.values()))
    if not second or most <= 0:
        return None
    names = sorted(
        {*first, *second}, key=lambda kind: (-first.get(kind, 0), -second.get(kind, 0), kind)
    )
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
        bars=tuple(_segments(parts, rows, WIDTH / most) for parts in (first, second)),
        rows=rows,
        description="Bytes by part: "
        + "; ".join(f"{row.name}: baseline {row.baseline}, variant {row.variant}" for row in rows),
    )


def kernels_view(operators: RecordedOperators | None) -> KernelsView | None:
    """Return what the kernels' delegate runs, None if the variant was not loaded."""
    if operators is None or operators.total is None or operators.partitions is None:
        return None
    delegated, total = operators.delegated, operators.total
    if delegated is None:
        return None
    pieces = plural(operators.partitions, "partition")
    return KernelsView(
        summary=f"{delegated:,} of {total:,} operators in {pieces} "
        f"({operators.kernels or 'kernels not known'})",
        share=delegated / total if total else 0.0,
    )


def shares(parts: Mapping[str, int] | None, show: Callable[[float], str]) -> tuple[Share, ...]:
    """Return a breakdown, the greatest part first; empty if there are no parts."""
    amounts = parts or {}
    whole = sum(amounts.values())
    order = sorted(amounts, key=lambda name: (-amounts[name], name))
    return tuple(Share(n, show(amounts[n]), amounts[n] / whole if whole else 0.0) for n in order)


def operators(operators_of_file: RecordedOperators | None) -> tuple[Share, ...]:
    """Return the operators of a file with their numbers, the most frequent first."""
    return () if operators_of_file is None else shares(operators_of_file.counts, words.count)


def types(operators: RecordedOperators | None) -> tuple[tuple[str, str], ...]:
    """Return the types of a file's tensors and operators, as names and texts."""
    if operators is None:
        return ()
    weights = shares(operators.weight_bytes_by_type, words.size)
    compute = shares(operators.compute_activation_types, words.count)
    islands = operators.float_islands
    lines = {
        "inputs": ", ".join(operators.input_types or ()),
        "outputs": ", ".join(operators.output_types or ()),
        "weights": ", ".join(f"{weight.name} {weight.text}" for weight in weights),
        "compute operators": ", ".join(f"{share.text} in {share.name}" for share in compute),
        "float islands": "" if islands is None else ", ".join(islands) or "none",
        "custom operators": ", ".join(operators.custom or ()),
    }
    return tuple((name, text) for name, text in lines.items() if text)


def noise(case: CaseRecord | None) -> tuple[tuple[str, str], ...]:
    """Return the difference between kernels next to the quantization error, as name and text."""
    if case is None:
        return ()
    known = case.known
    if known.noise is None or known.own_error is None or known.other_kernels is None:
        return ()
    text = (
        f"{words.number('number', known.noise)} from those of {known.other_kernels} kernels, "
        f"{words.number('number', known.own_error)} from the baseline's"
    )
    return ((f"relative error of {known.compared or 'logits'}", text),)


def _segments(
    amounts: Mapping[str, int], rows: tuple[PartRow, ...], scale: float
) -> tuple[Segment, ...]:
    segments, x = [], 0.0
    for row in rows:
        width = amounts.get(row.name, 0) * scale
        if width > 0:
            segments.append(
                Segment(
                    x=round(x, 1),
                    width=round(max(0.4, width - _GAP), 1),
                    letter=row.letter if width >= _WIDE else "",
                    colour=row.colour,
                    title=f"{row.letter}: {row.name}, {words.size(amounts[row.name])}",
                )
            )
        x += width
    return tuple(segments)
