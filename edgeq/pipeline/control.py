"""The control of a variant: edgeq's own variant of the same method, made and run on the side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from edgeq.config.methods import METHODS, MethodChoice, choose
from edgeq.config.structs import Classifier, StoredWeights
from edgeq.errors import EdgeqError
from edgeq.judge.proofs import shows
from edgeq.judge.tensors import label_of
from edgeq.measure.beside_control import BesideControl, Three, ThreeOutputs, beside_control
from edgeq.measure.clusters import find_clusters
from edgeq.pipeline.cached import keep
from edgeq.pipeline.inputs import named_images
from edgeq.pipeline.measuring import answers_facts, pair_facts
from edgeq.pipeline.plan import Subject
from edgeq.record.measured import RecordedControl

if TYPE_CHECKING:
    from edgeq.pipeline.run import Run

_NAME = "{} (control)"
_SAMPLED_NAME = "{} (control of {})"
"""No variant of a spec can have such names."""

_LIKE_OWN: tuple[StoredWeights, ...] = ("quantized",)
"""How weights came from the baseline's that edgeq's own variant is a measure for."""


@dataclass(frozen=True)
class Control:
    """Which variant another one is compared with, beside the baseline.

    Attributes:
        method: Its method; None if nothing shows which it would be.
        subject: The control; None if there is none.
        itself: Whether the variant is its own control.
        deduced: Whether the method was read off the file's types.
        absent: Why there is no control; empty if there is one.
    """

    method: str | None
    subject: Subject | None = None
    itself: bool = False
    deduced: bool = False
    absent: str = ""


class Clock:
    """Seconds of work that controls took, by their name; several threads add to it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def timing(self, key: str) -> Iterator[None]:
        """Add the seconds of a block."""
        start = time.monotonic()
        try:
            yield
        finally:
            with self._guard:
                taken = time.monotonic() - start
                self._seconds[key] = self._seconds.get(key, 0.0) + taken

    def seconds(self, key: str) -> float:
        """Return what a control took up to now."""
        return self._seconds.get(key, 0.0)


def claimed_control(run: Run, subject: Subject) -> Control:
    """Return the control that a variant's claim asks for; nothing is made or read for it."""
    if subject.method is None:
        return Control(None, absent="the file claims no method")
    return _of_method(run, subject, subject.method)


def find_control(run: Run, subject: Subject) -> Control:
    """Return the control of a variant, made and run on the evaluation set.

    Whatever keeps it from being made is no fault of the variant's: then there is none.

    Raises:
        EdgeqError: The variant itself can't be made or read.
    """
    found = claimed_control(run, subject)
    if subject.method is None:
        method = deduced_method(run, subject)
        if method is None:
            absent = "the file claims no method, and its types are those of none"
            return Control(None, absent=absent)
        found = replace(_of_method(run, subject, method), deduced=True)
    if found.itself or found.subject is None:
        return found
    if METHODS.get(found.subject.method or "").needs_calibration and _is_uncalibrated(run, subject):
        absent = f"{found.method} is calibrated, and there is no calibration set"
        return replace(found, subject=None, absent=absent)
    if unlike := _unlike_own(run, subject):
        return replace(found, subject=None, absent=unlike)
    try:
        _run_control(run, found.subject)
    except EdgeqError as error:
        absent = f"edgeq can't make or run {found.method} of this model: {error.what}"
        return replace(found, subject=None, absent=absent)
    return found


def _run_control(run: Run, control: Subject) -> None:
    make_control(run, control)
    for part in range(run.parts):
        evaluate_control(run, control, part)
    run.tensors(control.model, control)
    if run.classifies(control.model):
        run.answers(control.model, control)


def _unlike_own(run: Run, subject: Subject) -> str:
    """Return why edgeq's own variant is no measure for a file, empty if it is one."""
    sizes = run.operators_of(subject.model, subject).weight_bytes_by_type
    if sizes.get("uint8", 0) > sizes.get("int8", 0):
        return "its weights are uint8 with one scale a layer, which edgeq's own are not"
    return ""


def cost_beside_finer(run: Run, subject: Subject) -> dict[str, object]:
    """Return what a variant's coarser scales cost, as facts: its error beside that of finer ones.

    Returns:
        ``method`` that has the finer scales; its ``error``, the variant's (``own``) and the
        ``ratio`` of the output where that is greatest, or why they are ``absent``. Nothing if no
        method has finer scales, or if the file has them itself.

    Raises:
        EdgeqError: The variant itself can't be made or run.
    """
    method = None if subject.method is None else METHODS.get(subject.method)
    finer = None if method is None else method.finer
    if method is None or finer is None:
        return {}
    if not shows(run.operators_of(subject.model, subject), method):
        return {}
    own = _own(run, subject, choose(finer, engine=run.spec.engine))
    try:
        _run_control(run, own)
    except EdgeqError as error:
        return {"method": finer, "absent": error.what}
    errors = beside_control_of(run, subject, own).errors
    compared = [one for one in errors if one.ratio is not None]
    if not compared:
        return {"method": finer, "absent": "there is no error to compare"}
    worst = max(compared, key=lambda one: one.ratio or 0.0)
    return {"method": finer, "error": worst.control, "own": worst.variant, "ratio": worst.ratio}


def _is_uncalibrated(run: Run, subject: Subject) -> bool:
    return named_images(run.spec, subject.model, "calibration").source is None


