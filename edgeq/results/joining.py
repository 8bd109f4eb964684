"""Partial runs of one spec, joined: what an earlier one judged still holds if nothing changed.

A verdict is taken over if the spec, the version of edgeq and of its libraries, and everything that
the variant's verdicts rest on are the same, by content: the baseline's file, the variant's, both
image sets with their labels, and for times and memory the machine. What can't be shown to be the
same was not run.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

import edgeq
from edgeq.config.digest import spec_sha256
from edgeq.config.gates import GATES
from edgeq.errors import EdgeqError
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.evidence import Evidence
from edgeq.record.provenance import RecordedSet
from edgeq.record.structs import (
    OWN_TEST,
    CaseRecord,
    ModelRecord,
    RunRecord,
    VariantRecord,
    is_own_test,
)
from edgeq.results.merging import merged
from edgeq.results.recording import this_machine, tool_versions
from edgeq.samples.sets import ImageSet

CONFTEST = "conftest.py"
OWN_ROOM = "edgeq."
_MACHINE = ("architecture", "cores", "memory_bytes", "processor")


@dataclass(frozen=True)
class Joined:
    """What is known together.

    Attributes:
        cases: Of this run, and of earlier ones with ``as_of``.
        models: Of this run, with what earlier ones measured of variants whose verdicts are kept.
        own: Ids of the cases that tests of the user's own are.
    """

    cases: tuple[CaseRecord, ...]
    models: tuple[ModelRecord, ...]
    own: tuple[str, ...]


def join(run: Run, now: Joined, before: RunRecord | None, *, partial: bool) -> Joined:
    """Return a run's findings with those of the run before that still hold.

    Of a whole run's gates nothing is taken over; of tests of the user's own that it did not
    collect, as ``edgeq gate`` does not, what they said last.

    Args:
        run: The run.
        now: What it found.
        before: The record of the run before, None if there is none.
        partial: Whether a part of the gate was asked for.
    """
    prints = {key: value for key, value in _prints(run, now, before).items() if value}
    models = tuple(_printed(model, prints) for model in now.models)
    if before is None or not _is_alike(run, before):
        return Joined(now.cases, models, now.own)
    judged = {case.id for case in now.cases}
    open_ = tuple(
        case
        for case in before.cases
        if case.id not in judged
        and (partial or (is_own_test(case.gate) and case.id not in now.own))
    )
    theirs = {
        (model.name, variant.name): variant for model in before.models for variant in model.variants
    }
    ours = {(model.name, variant.name): variant for model in models for variant in model.variants}
    carried = tuple(
        msgspec.structs.replace(case, as_of=case.as_of or before.started)
        for case in open_
        if _is_same(ours.get(_place(case)), theirs.get(_place(case)))
        and _still_holds(case, before, run.spec.root)
    )
    carried_ids = {case.id for case in carried}
    own = [*now.own, *(case.id for case in carried if is_own_test(case.gate))]
    if partial:  # a test that may say something else by now is one that was not run
        names = (*(case.id for case in open_), *before.summary.not_run)
        own += [
            name for name in names if name not in carried_ids and _is_there(name, run.spec.root)
        ]
    places = {_place(case) for case in carried}
    return Joined(
        (*now.cases, *carried),
        tuple(_filled(model, before, places) for model in models),
        tuple(dict.fromkeys(own)),
    )


def sources_sha256(test: Path, root: Path) -> str:
    """Return the hash of a test's file and of the ``conftest.py`` files that pytest reads for it.

    Args:
        test: The test's file.
        root: The highest folder that is looked into.

    Raises:
        OSError: The file can't be read.
    """
    folders = [folder for folder in test.parents if folder.is_relative_to(root)]
    helpers = (folder / CONFTEST for folder in folders)
    files = (test, *(helper for helper in helpers if helper.is_file()))
    return sha256_bytes(msgspec.json.encode([sha256_bytes(file.read_bytes()) for file in files]))


def _prints(run: Run, now: Joined, before: RunRecord | None) -> dict[tuple[str, str], str]:
    """Return by model and variant what verdicts about it rest on, where that matters."""
    asked = {_place(case) for case in now.cases}
    if before is not None and _is_alike(run, before):
        asked |= {
            (m.name, variant.name)
            for m in before.models
            for variant in m.variants
            if variant.fingerprint
        }
    described = {model.name: model for model in now.models}
    return {
        (variant.model, variant.short_name): _fingerprint(variant, described[variant.model])
        for variant in run.variants
        if (variant.model, variant.short_name) in asked and variant.model in described
    }


def _fingerprint(variant: VariantUnderTest, model: ModelRecord) -> str:
    """Return the hash of everything that verdicts about a variant rest on, ``""`` if unknown."""
    try:
        facts = _facts(variant, model)
    except EdgeqError:
        return ""  # a case that needs it says so
    return "" if facts is None else sha256_bytes(msgspec.json.encode(facts, order="sorted"))


def _facts(variant: VariantUnderTest, model: ModelRecord) -> dict[str, object] | None:
    """Return what verdicts rest on, None if it is not what this run's own processes saw.

    Raises:
        EdgeqError: Something can't be read.
    """
    inputs = variant.inputs
    described = next(
        candidate for candidate in model.variants if candidate.name == variant.short_name
    )
    sets = {"evaluation": inputs.images.evaluation, "calibration": inputs.images.calibration_set}
    seen = {name: images.sha256 for name, images in sets.items() if images is not None}
    for name in sets:
        described_set: RecordedSet | None = getattr(model.images, name)
        if described_set is not None and described_set.sha256 != seen.get(name):
            return None
    if model.baseline.sha256 not in {"", inputs.baseline.sha256}:
        return None
    own = variant.own_samples
    ready = variant.choice is None
    return {
        "edgeq": edgeq.__version__,
        "tools": tool_versions(),
        "architecture": platform.machine(),
        "spec": spec_sha256(variant.spec),
        "baseline": inputs.baseline.sha256,
        "trained": inputs.baseline.trained,
        "preprocessing": msgspec.to_builtins(inputs.baseline.preprocessing),
        "labels": [_names(inputs.labels), _names(variant.labels)],
        "images": {
            name: None if images is None else _content(images) for name, images in sets.items()
        },
        "samples": None if own is None else _content(own),
        "file": (described.sha256 or variant.artifact.sha256) if ready else "",
    }


def _content(images: ImageSet) -> str:
    photos = [(photo.name, photo.sha256, photo.label, photo.group) for photo in images.photos]
    return sha256_bytes(msgspec.json.encode(photos))


def _names(labels: object) -> object:
    return None if labels is None else msgspec.to_builtins(labels)


def _printed(model: ModelRecord, prints: dict[tuple[str, str], str]) -> ModelRecord:
    variants = tuple(
        msgspec.structs.replace(variant, fingerprint=prints.get((model.name, variant.name), ""))
        for variant in model.variants
    )
    return msgspec.structs.replace(model, variants=variants)


def _is_alike(run: Run, before: RunRecord) -> bool:
    """Return whether a record is of the same spec and the same edgeq."""
    return before.edgeq == edgeq.__version__ and before.spec_sha256 == spec_sha256(run.spec)


def _is_same(ours: VariantRecord | None, theirs: VariantRecord | None) -> bool:
    """Return whether two records are of the same variant, by all that it was made from and is."""
    if ours is None or theirs is None or not ours.fingerprint:
        return False
    made_alike = not (ours.sha256 and theirs.sha256) or ours.sha256 == theirs.sha256
    return ours.fingerprint == theirs.fingerprint and made_alike


def _still_holds(case: CaseRecord, before: RunRecord, root: Path) -> bool:
    """Return whether what a verdict rests on beside its variant is the same."""
    if is_own_test(case.gate):
        return _is_unchanged(case.known, root)
    if case.gate not in GATES:
        return False
    gate = GATES.get(case.gate)
    judge = gate.judge if isinstance(gate.judge, str) else gate.judge.__module__
    if not judge.startswith(OWN_ROOM):
        return False  # others' code may have changed, and nothing would show it
    alike = () if gate.comparison is None else gate.comparison.alike
    here = this_machine()
    same_machine = all(getattr(before.machine, name) == getattr(here, name) for name in _MACHINE)
    return same_machine or not (gate.timed or "machine" in alike)


def _is_unchanged(evidence: Evidence, root: Path) -> bool:
    """Return whether the file of a test of the user's own is what it was."""
    if evidence.file is None or not evidence.sha256:
        return False
    try:
        return sources_sha256(root / evidence.file, root) == evidence.sha256
    except OSError:
        return False


