"""Turning a run's measurements into its record."""

from __future__ import annotations

import os
import platform
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

import edgeq
from edgeq.config.load import spec_sha256
from edgeq.config.structs import CLASSIFICATION, DETECTION, Spec
from edgeq.errors import EdgeqError, encodable
from edgeq.io import structs
from edgeq.judge import growing
from edgeq.measure.agreement import Agreement
from edgeq.measure.clusters import find_clusters
from edgeq.measure.tensors import Fit
from edgeq.models.float_model import FloatModel
from edgeq.pipeline.control import record_of
from edgeq.pipeline.dependencies import processor_name
from edgeq.pipeline.detecting import decoder_of, unlike_recipe
from edgeq.pipeline.inputs import ModelInputs
from edgeq.pipeline.needs import external_inputs
from edgeq.pipeline.own_measures import known_measures
from edgeq.pipeline.plan import Case, not_applicable
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import BASELINE, VariantUnderTest
from edgeq.quantize.make import READY_MADE
from edgeq.quantize.variant import Variant
from edgeq.record.feeding import Feeding
from edgeq.record.measured import (
    RecordedAccuracy,
    RecordedAgreement,
    RecordedBoxes,
    RecordedFigures,
    RecordedLatency,
    RecordedMemory,
    RecordedOperators,
    RecordedPrecision,
)
from edgeq.record.provenance import (
    Machine,
    RecordedImages,
    RecordedLabels,
    RecordedSet,
    Toolchain,
    Versions,
)
from edgeq.record.structs import (
    CaseRecord,
    ModelRecord,
    RunRecord,
    TargetRecord,
    VariantRecord,
    summarize,
)
from edgeq.tasks.detection.decoders import Decoder
from edgeq.tasks.recognition import Reading


def record_run(
    run: Run,
    cases: tuple[CaseRecord, ...],
    models: tuple[ModelRecord, ...],
    *,
    started: str,
    duration_s: float,
    own: tuple[str, ...] = (),
    left_out: Container[str] = (),
    interrupted: bool = False,
    errors: tuple[str, ...] = (),
    commands: tuple[str, ...] = (),
) -> RunRecord:
    """Return the record of a run.

    Args:
        run: The run.
        cases: Verdicts in any order; the record has them in the order of the inventory.
        models: The models, from ``describe_models``.
        started: Start of the run, ISO 8601 in UTC.
        duration_s: Wall time in seconds.
        own: Ids of the cases that are the user's own tests.
        left_out: Ids of the cases that the user chose to leave out, if they have no verdict.
        interrupted: Whether Ctrl-C cut the run off.
        errors: Bad input, one sentence each.
        commands: Commands that repeat the run.
    """
    read = {model.name: model for model in models}
    declared = (
        *(case.id for case in run.cases if not _is_left_out(case, read.get(case.variant.model))),
        *own,
    )
    place = {case_id: index for index, case_id in enumerate(declared)}
    ordered = tuple(sorted(cases, key=lambda case: place.get(case.id, len(place))))
    summary = summarize(ordered, declared, left_out=left_out)
    return RunRecord(
        edgeq=edgeq.__version__,
        started=started,
        duration_s=duration_s,
        spec_sha256=spec_sha256(run.spec),
        inconclusive=run.spec.inconclusive,
        partial=len(summary.lost) < len(summary.not_run),
        interrupted=interrupted,
        commands=commands,
        data=external_inputs(run.spec),
        errors=errors,
        machine=this_machine(),
        toolchain=toolchain_of(run.spec),
        models=models,
        cases=ordered,
        summary=summary,
    )


def _is_left_out(case: Case, model: ModelRecord | None) -> bool:
    """Return whether a case's gate is known not to apply to its model."""
    if model is None or not model.task:
        return False
    return case.inapplicable(model.task, model.classes, model.heads) is not None


def describe_models(run: Run) -> tuple[ModelRecord, ...]:
    """Return what the run knows about each model and variant; nothing new is measured."""
    return tuple(_model(run, name) for name in run.spec.models)


def describe_variant(variant: VariantUnderTest) -> ModelRecord:
    """Return what the run knows about one variant and its baseline; nothing new is measured.

    The result holds only what the variant's figures depend on, without notes and what else only a
    report shows.
    """
    known, baseline = _known(variant.baseline, (variant,)), variant.inputs.known_baseline()
    if baseline is None or variant.place.is_here:
        return known
    target = _target(variant.run, variant.model, baseline)
    return msgspec.structs.replace(known, targets=(target,))