def deduced_method(run: Run, subject: Subject) -> str | None:
    """Return the method whose types and scales a file shows, None if it shows those of none.

    Of several, one that asks for one scale a layer says most about the file, else the first.
    """
    types = run.operators_of(subject.model, subject)
    shown = [method for _, method in METHODS if shows(types, method)]
    shown.sort(key=lambda method: method.stored_weights != "per_tensor")
    return shown[0].name if shown else None


def make_control(run: Run, control: Subject) -> None:
    """Make a control; a declared variant that serves as one costs nothing on the side.

    Raises:
        EdgeqError: It can't be made.
    """
    with run.clock.timing(control.key):
        run.variant(control)


def evaluate_control(run: Run, control: Subject, part: int) -> None:
    """Run a control on one of the parts of the evaluation set.

    Raises:
        EdgeqError: It can't be made or run.
    """
    with run.clock.timing(control.key):
        run.evaluate(control.model, control, part)


def beside_control_of(run: Run, subject: Subject, control: Subject) -> BesideControl:
    """Return a variant's figures beside its control's.

    Raises:
        EdgeqError: One of them does not run, or gives other outputs than its baseline.
    """
    images, model = run.inputs(subject.model).evaluation, subject.model
    clusters = find_clusters(images.groups()) if images is not None else None

    def make() -> BesideControl:
        baseline = run.tensors(model, None)
        outputs = zip(
            baseline, run.tensors(model, subject), run.tensors(model, control), strict=True
        )
        answers, labels = None, None
        if run.classifies(model):
            answers = Three(*(run.answers(model, one) for one in (None, subject, control)))
            labels = images.labels() if images is not None and images.labelled else None
        scores = run.inputs(model).reading.output if answers is not None else None
        return beside_control(
            answers,
            [
                ThreeOutputs(label_of(at, ours.name), ours, theirs, other)
                for at, (ours, theirs, other) in enumerate(outputs)
                if at != scores
            ],
            labels,
            confidence=run.spec.confidence,
            clusters=clusters,
        )

    facts = {
        **pair_facts(run, subject),
        "control": answers_facts(run, model, control),
        "labels": images is not None and images.labelled,
    }
    return keep(run.store, "beside_control", facts, make, BesideControl)


def record_of(run: Run, subject: Subject, control: Control) -> RecordedControl:
    """Return what a record says of a variant's control."""
    recorded = RecordedControl(
        method=control.method,
        itself=control.itself,
        deduced=control.deduced,
        absent=control.absent,
    )
    if control.itself or control.subject is None:
        return recorded
    variant = run.variants.done(control.subject.key)
    return msgspec.structs.replace(
        recorded,
        engine=None if variant is None else variant.engine,
        sha256=None if variant is None else variant.sha256,
        bytes=None if variant is None else variant.bytes,
        declared=control.subject in run.subjects,
        seconds=round(run.clock.seconds(control.subject.key), 1),
        beside=run.beside_controls.done(subject.key),
    )


def _of_method(run: Run, subject: Subject, method: str) -> Control:
    """Return the control of a method: fed like the baseline, on the variant's samples.

    What a declared other resize, filter or range costs is thus seen, and not excused.
    """
    declared = run.spec.variants.get(subject.variant)
    if declared is not None and declared.weights not in {
        *_LIKE_OWN,
        METHODS.get(method).stored_weights,
    }:
        coarser = _coarser(method) if declared.weights == "per_tensor" else None
        if coarser is None:
            absent = f'its weights are declared as "{declared.weights}", which edgeq\'s own are not'
            return Control(method, absent=absent)
        method = coarser
    choice = choose(method, engine=run.spec.engine, classifier=classifier_of(run, subject))
    fed_otherwise = declared is not None and declared.preprocessing is not None
    mixed = subject.choice is not None and bool(subject.choice.units)
    if mixed and subject.choice is not None:
        choice = subject.choice  # what a method and its units cost, edgeq's own variant shows
    if _is_made_by(subject, choice) and not fed_otherwise:
        return Control(method, subject, itself=True)
    return Control(method, _own(run, subject, choice))


def classifier_of(run: Run, subject: Subject) -> Classifier | None:
    """Return how the layers that give a variant's outputs are quantized, None for like the others.

    Of a ready-made file it is what the spec says of it.
    """
    if subject.choice is not None:
        return subject.choice.classifier
    declared = run.spec.variants.get(subject.variant)
    return None if declared is None else declared.classifier


def _coarser(method: str) -> str | None:
    """Return the method that does the same with one scale a layer, None if there is none."""
    return next((name for name, one in METHODS if one.finer == method), None)


def _own(run: Run, subject: Subject, choice: MethodChoice) -> Subject:
    """Return edgeq's own variant by a method, fed like the baseline on a variant's samples."""
    method = choice.method
    label = method if choice.classifier is None else f"{method}, {choice.classifier} classifier"
    declared = run.spec.variants.get(subject.variant)
    if declared is not None and declared.evaluation is not None:
        name = _SAMPLED_NAME.format(label, subject.variant)
        run.inputs(subject.model).sample_like(name, subject.variant)
        return Subject(subject.model, name, method, choice)
    plain = (
        one
        for one in run.subjects
        if one.model == subject.model
        and one.variant not in run.spec.variants
        and _is_made_by(one, choice)
    )
    return next(plain, Subject(subject.model, _NAME.format(label), method, choice))


def _is_made_by(subject: Subject, choice: MethodChoice) -> bool:
    own = subject.choice
    return own is not None and replace(own, label=choice.label) == choice
