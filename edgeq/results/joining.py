"""Joining partial runs of one spec: verdicts of an earlier run still hold if nothing changed.

A verdict is taken over if the spec, the versions of edgeq and its libraries, and the content of
everything that the variant's verdicts depend on are the same: the baseline's file, the variant's
file, both image sets with their labels and, for times and memory, the machine. A case for which
this can't be shown counts as not run.

What several processes of one run know about its models is merged here too.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

import edgeq
from edgeq.config.gates import GATES
from edgeq.config.load import spec_sha256
from edgeq.errors import EdgeqError
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.case_ids import OWN_TEST, parsed
from edgeq.record.evidence import Evidence
from edgeq.record.measured import InParts
from edgeq.record.provenance import RecordedSet
from edgeq.record.structs import (
    CaseRecord,
    ModelRecord,
    RunRecord,
    VariantRecord,
    is_own_test,
)
from edgeq.results.recording import this_machine, tool_versions
from edgeq.samples.sets import ImageSet

CONFTEST = "conftest.py"
OWN_ROOM = "edgeq."
_MACHINE = ("architecture", "cores", "memory_bytes", "processor")
S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True)
class Joined:
    """The joined results of a run and the runs before it.

    Attributes:
        cases: The cases of this run, and those taken over from earlier runs, with ``as_of``.
        models: The models of this run, with earlier measurements of the variants whose verdicts
            were taken over.
        own: Ids of the cases that are the user's own tests.
    """

    cases: tuple[CaseRecord, ...]
    models: tuple[ModelRecord, ...]
    own: tuple[str, ...]


def join(run: Run, now: Joined, before: RunRecord | None, *, partial: bool) -> Joined:
    """Return a run's results together with those of the previous run that still hold.

    A whole run takes over no verdicts of gates. It takes over the last verdicts of the user's own
    tests if it did not collect them, as ``edgeq gate`` does not. ``partial`` says whether only part
    of the gate was selected.
    """
    prints = {key: value for key, value in _prints(run, now, before).items() if value}
    models = tuple(_printed(model, prints) for model in now.models)
    if before is None or not _is_alike(run, before):
        return Joined(now.cases, models, now.own)
    judged = {case.id for case in now.cases}
    not_judged = tuple(
        case
        for case in before.cases
        if case.id not in judged
        and (partial or (is_own_test(case.gate) and case.id not in now.own))
    )
    theirs, ours = _by_place(before.models), _by_place(models)
    carried = tuple(
        msgspec.structs.replace(case, as_of=case.as_of or before.started)
        for case in not_judged
        if _is_same(ours.get(_place(case)), theirs.get(_place(case)))
        and _still_holds(case, before, run.spec.root)
    )
    own = [*now.own, *(case.id for case in carried if is_own_test(case.gate))]
    if partial:  # an own test whose verdict may have changed counts as not run
        carried_ids = {case.id for case in carried}
        names = (*(case.id for case in not_judged), *before.summary.not_run)
        own += [
            name for name in names if name not in carried_ids and _is_there(name, run.spec.root)
        ]
    places = {_place(case) for case in carried}
    return Joined(
        (*now.cases, *carried),
        tuple(_with_earlier(model, before, places) for model in models),
        tuple(dict.fromkeys(own)),
    )


def _by_place(models: Sequence[ModelRecord]) -> dict[tuple[str, str], VariantRecord]:
    """Return the variants by the names of their model and themselves."""
    return {(model.name, variant.name): variant for model in models for variant in model.variants}


def sources_sha256(test: Path, root: Path) -> str:
    """Return the hash of a test's file and of the ``conftest.py`` files that pytest reads for it.

    ``root`` is the topmost folder in which those are searched.

    Raises:
        OSError: The file can't be read.
    """
    folders = [folder for folder in test.parents if folder.is_relative_to(root)]
    helpers = (folder / CONFTEST for folder in folders)
    files = (test, *(helper for helper in helpers if helper.is_file()))
    return sha256_bytes(msgspec.json.encode([sha256_bytes(file.read_bytes()) for file in files]))


def _prints(run: Run, now: Joined, before: RunRecord | None) -> dict[tuple[str, str], str]:
    """Return the fingerprints of the variants for which they matter, by model and variant."""
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
        (variant.model, variant.name_in_model): _fingerprint(variant, described[variant.model])
        for variant in run.everywhere
        if (variant.model, variant.name_in_model) in asked and variant.model in described
    }


def _fingerprint(variant: VariantUnderTest, model: ModelRecord) -> str:
    """Return the hash of everything that a variant's verdicts depend on, ``""`` if unknown."""
    try:
        facts = _facts(variant, model)
    except EdgeqError:
        return ""  # a case that needs it reports the error
    return "" if facts is None else sha256_bytes(msgspec.json.encode(facts, order="sorted"))


