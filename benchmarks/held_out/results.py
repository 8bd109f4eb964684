"""What came of each held-out fault and harmless change, kept as JSON, and as tables."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.held_out.kinds import KINDS, STORED
from benchmarks.held_out.strength import SEEN
from benchmarks.visible import Visibility
from edgeq.config.gates import GATES

UNCOUNTED = {"not applicable", "broken"}
PLAIN = "stored_weights"
"""The cause of a failed proof of stored values that no experiment explains."""

INPUT = "input"
SEVERAL = {"block_dropped", "shortcut_dropped", "gate_bypassed", "silu_lost"}
"""Kinds that take several operators away: any of them may be named."""

GENERAL = {"convolution", "depthwise", "mul", "add", "sub", "batchnorm", "MatMul", "Conv2D"}
"""Parts of names that many layers have."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one fault, or of one harmless change.

    Attributes:
        network: The network.
        format: The variant that it was made in.
        name: The fault.
        kind: Of the fault, without the place.
        group: Of the kind; ``"control"`` for a harmless change.
        summary: What is wrong, in a few words.
        verdict: As in ``FaultAnswer`` and ``ControlAnswer``.
        caught_by: The gates that stopped it.
        inconclusive: The gates that could not tell.
        causes: Names that a diagnosis may give rightly.
        cause: What it named, None for none.
        sentence: What it said.
        where: Name of the layer or operator at fault.
        z: How far stored numbers are from the baseline's, None for other faults.
        visible: What an independent script finds, None if it was not asked.
        note: Why it is not caught, or why a harmless change was stopped.
        seconds: How long it took.
    """

    network: str
    format: str
    name: str
    kind: str
    group: str
    summary: str = ""
    verdict: str
    caught_by: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    cause: str | None = None
    sentence: str = ""
    where: str | None = None
    z: float | None = None
    visible: Visibility | None = None
    note: str = ""
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it among all."""
        return self.network, self.format, self.name

    @property
    def counted(self) -> bool:
        """Whether it says something about the gates."""
        return self.verdict not in UNCOUNTED

    @property
    def is_caught(self) -> bool:
        """Whether a gate stopped it."""
        return self.verdict == "caught"

    @property
    def is_visible(self) -> bool:
        """Whether predictions show it."""
        return self.visible is not None and self.visible.visible

    @property
    def is_stored(self) -> bool:
        """Whether it lies in stored numbers or in the graph, and far enough from the baseline's.

        A graph that computes the same, such as an activation whose range says it too, is none.
        """
        same = self.visible is not None and self.visible.same
        return self.z is not None and self.z >= SEEN and same is not True

    @property
    def proofs(self) -> tuple[str, ...]:
        """The proofs that stopped it."""
        return tuple(one for one in self.caught_by if one in GATES and GATES.get(one).is_proof)

    @property
    def cause_right(self) -> bool:
        """Whether the cause is one of those that may be named, at the place where it is.

        What changes no prediction has no cause that an experiment shows; then the proof's own
        sentence is what is said, and must name the place.
        """
        plain = self.cause == PLAIN and self.group in STORED
        return (plain or self.cause in self.causes) and self.place_right

    @property
    def place_right(self) -> bool:
        """Whether the layer or operator at fault is named, if it is one alone."""
        if self.where is None or self.where == INPUT or self.group not in STORED:
            return True
        if self.kind in SEVERAL:
            return True
        said = f"{self.sentence} {self.note}"
        names = {
            one
            for path in self.where.split(";")
            for one in path.split("/")[1:] or [path]
            if one.rstrip("_0123456789") not in GENERAL
        }
        return any(re.search(rf"(?<![\w.]){re.escape(one)}(?![\w.])", said) for one in names)