def _is_there(case_id: str, root: Path) -> bool:
    """Return whether a case is a test of the user's own whose file is still where it was."""
    module, separator, _ = case_id.rpartition("/")[2].partition(OWN_TEST)
    return bool(separator) and (root / f"{module.replace('.', '/')}.py").is_file()


def _filled(
    model: ModelRecord, before: RunRecord, places: Iterable[tuple[str, str]]
) -> ModelRecord:
    """Return a model with what an earlier run measured of the variants whose verdicts are kept."""
    names = {variant for of, variant in places if of == model.name}
    theirs = next((candidate for candidate in before.models if candidate.name == model.name), None)
    if theirs is None or not names:
        return model
    earlier = {variant.name: variant for variant in theirs.variants}
    variants = tuple(
        merged(variant, _unanswered(earlier[variant.name])) if variant.name in names else variant
        for variant in model.variants
    )
    whole = msgspec.structs.replace(theirs, pictures=(), sheets=())
    return merged(
        model,
        whole,
        baseline=merged(model.baseline, theirs.baseline),
        notes=tuple(dict.fromkeys((*model.notes, *theirs.notes))),
        variants=variants,
    )


def _unanswered(variant: VariantRecord) -> VariantRecord:
    """Return a variant without what is decided from all of its cases."""
    return msgspec.structs.replace(variant, answer=None, error=None)


def _place(case: CaseRecord) -> tuple[str, str]:
    return case.model, case.variant