def _known(baseline: VariantUnderTest, variants: tuple[VariantUnderTest, ...]) -> ModelRecord:
    """Return what figures of variants depend on: the variants, their baseline and its samples."""
    inputs = baseline.inputs
    known = ModelRecord(
        name=baseline.model,
        source=inputs.model.source,
        trained=False,
        baseline=VariantRecord(name=BASELINE, method="float"),
        variants=tuple(map(_variant, variants)),
    )
    model = inputs.known_baseline()
    if model is None:
        return known
    beside = (variant for variant in variants if variant.run is baseline.run)
    return msgspec.structs.replace(
        known,
        trained=model.trained,
        baseline=_baseline(baseline, model, beside),
        images=_images(inputs),
        image_keys=_image_keys(inputs),
        preprocessing=None if baseline.takes_arrays else model.preprocessing,
        arrays=baseline.takes_arrays,
    )


def toolchain_of(spec: Spec) -> Toolchain:
    """Return the versions of the libraries, and how a spec runs models."""
    return structs.converted({**tool_versions(), **msgspec.to_builtins(spec.run)}, Toolchain)


def this_machine() -> Machine:
    """Return what latency and memory depend on, without host or user name."""
    return Machine(
        architecture=platform.machine(),
        cores=os.cpu_count() or 0,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        processor=processor_name(),
        system=f"{platform.system()} {platform.release()}",
    )


@cache
def tool_versions() -> Mapping[str, str]:
    """Return the versions of the installed libraries."""
    python, *packages = Versions.__struct_encode_fields__
    versions = {python: platform.python_version()}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _model(run: Run, name: str) -> ModelRecord:
    inputs = run.inputs(name)
    known = _known(run.baseline(name), tuple(each for each in run.everywhere if each.model == name))
    baseline = inputs.known_baseline()
    targets = _targets(run, name, baseline)
    if baseline is None:
        return msgspec.structs.replace(known, targets=targets)
    labels, reading = inputs.labels, inputs.known_reading()
    decoder = _decoder(run.baseline(name), reading)
    return msgspec.structs.replace(
        known,
        targets=targets,
        notes=(
            *baseline.notes,
            *inputs.assumptions(),
            *_not_asked_for(run.spec),
            *_read_as(run, name, reading),
            *_fed_otherwise(decoder, run.baseline(name)),
            *_odd(inputs),
            *_idle_boards(run),
        ),
        task="" if reading is None else reading.task,
        task_evidence="" if reading is None else reading.evidence,
        decoder="" if reading is None else reading.decoder,
        operating_score=None if decoder is None else decoder.operating_score,
        suppression_iou=None if decoder is None else decoder.suppression_iou,
        classes=0 if reading is None else reading.classes,
        output=0 if reading is None else reading.output,
        tensors=0 if reading is None else reading.tensors,
        heads=0 if reading is None else len(reading.heads),
        labels=None if labels is None else RecordedLabels(name=labels.name, count=labels.classes),
        licence=baseline.licence,
        attribution=baseline.attribution,
    )


def _targets(run: Run, model: str, baseline: FloatModel | None) -> tuple[TargetRecord, ...]:
    """Return what is known about the targets of a run; nothing if that is this machine alone."""
    if run.place.used and not run.elsewhere:
        return ()
    used = [run] if run.place.used else []
    return tuple(_target(each, model, baseline) for each in (*used, *run.elsewhere))


def _idle_boards(run: Run) -> Iterator[str]:
    """Yield a note for each board of a target that took no part in its evaluations."""
    for elsewhere in run.elsewhere:
        for board, reason in elsewhere.idle_boards().items():
            yield f"target {elsewhere.place.name}: {board} ran no part, or no further one: {reason}"


def _target(run: Run, model: str, baseline: FloatModel | None) -> TargetRecord:
    place, own = run.place, run.variants_of(model)
    described = TargetRecord(
        name=place.name,
        kind=place.kind.name,
        summary=place.kind.summary,
        measures=tuple(sorted(place.kind.measures)),
        estimates=place.kind.estimates,
        not_applicable=tuple(dict.fromkeys(name for each in own for name in not_applicable(each))),
        kernels=place.run(run.spec.run).kernels if place.kind.start is not None else None,
        error=None if (error := run.known_error()) is None else error.what,
    )
    if place.is_here:
        return msgspec.structs.replace(described, machine=this_machine())
    checked, there = run.known_check(), run.baseline(model)
    if checked is None:
        return described
    facts, state = checked.facts, checked.after
    versions = dict(facts.versions)
    return msgspec.structs.replace(
        described,
        machine=Machine(
            architecture=versions.pop("machine", None),
            cores=facts.cpus,
            processor=facts.processor or None,
            system=facts.system or None,
        ),
        versions=dict(sorted(versions.items())),
        governor=facts.governor,
        clock_mhz=state.clock_mhz if state.clock_mhz >= 0 else None,
        celsius=state.celsius if state.celsius >= 0 else None,
        warnings=checked.warnings,
        baseline=None if baseline is None else _baseline(there, baseline, own),
    )


