"""One case, whole: its verdict, what it rests on, why it failed and what to do about it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from edgeq.config.gates import GATES, shipped_test
from edgeq.judge.verdict import Verdict
from edgeq.record.case_ids import OWN_TEST
from edgeq.record.ship_decision import answer
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord, is_own_test
from edgeq.report import words
from edgeq.report.flips import flips_view
from edgeq.report.variant_view import case_view, origin
from edgeq.report.view import flat
from edgeq.words import plural
from edgeq.words.samples import of_arrays

MAX_FLIPS = 5
"""Most images named of those that a variant assigns to another class."""

Line = tuple[str, str]


def matching(record: RunRecord, name: str) -> tuple[CaseRecord, ...]:
    """Return the case with this id, otherwise all cases whose id contains it.

    A part that names whole components, as ``int8/types`` names those of ``net/int8/types``, is
    preferred to one that cuts them.
    """
    exact = [case for case in record.cases if case.id == name]
    parts = [case for case in record.cases if f"/{name}/" in f"/{case.id}/"]
    return tuple(exact or parts or [case for case in record.cases if name in case.id])


def explain(record: RunRecord, case: CaseRecord) -> tuple[Line, ...]:
    """Return everything that a record says about one of its cases, as names and texts."""
    model = next((model for model in record.models if model.name == case.model), None)
    variants = () if model is None else model.variants
    variant = next((variant for variant in variants if variant.name == case.variant), None)
    lines = [*_verdict(case)]
    if model is not None and variant is not None:
        lines += _subject(record, model, variant, case)
        lines += _images(model, variant, case)
    lines += _history(record, case)
    facts = {name: fact for name, fact in case.evidence.items() if name != "resolution"}
    lines += [("evidence", f"{name}: {text}") for name, text in flat(facts)]
    lines.append(("repeat", _command(case)))
    if model is not None and model.arrays:
        lines = [(of_arrays(name), of_arrays(text or "")) for name, text in lines]
    return tuple((name, text) for name, text in lines if text)


def _verdict(case: CaseRecord) -> Iterator[Line]:
    shown = case_view(case)
    yield "verdict", shown.mark.word + (" (declared)" if case.declared_missing else "")
    if case.gate in GATES:
        yield "checks", words.sentence(GATES.get(case.gate).summary)
    if case.value is not None:
        interval = f", interval {shown.interval}" if shown.interval else ""
        yield "value", f"{shown.value}{interval}"
    if case.limit is not None:
        yield "limit", shown.limit
    yield "reason", words.sentence(shown.reason)
    yield "cause", shown.cause
    yield "next step", shown.next_step
    yield "resolution", shown.resolution


def _subject(
    record: RunRecord, model: ModelRecord, variant: VariantRecord, case: CaseRecord
) -> Iterator[Line]:
    decision = answer(record, model.name, variant)
    size = words.size(variant.bytes) if variant.bytes else "no file"
    yield (
        "variant",
        f"{variant.name} ({origin(variant.method, variant.engine)}), {size}: {decision.value}",
    )
    yield "file", variant.file
    yield "sha256", variant.sha256
    others = [
        f"{other.gate} {other.status.value}"
        for other in record.verdicts(model.name, variant.name)
        if other.status is not Verdict.PASS and other.id != case.id
    ]
    yield "also open", ", ".join(others)


def _images(model: ModelRecord, variant: VariantRecord, case: CaseRecord) -> Iterator[Line]:
    gate = GATES.find(case.gate)
    if gate is None or gate.marker not in {"agreement", "accuracy"}:
        return
    evaluation = model.images.evaluation
    if evaluation is not None:
        yield "images", f"{plural(evaluation.count, 'image')} of {evaluation.source}"
    flips = flips_view(variant.agreement)
    if flips is None:
        return
    yield "predictions", flips.summary
    for pair in flips.confusions:
        images = plural(pair.images, "image")
        yield "confused", f"{images} from {pair.baseline} to {pair.variant}"
    for flip in flips.lines[:MAX_FLIPS]:
        label = f"label {flip.label}, " if flip.label != words.NONE else ""
        yield "image", f"{flip.image}: {label}baseline {flip.baseline}, variant {flip.variant}"


def _history(record: RunRecord, case: CaseRecord) -> Iterator[Line]:
    previous = () if record.previous is None else record.previous.changes
    for title, known in (("accepted", record.changes), ("previous", previous)):
        change = next((change for change in known if change.id == case.id), None)
        if change is not None:
            yield title, f"{change.kind.value}: {change.reason}"


def _command(case: CaseRecord) -> str:
    """Return the command that judges a case again."""
    subject = f"{case.model}-{case.variant}"
    if is_own_test(case.gate):
        return f"pytest -k {shlex.quote(f'{case.gate.rpartition(OWN_TEST)[2]}[{subject}]')}"
    return f"edgeq gate {shlex.quote(f'edgeq.gate.suite::{shipped_test(case.gate, subject)}')}"
