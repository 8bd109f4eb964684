"""Trying the drawn faults and the harmless changes of one network, variant by variant."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec

from benchmarks.held_out.draw import Drawn, draw
from benchmarks.held_out.harmless import HARMLESS
from benchmarks.held_out.kinds import STORED, Format, Kind, Spot
from benchmarks.held_out.networks import Network
from benchmarks.held_out.results import Result, Results
from benchmarks.held_out.strength import strength
from benchmarks.visible import Fed, Job, Visibility
from edgeq.config.structs import Preprocessing
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.explaining import cause_of, diagnose
from edgeq.errors import ModelError
from edgeq.faults.challenge import Made, judged, make
from edgeq.faults.fault import ANYTHING, Fault, Faulty, new_fault
from edgeq.faults.good import Good
from edgeq.faults.inject import with_variant
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord

AS_IT_IS = "as_it_is"
"""The harmless change that changes nothing, which a challenge would leave out."""

MAX_Z = 9999.0
"""Stands for an infinite z, which JSON can't hold."""

CONTROL_SEED = 7
PATIENCE_S = 1800


class Trial:
    """The faults and harmless changes of one network.

    Args:
        network: The network.
        run: Of it alone, with a variant of each format.
        results: Where what came of each is kept.
        before: Results of another version of edgeq; what an independent script found of the same
            files holds still.
        say: Told what is going on.
    """

    def __init__(
        self,
        network: Network,
        run: Run,
        results: Results,
        before: Results | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self._network, self._results, self._say = network, results, say
        self._before = before
        self._run = run

    def run(
        self,
        *,
        seed: int,
        formats: Sequence[Format],
        names: Sequence[str],
        only: str | None,
        again: bool,
    ) -> None:
        """Try what has no result yet.

        Args:
            seed: Of the faults.
            formats: The variants to try them in.
            names: Faults and harmless changes, all if there is none.
            only: ``"faults"`` or ``"controls"``; None for both.
            again: Whether to try those that have a result too.
        """
        run = self._run
        drawn = [one for one in draw(seed) if one.network == self._network.name]
        for variant in run.variants:
            form = next((one for one in formats if one == variant.method), None)
            if form is None:
                continue
            faults = [one for one in drawn if one.format == form]
            controls = dealt(self._network, form)
            chosen: list[Drawn | Kind] = []
            chosen += [] if only == "controls" else faults
            chosen += [] if only == "faults" else controls
            with tempfile.TemporaryDirectory(prefix="held-out-") as folder:
                good = _good(variant, Path(folder))
                for number, one in enumerate(chosen, 1):
                    known = self._results.get(self._network.name, form, one.name)
                    if (names and one.name not in names) or (known is not None and not again):
                        continue
                    self._say(f"{variant.name}: {one.name} ({number} of {len(chosen)})")
                    self._results.add(self._one(one, good, form))

    def _one(self, one: Drawn | Kind, good: Good, form: Format) -> Result:
        start = time.monotonic()
        fault = one.fault if isinstance(one, Drawn) else control(one)
        kind = one.kind if isinstance(one, Drawn) else one
        made = make(fault, good)
        if kind.name == AS_IT_IS:
            made = replace(made, inapplicable=None)
        result = Result(
            network=self._network.name,
            format=form,
            name=fault.name,
            kind=kind.name,
            group="control" if fault.control else kind.group,
            summary=fault.summary,
            causes=kind.causes,
            verdict="broken" if made.broken else "not applicable",
            note=made.broken or made.inapplicable or "",
        )
        if made.broken is None and made.inapplicable is None:
            result = _judged(result, made, good)
        if made.faulty is not None and not fault.control:
            result = msgspec.structs.replace(
                result,
                where=made.faulty.where,
                z=_strength(kind, made.faulty, good),
                visible=self._seen(made.faulty, good, fault.name),
            )
        return msgspec.structs.replace(result, seconds=round(time.monotonic() - start, 1))

    def _seen(self, faulty: Faulty, good: Good, name: str) -> Visibility:
        """Return what an independent script finds, or found before of the same files."""
        if faulty.labels is not None:
            return Visibility(visible=True, why="the labels are those of other photographs")
        compared = _compared(faulty, good)
        place = (self._network.name, good.variant.method or "", name)
        for results in (self._results, self._before):
            known = None if results is None else results.get(*place)
            seen = None if known is None else known.visible
            if seen is not None and seen.of == compared and seen.same is not None:
                return seen
        return msgspec.structs.replace(visibility(faulty, good), of=compared)


def dealt(network: Network, form: Format) -> list[Kind]:
    """Return the harmless changes of a variant."""
    chosen = []
    for number, one in enumerate(HARMLESS):
        turn = one.formats[number % len(one.formats)]
        if form in one.formats and (not network.large or one.name == AS_IT_IS or turn == form):
            chosen.append(one)
    return chosen


def control(one: Kind) -> Fault:
    """Return a harmless change as the challenge takes it."""

    def maker(good: Good) -> bytes | Faulty:
        return one.make(good, Spot(seed=CONTROL_SEED))

    maker.__doc__ = one.summary
    return new_fault(maker, one.name, "control", "low", "none", shown_by=ANYTHING)


def _good(variant: VariantUnderTest, scratch: Path) -> Good:
    """Return a variant as the one that faults are made in, whether it passes its gates or not.

    Whether it passes is one of the harmless changes.
    """
    narrowed = Run(with_variant(variant), store=variant.run.store)
    return Good(narrowed.variant(variant.name), scratch)


def _judged(result: Result, made: Made, good: Good) -> Result:
    fault = made.fault
    if made.faulty is None:
        return msgspec.structs.replace(
            result, verdict="caught", caught_by=("made",), note=made.refusal or ""
        )
    found = judged(made.faulty, fault, good)
    stopping, opened = found.stopping, tuple(one.gate for one in found.opened)
    if fault.control:
        verdict = "FAIL" if stopping else "INCONCLUSIVE" if opened else "PASS"
        cause, sentence = _by_hand(found.variant)
    else:
        verdict = "caught" if stopping else "INCONCLUSIVE" if opened else "missed"
        cause = cause_of(found.records) if stopping else None
        sentence = _sentence(found.records)
    stopped = [one for one in found.records if one.gate in stopping]
    return msgspec.structs.replace(
        result,
        verdict=verdict,
        caught_by=stopping,
        inconclusive=opened,
        cause=cause,
        sentence=sentence,
        note="; ".join(f"{one.gate}: {one.reason}" for one in stopped),
    )


def _by_hand(variant: VariantUnderTest) -> tuple[str | None, str]:
    """Return the cause that a diagnosis names for a variant, whether anything failed or not."""
    with closing(Bench(variant)) as bench:
        cause = diagnose(bench).cause
    return (None, "") if cause is None else (cause.name, cause.sentence)


def _sentence(records: Sequence[CaseRecord]) -> str:
    return next((one.cause for one in records if one.cause), "")


def _strength(kind: Kind, faulty: Faulty, good: Good) -> float | None:
    """Return the z of a fault of what is stored; infinite for one of the graph."""
    if kind.group not in STORED or faulty.content is None:
        return None
    if kind.group == "graph":
        return MAX_Z
    try:
        z = strength(good, faulty.content)
    except ModelError:
        return None
    return round(min(z, MAX_Z), 2)


def visibility(faulty: Faulty, good: Good) -> Visibility:
    """Return whether an independent script sees a fault, beside the good variant."""
    job = _job(faulty, good)
    path = good.scratch / "job.json"
    path.write_bytes(msgspec.json.encode(job))
    command = [sys.executable, "-m", "benchmarks.visible", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return Visibility(visible=True, why=f"it runs for more than {PATIENCE_S} s")
    if done.returncode < 0:
        return Visibility(visible=True, why=f"the interpreter ends with signal {-done.returncode}")
    done.check_returncode()
    return msgspec.json.decode(done.stdout, type=Visibility)


def _compared(faulty: Faulty, good: Good) -> str:
    """Return a hash of the files, their preprocessing and the photographs."""
    inputs = good.variant.inputs
    images = inputs.images.evaluation
    content = good.content if faulty.content is None else faulty.content
    facts = {
        "files": [sha256_bytes(one) for one in (good.baseline, good.content, content)],
        "preprocessing": [good.variant.preprocessing, faulty.preprocessing],
        "own": None if faulty.photographs is None else faulty.photographs.name,
        "photographs": None if images is None else images.sha256,
    }
    return sha256_bytes(msgspec.json.encode(facts))


def _job(faulty: Faulty, good: Good) -> Job:
    inputs = good.variant.inputs
    images = inputs.images.evaluation
    if images is None:
        raise ValueError("there are no evaluation images")
    photographs = tuple(photo.file for photo in images.photos)
    content = good.content if faulty.content is None else faulty.content
    file = good.scratch / "seen.tflite"
    file.write_bytes(content)
    own, kept = good.variant.preprocessing, good.scratch
    theirs = photographs
    if faulty.photographs is not None:
        names = [Path(photo.name).with_suffix(".png") for photo in images.photos]
        theirs = tuple(str(faulty.photographs / name) for name in names)
    good_file = good.variant.path
    return Job(
        baseline=_fed(inputs.baseline.path, photographs, own, kept / "baseline.npy"),
        good=_fed(good_file, photographs, own, kept / "good.npy"),
        faulty=_fed(file, theirs, faulty.preprocessing or own, None),
        labels=tuple(int(one) for one in images.labels()) if images.labelled else None,
    )


def _fed(file: Path, photographs: tuple[str, ...], how: Preprocessing, kept: Path | None) -> Fed:
    return Fed(
        file=str(file),
        photographs=photographs,
        resize=how.resize,
        filter=how.filter,
        crop_fraction=how.crop_fraction,
        mean=how.mean,
        std=how.std,
        channels=how.channels,
        kept=None if kept is None else str(kept),
    )