def _images(inputs: ModelInputs) -> RecordedImages:
    sets: dict[str, RecordedSet] = {}
    for images in inputs.images.known_sets():
        clusters = find_clusters(images.groups())
        sets[images.role] = RecordedSet(
            source=images.source,
            count=len(images.photos),
            sha256=images.sha256,
            labelled=images.labelled,
            photographs=None if clusters is None else clusters.photographs,
            effective=None if clusters is None else clusters.effective,
        )
    return RecordedImages(**sets)


def _decoder(baseline: VariantUnderTest, reading: Reading | None) -> Decoder | None:
    """Return the decoder of a detector, None for other models or if it can't be used."""
    if reading is None or reading.task != DETECTION:
        return None
    try:
        return decoder_of(baseline)
    except EdgeqError:
        return None  # its cases have the error


def _fed_otherwise(decoder: Decoder | None, baseline: VariantUnderTest) -> tuple[str, ...]:
    """Return the note on a detector that gets other pixels than its kind usually does."""
    if decoder is None or baseline.spec.models[baseline.model].arrays is not None:
        return ()
    note = unlike_recipe(decoder, baseline.preprocessing)
    return () if note is None else (note,)


def _image_keys(inputs: ModelInputs) -> str:
    known = (images.keys for images in inputs.images.known_sets() if images.role == "evaluation")
    return next(known, "")


def _read_as(run: Run, model: str, reading: Reading | None) -> tuple[str, ...]:
    """Return the note for a model that is not judged by classes."""
    if reading is None or reading.task == CLASSIFICATION:
        return ()
    out = dict.fromkeys(
        case.gate.name
        for case in run.cases
        if case.variant.model == model
        and case.gate.task in {None, CLASSIFICATION}  # what a reader may look for
        and case.inapplicable(reading.task, reading.classes, len(reading.heads))
    )
    how = f"Judged as {reading.task}"
    if reading.task == DETECTION:
        how = f"Judged as detection by the decoder {reading.decoder!r}"
    left_out = f". {', '.join(out)}: not applicable" if out else ""
    return (f"{how}: {reading.evidence}{left_out}",)


def _not_asked_for(spec: Spec) -> tuple[str, ...]:
    """Return the note that the spec leaves gates out."""
    return (
        (f"{' and '.join(spec.without)}: left out by the spec (`without`)",) if spec.without else ()
    )


def _odd(inputs: ModelInputs) -> tuple[str, ...]:
    """Return what is unusual about the images that were looked at."""
    lint = inputs.images.known_lint()
    copies = None
    with suppress(EdgeqError):  # no verdict depends on it, and whose does says so
        copies = inputs.images.copies_note()
    return (*(() if lint is None else lint.notes), *((copies,) if copies else ()))


def _baseline(
    variant: VariantUnderTest, baseline: FloatModel, others: Iterable[VariantUnderTest]
) -> VariantRecord:
    known = (other.known(VariantUnderTest.accuracy) for other in others)
    described = VariantRecord(
        name=variant.name_in_model,
        target=variant.place.name,
        method="float",
        sha256=baseline.sha256,
        bytes=baseline.path.stat().st_size,
        file=_relative(variant, _place(baseline)),
        right=next((accuracy.baseline_right for accuracy in known if accuracy is not None), ""),
    )
    return msgspec.structs.replace(described, **_measured(variant))


def _variant(variant: VariantUnderTest) -> VariantRecord:
    artifact = variant.known(VariantUnderTest.artifact)
    error = None if variant.run.known_error() is not None else variant.failure
    engine = variant.choice.engine if variant.choice else READY_MADE
    described = VariantRecord(
        name=variant.name_in_model,
        target=variant.place.name,
        method=variant.method or READY_MADE,
        engine=engine,
        error=_said(error),
    )
    if artifact is None:
        return described
    accuracy = variant.known(VariantUnderTest.accuracy)
    agreement = variant.known(VariantUnderTest.agreement)
    control = variant.known(VariantUnderTest.control_choice)
    return msgspec.structs.replace(
        described,
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        file=_relative(variant, _place(artifact)),
        manifest=artifact.manifest,
        preprocessing=variant.inputs.own_preprocessing(variant.short_name),
        feeding=_feeding(variant),
        **_measured(variant),
        # Results per image are recorded once; the baseline's are not repeated for each variant.
        right="" if accuracy is None else accuracy.variant_right,
        agrees="" if agreement is None else agreement.agreeing_images,
        agreement=None if agreement is None else _named(variant.inputs, agreement),
        accuracy=None if accuracy is None else RecordedAccuracy.of(accuracy),
        boxes=_boxes(variant),
        precision=_precision(variant),
        figures=_figures(variant),
        latency=_latency(variant),
        outputs=_outputs(variant),
        measures=known_measures(variant),
        control=None if control is None else record_of(variant, control),
    )


