"""Records of runs that differ in kind, built as structs: no model is run for them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from edgeq.io.files import sha256_bytes
from edgeq.judge.verdict import Verdict
from edgeq.record.challenge import ControlAnswer, FaultAnswer, summed
from edgeq.record.change import Change, ChangeKind, Previous
from edgeq.record.provenance import Machine, RecordedImages, RecordedLabels, RecordedSet
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord, summarize
from edgeq.record.thumbnails import Sheet
from edgeq.results import contact_sheet
from tests.unit.report import records

METHODS = ("float16", "dynamic_range", "weight_only_int8", "int8", "int8_float_io", "int16x8")
SIZES = dict(zip(METHODS, (14.3e6, 7.9e6, 7.9e6, 8.4e6, 8.4e6, 8.6e6), strict=True))
AGREEING = dict(zip(METHODS, (500, 491, 497, 481, 481, 495), strict=True))
SECONDS = dict(zip(METHODS, (0.018, 0.0098, 0.018, 0.0058, 0.0058, 0.309), strict=True))
GATES = {
    "made": None,
    "types": None,
    "outputs": None,
    "size_reduction": 0.68,
    "top1_agreement": 0.9,
    "worst_cosine": 0.5,
    "accuracy_drop": 0.05,
    "latency_ratio": 2.0,
    "max_peak_memory": 2e8,
}
VALUES = {
    "size_reduction": 0.72,
    "top1_agreement": 0.97,
    "worst_cosine": 0.93,
    "accuracy_drop": 0.004,
    "latency_ratio": 0.54,
    "max_peak_memory": 9e7,
}
INTERVALS = {
    "top1_agreement": (0.951, 0.983),
    "accuracy_drop": (-0.004, 0.012),
    "latency_ratio": (0.53, 0.56),
}


def variant(method: str, *, images: int = 500) -> VariantRecord:
    """Return a variant with everything measured."""
    agreeing = AGREEING[method] * images // 500
    return records.variant(
        method,
        int(SIZES[method]),
        agreement=records.agreement_of(agreeing, images),
        accuracy=records.accuracy_of(470 * images // 500, images),
        latency=records.latency_of(SECONDS[method]),
    )


def passing(model: str, method: str) -> tuple[CaseRecord, ...]:
    """Return a case of every gate, all passed."""
    return tuple(
        records.case(
            method,
            gate,
            value=VALUES.get(gate),
            limit=limit,
            interval=INTERVALS.get(gate),
            reason=f"{gate} is within its limit",
            model=model,
        )
        for gate, limit in GATES.items()
    )


def run(models: int = 1, methods: tuple[str, ...] = METHODS, *, images: int = 500) -> RunRecord:
    """Return a run in which everything passes."""
    base = records.record((), ())
    names = [f"model-{number}" for number in range(1, models + 1)]
    described = tuple(
        msgspec.structs.replace(
            base.models[0],
            name=name,
            variants=tuple(variant(method, images=images) for method in methods),
        )
        for name in names
    )
    cases = tuple(one for name in names for method in methods for one in passing(name, method))
    return with_cases(msgspec.structs.replace(base, models=described), cases)


def with_cases(record: RunRecord, cases: tuple[CaseRecord, ...]) -> RunRecord:
    """Return the record with these cases, all of them declared."""
    declared = tuple(case.id for case in cases)
    return msgspec.structs.replace(record, cases=cases, summary=summarize(cases, declared))


def all_pass() -> RunRecord:
    """A run of one model in which everything passes; compared, and challenged."""
    record = run()
    # A figure that was accepted with another feeding leaves its variant unproven.
    shown = [kind for kind in ChangeKind if kind is not ChangeKind.INCONCLUSIVE]
    changes = tuple(
        Change(
            id=case.id,
            model=case.model,
            method=case.variant,
            gate=case.gate,
            kind=kind,
            reason="as it came",
            before=case.value,
            after=case.value,
        )
        for case, kind in zip(record.cases, shown * 3, strict=False)
    )
    fault = FaultAnswer(
        model="model-1",
        variant="int8",
        name="zeroed",
        place="weights",
        severity="high",
        verdict="missed",
        note="worst_cosine would",
    )
    control = ControlAnswer(model="model-1", variant="int8", name="renamed", verdict="PASS")
    return msgspec.structs.replace(
        record,
        changes=changes,
        previous=Previous(started="2026-11-22T18:00:00+00:00", commit="ab" * 20, changes=changes),
        challenge=summed((fault,), (control,), spec_sha256=record.spec_sha256),
        commit="cd" * 20,
    )


def failures() -> RunRecord:
    """A run with every verdict, causes, next steps, hostile names and a crash."""
    record = records.full_record()
    cases = tuple(
        msgspec.structs.replace(case, cause="probably the channels are in another order")
        if case.status is Verdict.FAIL
        else case
        for case in record.cases
    )
    return msgspec.structs.replace(record, cases=cases)


def with_sheets(record: RunRecord) -> tuple[RunRecord, dict[str, bytes]]:
    """Return the record with contact sheets of 20 of 100 images, and their one file."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 3), np.uint8)
    tile = (contact_sheet.SIDE, contact_sheet.SIDE)
    data = contact_sheet.drawn(pixels, contact_sheet.COLUMNS, tile)
    sheet = Sheet(
        role="calibration",
        images=100,
        places=tuple(range(0, 100, 5)),
        columns=contact_sheet.COLUMNS,
        tile=tile,
        sha256=sha256_bytes(data),
    )
    described = tuple(msgspec.structs.replace(one, sheets=(sheet,)) for one in record.models)
    taken = ("the photographs of data:imagenet", "the weights of model-1")
    shown = msgspec.structs.replace(record, models=described, data=taken)
    return shown, {sheet.sha256: data}