class Results:
    """Results in a folder, one file per network and format, written as they come.

    Args:
        folder: The folder, made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._held: dict[tuple[str, str, str], Result] = {}
        for path in sorted(folder.glob("*.json")):
            for one in msgspec.json.decode(path.read_bytes(), type=tuple[Result, ...]):
                names = KINDS.get(one.kind).causes if one.kind in KINDS else one.causes
                self._held[one.key] = msgspec.structs.replace(one, causes=names)

    def get(self, network: str, form: str, name: str) -> Result | None:
        """Return a result that is there already."""
        return self._held.get((network, form, name))

    def add(self, result: Result) -> None:
        """Keep a result, and write those of its network and format."""
        self._held[result.key] = result
        alike = (result.network, result.format)
        some = tuple(one for one in self._held.values() if (one.network, one.format) == alike)
        path = self._folder / f"{result.network}-{result.format}.json"
        partial = path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(some), indent=1) + b"\n")
        partial.replace(path)

    def all(self) -> tuple[Result, ...]:
        """Return all results."""
        return tuple(self._held.values())


def seen_as(results: Sequence[Result], others: Results) -> tuple[Result, ...]:
    """Return results with what others, on more photographs, say is visible."""
    found = []
    for one in results:
        other = others.get(*one.key)
        visible = one.visible if other is None else other.visible
        found.append(msgspec.structs.replace(one, visible=visible))
    return tuple(found)


def tables(results: Sequence[Result], before: Sequence[Result] = ()) -> Iterator[str]:
    """Yield the lines of the tables: by network, format and group, before and now."""
    faults = [one for one in results if one.group != "control" and one.counted]
    earlier = {one.key: one for one in before}
    then = [earlier[one.key] for one in faults if one.key in earlier]
    yield from _table("all", faults, then, lambda _: "all")
    yield from _table("network", faults, then, lambda one: one.network)
    yield from _table("format", faults, then, lambda one: one.format)
    yield from _table("group", faults, then, lambda one: one.group)
    yield from _misses(faults)
    yield from _causes(faults)
    yield from _controls([one for one in results if one.group == "control"])
    aside = [one for one in results if one.group != "control" and not one.counted]
    for one in aside:
        yield f"{one.verdict}: {_named(one)}: {one.note}"


def _table(
    head: str, faults: Sequence[Result], before: Sequence[Result], of: Callable[[Result], str]
) -> Iterator[str]:
    yield ""
    yield (
        f"| {head} | faults | visible caught | stored, z > {SEEN}: caught | by a proof | "
        "invisible caught | INCONCLUSIVE | missed | cause right |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    groups: defaultdict[str, tuple[list[Result], list[Result]]] = defaultdict(lambda: ([], []))
    for at, some in enumerate((faults, before)):
        for one in some:
            groups[of(one)][at].append(one)
    for name, (now, then) in groups.items():
        for text, some in ((name, now), (f"{name}, before", then)):
            if some:
                yield f"| {text} | {' | '.join(_cells(some))} |"


def _cells(some: Sequence[Result]) -> Iterator[str]:
    caught = [one for one in some if one.is_caught]
    yield str(len(some))
    yield _share(some, lambda one: one.is_visible, lambda one: one.is_caught)
    yield _share(some, lambda one: one.is_stored, lambda one: one.is_caught)
    yield _share(some, lambda one: one.is_stored, lambda one: bool(one.proofs))
    yield _share(some, lambda one: not one.is_visible, lambda one: one.is_caught)
    yield str(sum(one.verdict == "INCONCLUSIVE" for one in some))
    yield str(sum(one.verdict == "missed" for one in some))
    yield _share(caught, lambda _: True, lambda one: one.cause_right)


def _share(
    some: Iterable[Result], whole: Callable[[Result], bool], part: Callable[[Result], bool]
) -> str:
    chosen = [one for one in some if whole(one)]
    count = sum(part(one) for one in chosen)
    return f"{count} of {len(chosen)}" + (f" ({count / len(chosen):.1%})" if chosen else "")


def _named(one: Result) -> str:
    return f"{one.network} {one.format} {one.name}"


def _misses(faults: Sequence[Result]) -> Iterator[str]:
    yield ""
    yield "Not caught:"
    for one in faults:
        if one.is_caught:
            continue
        why = "not asked" if one.visible is None else one.visible.why
        z = "" if one.z is None else f", z {one.z:.1f}"
        mark = "visible" if one.is_visible else "invisible"
        yield f"  {mark}{z}: {_named(one)}: {one.verdict}; {why}; at {one.where}; {one.note}"


def _causes(faults: Sequence[Result]) -> Iterator[str]:
    yield ""
    yield "Caught, and another cause named than expected:"
    for one in faults:
        if one.is_caught and not one.cause_right:
            yield (
                f"  {_named(one)}: {one.cause or 'none'} for {', '.join(one.causes)}; "
                f"by {', '.join(one.caught_by)}; at {one.where}: {one.sentence}"
            )


def _controls(controls: Sequence[Result]) -> Iterator[str]:
    yield ""
    counted = [one for one in controls if one.counted]
    alarms = [one for one in counted if one.verdict == "FAIL"]
    named = [one for one in counted if one.cause]
    yield (
        f"{len(counted)} harmless changes: {len(alarms)} false alarms, {len(named)} with a cause, "
        f"{sum(one.verdict == 'INCONCLUSIVE' for one in counted)} INCONCLUSIVE"
    )
    for one in alarms:
        yield f"  {_named(one)}: FAIL by {', '.join(one.caught_by)}: {one.note}"
    for one in named:
        yield f"  {_named(one)}: {one.cause}: {one.sentence}"
    for one in controls:
        if not one.counted:
            yield f"  {one.verdict}: {_named(one)}: {one.note}"