def _named(inputs: ModelInputs, measured: Agreement) -> RecordedAgreement:
    """Return an agreement with the names of its images and classes."""
    images, labels = inputs.images.evaluation, inputs.labels
    return RecordedAgreement.of(
        measured,
        photographs=None if images is None else [encodable(photo.name) for photo in images.photos],
        classes=None if labels is None else labels.names,
    )


def _outputs(variant: VariantUnderTest) -> tuple[Fit, ...]:
    """Return the fits of outputs that are judged as tensors, with the worst images by name."""
    fits = variant.known(VariantUnderTest.outputs) or ()
    names = [encodable(photo.name) for photo in variant.samples.photos] if fits else []

    def name(image: int | None) -> str:
        return "" if image is None else names[image]

    return tuple(
        msgspec.structs.replace(
            fit,
            worst_error_name=name(fit.worst_error_image),
            worst_cosine_name=name(fit.worst_cosine_image),
        )
        for fit in fits
    )


def _boxes(variant: VariantUnderTest) -> RecordedBoxes | None:
    measured = variant.known(VariantUnderTest.boxes)
    if measured is None:
        return None
    images = variant.inputs.images.evaluation
    if images is None:
        return RecordedBoxes.of(measured, None, {})
    names = [encodable(photo.name) for photo in images.photos]
    every = variant.inputs.images.sizes(images)
    sides = {at: (int(width), int(height)) for at, (width, height) in enumerate(every)}
    return RecordedBoxes.of(measured, names, sides)


def _precision(variant: VariantUnderTest) -> RecordedPrecision | None:
    measured = variant.known(VariantUnderTest.precision)
    if measured is None:
        return None
    labels, boxes = variant.inputs.labels, variant.inputs.images.box_labels
    names = dict(enumerate(labels.names)) if labels is not None else boxes.names if boxes else {}
    return RecordedPrecision.of(measured, names)


def _figures(variant: VariantUnderTest) -> RecordedFigures | None:
    measured = variant.known(VariantUnderTest.figures)
    if measured is None:
        return None
    images, labels = variant.inputs.images.evaluation, variant.inputs.labels
    photographs = None if images is None else [encodable(photo.name) for photo in images.photos]
    return RecordedFigures.of(measured, photographs, () if labels is None else labels.names)


def _latency(variant: VariantUnderTest) -> RecordedLatency | None:
    pair = variant.known(VariantUnderTest.timed)
    if pair is None:
        return None
    times, load_average = msgspec.structs.asdict(pair.latency), pair.timed.load_average
    return RecordedLatency(**times, load_average=load_average)


def _feeding(variant: VariantUnderTest) -> Feeding | None:
    """Return how a variant's input differs, None if it does not or no case measured that."""
    feeding = variant.known(VariantUnderTest.feeding)
    return None if feeding == Feeding() else feeding


def _measured(variant: VariantUnderTest) -> dict[str, Any]:
    """Return the measurements of a baseline's or variant's file as fields of its record."""
    operators, memory = _operators(variant), _memory(variant)
    return {
        "size": variant.known(VariantUnderTest.size),
        "operators": None if operators == RecordedOperators() else operators,
        "memory": None if memory == RecordedMemory() else memory,
    }


def _operators(variant: VariantUnderTest) -> RecordedOperators:
    operators = variant.known(VariantUnderTest.operators)
    loaded = variant.known(VariantUnderTest.loaded)
    facts: dict[str, Any] = {} if operators is None else msgspec.structs.asdict(operators)
    for name in ("compute", "unsettled"):  # details of the gates
        facts.pop(name, None)
    if loaded is not None:
        facts["total"] = loaded.operators
        facts |= {name: getattr(loaded, name) for name in ("delegated", "partitions", "kernels")}
    return RecordedOperators(**facts)


def _memory(variant: VariantUnderTest) -> RecordedMemory:
    used, watched = variant.known(VariantUnderTest.memory), variant.known(VariantUnderTest.growth)
    facts: dict[str, Any] = {}
    if used is not None:
        facts = {**msgspec.structs.asdict(used), "added": used.added}
    if watched is not None:
        facts["grown"], facts["watched_inferences"] = growing.grown(watched)
    return RecordedMemory(**facts)


def _said(error: EdgeqError | None) -> str | None:
    return None if error is None else error.what


def _place(model: FloatModel | Variant) -> Path:
    """Return the path of a model's file: in the project, or in the store if edgeq made it."""
    original = model.original
    return model.path if original is None or original.sha256 != model.sha256 else original.path


def _relative(variant: VariantUnderTest, path: Path) -> str:
    absolute = path.resolve()
    root = variant.spec.root.resolve()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.name