def hostile(text: str) -> RunRecord:
    """A run in which everything that a user can influence is one text."""
    one = records.case(text, "made", Verdict.FAIL, reason=text, next_step=text, model=text)
    one = msgspec.structs.replace(one, cause=text)
    agreement = records.agreement_of(490)
    flips = tuple(
        msgspec.structs.replace(flip, name=text, label_name=text) for flip in agreement.flips
    )
    named = msgspec.structs.replace(agreement, flips=flips)
    bad = msgspec.structs.replace(
        records.variant(text, 1000, agreement=named, error=text), file=text, engine=text
    )
    record = records.record((bad,), (one,), notes=(text,), errors=(text,))
    model = msgspec.structs.replace(
        record.models[0],
        name=text,
        source=text,
        licence=text,
        labels=RecordedLabels(name=text, count=1),
        images=RecordedImages(evaluation=RecordedSet(source=text, count=1)),
    )
    change = Change(id=text, model=text, method=text, kind=ChangeKind.WORSE, reason=text)
    fault = FaultAnswer(
        model=text,
        variant=text,
        name=text,
        place=text,
        severity=text,
        summary=text,
        verdict="missed",
        note=text,
    )
    return msgspec.structs.replace(
        record,
        models=(model,),
        commands=(text,),
        machine=Machine(processor=text, system=text, architecture=text),
        changes=(change,),
        previous=Previous(started=text, commit=text, changes=(change,)),
        challenge=summed((fault,), ()),
    )


def missing_weights() -> RunRecord:
    """A run with random weights: what needs trained ones is MISSING by declaration."""
    record = run(methods=("float16", "int8"))
    untrained = {"top1_agreement", "worst_cosine", "accuracy_drop"}
    cases = tuple(
        msgspec.structs.replace(
            case,
            status=Verdict.MISSING,
            value=None,
            interval=None,
            declared_missing=True,
            reason="not measured: the weights are random",
        )
        if case.gate in untrained
        else case
        for case in record.cases
    )
    bare = tuple(
        msgspec.structs.replace(one, agreement=None, accuracy=None)
        for one in record.models[0].variants
    )
    model = msgspec.structs.replace(
        record.models[0], trained=False, variants=bare, notes=("its weights are random",)
    )
    return with_cases(msgspec.structs.replace(record, models=(model,)), cases)


def no_images() -> RunRecord:
    """A run without photographs: agreement and accuracy are MISSING, and fail."""
    record = run(methods=("dynamic_range",))
    cases = tuple(
        msgspec.structs.replace(
            case,
            status=Verdict.MISSING,
            value=None,
            interval=None,
            reason="not measured: no evaluation set is named",
            next_step="Name one in images.evaluation",
        )
        if case.gate in {"top1_agreement", "worst_cosine", "accuracy_drop"}
        else case
        for case in record.cases
    )
    bare = tuple(
        msgspec.structs.replace(one, agreement=None, accuracy=None)
        for one in record.models[0].variants
    )
    model = msgspec.structs.replace(
        record.models[0], variants=bare, images=RecordedImages(), labels=None
    )
    return with_cases(msgspec.structs.replace(record, models=(model,)), cases)


def few_images() -> RunRecord:
    """A run of 20 photographs: what it leaves open leans to FAIL in one variant only."""
    record = run(methods=("float16", "int8"), images=20)
    cases = tuple(
        msgspec.structs.replace(
            case,
            status=Verdict.INCONCLUSIVE,
            value=0.1 if case.variant == "int8" else 0.0,
            interval=(-0.08, 0.3),
            reason="top-1 0.900 to 0.800, 2 lost and 0 gained of 20",
            next_step="About 340 images in all would settle it (20 so far)",
            evidence={"images_needed": 331},
        )
        if case.gate == "accuracy_drop"
        else case
        for case in record.cases
    )
    return with_cases(record, cases)


def no_variant() -> RunRecord:
    """A run of one model that has no variant."""
    return run(methods=())


def two_models() -> RunRecord:
    """A run of two models with six variants each."""
    return run(2)


def many_models() -> RunRecord:
    """A run of twelve models."""
    return run(12, methods=("int8",), images=50)


KINDS: dict[str, Callable[[], RunRecord]] = {
    make.__name__: make
    for make in (
        all_pass,
        failures,
        few_images,
        missing_weights,
        no_images,
        no_variant,
        two_models,
        many_models,
    )
}


def models(record: RunRecord) -> tuple[ModelRecord, ...]:
    """Return the models of a record that have a variant."""
    return tuple(one for one in record.models if one.variants)