def _facts(variant: VariantUnderTest, model: ModelRecord) -> dict[str, object] | None:
    """Return what a variant's verdicts depend on, None if this run's processes saw something else.

    Raises:
        EdgeqError: Part of it can't be read, or the target can't be reached.
    """
    inputs = variant.inputs
    described = next(
        candidate for candidate in model.variants if candidate.name == variant.name_in_model
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
    ready, checked = variant.choice is None, variant.run.reach()
    return {
        "target": None if checked is None else msgspec.to_builtins(checked.facts),
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
    """Return whether a record is of the same spec and the same version of edgeq."""
    return before.edgeq == edgeq.__version__ and before.spec_sha256 == spec_sha256(run.spec)


def _is_same(ours: VariantRecord | None, theirs: VariantRecord | None) -> bool:
    """Return whether two records are of the same variant, by fingerprint and file."""
    if ours is None or theirs is None or not ours.fingerprint:
        return False
    made_alike = not (ours.sha256 and theirs.sha256) or ours.sha256 == theirs.sha256
    return ours.fingerprint == theirs.fingerprint and made_alike


def _still_holds(case: CaseRecord, before: RunRecord, root: Path) -> bool:
    """Return whether everything that a verdict depends on besides its variant is the same."""
    if is_own_test(case.gate):
        return _is_unchanged(case.known, root)
    gate = GATES.find(case.gate)
    if gate is None:
        return False
    if gate.declared:
        return False  # the project's function may have changed, and nothing would show that
    judge = gate.judge if isinstance(gate.judge, str) else gate.judge.__module__
    if not judge.startswith(OWN_ROOM):
        return False  # code of another package may have changed, and nothing would show that
    alike = () if gate.comparison is None else gate.comparison.alike
    here = this_machine()
    same_machine = all(getattr(before.machine, name) == getattr(here, name) for name in _MACHINE)
    return same_machine or not (gate.timed or "machine" in alike)


def _is_unchanged(evidence: Evidence, root: Path) -> bool:
    """Return whether the file of a user's own test is unchanged."""
    if evidence.file is None or not evidence.sha256:
        return False
    try:
        return sources_sha256(root / evidence.file, root) == evidence.sha256
    except OSError:
        return False


def _is_there(case_id: str, root: Path) -> bool:
    """Return whether a case is a user's own test whose file still exists."""
    module, separator, _ = parsed(case_id).gate.partition(OWN_TEST)
    return bool(separator) and (root / f"{module.replace('.', '/')}.py").is_file()


def _with_earlier(
    model: ModelRecord, before: RunRecord, places: Iterable[tuple[str, str]]
) -> ModelRecord:
    """Return a model with earlier measurements of the variants whose verdicts are taken over."""
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
    """Return a variant without the answer and error, which are decided from all of its cases."""
    return msgspec.structs.replace(variant, answer=None, error=None)


def _place(case: CaseRecord) -> tuple[str, str]:
    return case.model, case.variant


def merge_models(
    first: tuple[ModelRecord, ...], second: tuple[ModelRecord, ...]
) -> tuple[ModelRecord, ...]:
    """Return the combined knowledge of two processes of one run about its models."""
    if not first:
        return second
    return tuple(
        merged(
            ours,
            theirs,
            baseline=merged(ours.baseline, theirs.baseline),
            notes=tuple(dict.fromkeys((*ours.notes, *theirs.notes))),
            variants=tuple(
                merged(a, b) for a, b in zip(ours.variants, theirs.variants, strict=True)
            ),
            targets=tuple(
                merged(a, b, baseline=_either(a.baseline, b.baseline))
                for a, b in zip(ours.targets, theirs.targets, strict=True)
            ),
        )
        for ours, theirs in zip(first, second, strict=True)
    )


def merged(ours: S, theirs: S, **given: object) -> S:
    """Return the first struct with its empty fields and its tables completed from the second."""
    filled = {
        field: _filled(getattr(ours, field), getattr(theirs, field))
        for field in ours.__struct_fields__
    }
    return type(ours)(**{**filled, **given})


def _either(ours: VariantRecord | None, theirs: VariantRecord | None) -> VariantRecord | None:
    return merged(ours, theirs) if ours is not None and theirs is not None else ours or theirs


def _filled(ours: object, theirs: object) -> object:
    """Return the first value completed from the second.

    If two tables complete each other, their keys are sorted, so that the result does not depend on
    which came first.
    """
    if isinstance(ours, InParts) and isinstance(theirs, InParts):
        return _both(ours, theirs)
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return ours or theirs
    both = {**theirs, **ours}
    if len(both) == len(ours):
        return ours
    return both if len(both) == len(theirs) else dict(sorted(both.items()))


def _both(ours: InParts, theirs: InParts) -> InParts:
    """Return the parts that either process measured; the first process's value wins."""
    facts = {
        name: getattr(theirs if getattr(ours, name) is None else ours, name)
        for name in ours.__struct_fields__
    }
    return type(ours)(**facts)
