"""Numbers about the variants of a run, made from what the models said and kept in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq import tflite
from edgeq.config.methods import FLOAT32, METHODS
from edgeq.errors import UnlikeOutputsError
from edgeq.io.files import sha256_bytes
from edgeq.judge.doubt import Doubt, doubt, doubt_of_tensors
from edgeq.judge.tensors import mismatch
from edgeq.measure import stored
from edgeq.measure.accuracy import Accuracy, accuracy
from edgeq.measure.agreement import Agreement, agreement
from edgeq.measure.clusters import find_clusters
from edgeq.measure.least_size import LeastSize, Narrower, least_size
from edgeq.measure.operators import Operators, operators
from edgeq.measure.predictions import OutputFacts, Predictions, outputs_facts
from edgeq.measure.renaming import Renaming, renaming
from edgeq.measure.size import Size, measure_size
from edgeq.measure.stored.files import FileComparison, compare_files
from edgeq.measure.tensors import Fit, Output, fits
from edgeq.pipeline.cached import arithmetic, keep, sources
from edgeq.pipeline.executable import Executable
from edgeq.quantize.recipes import LEAST_WEIGHTS
from edgeq.samples.sets import ImageSet
from edgeq.tflite.model_file import read_model
from edgeq.tflite.units import units_of

if TYPE_CHECKING:
    from edgeq.pipeline.plan import Subject
    from edgeq.pipeline.run import Run


def size_of(run: Run, executable: Executable) -> Size:
    """Return what a model's bytes are."""
    facts = {"model": executable.sha256, **arithmetic()}
    return keep(run.store, "sizes", facts, lambda: measure_size(read_model(executable.path)), Size)


def least_size_of(run: Run, subject: Subject) -> LeastSize:
    """Return what a file needs in which a variant's method quantized its baseline's weights.

    Raises:
        ModelError: The baseline can't be read.
    """
    baseline = read_model(run.executable(subject.model, None).path)
    units = {} if subject.choice is None else dict(subject.choice.units)
    others = {
        place: _narrower(units[unit.name])
        for unit in (units_of(baseline) if units else ())
        for place in unit.operators
        if unit.name in units
    }
    every = _narrower(subject.method or "")
    return least_size(baseline, every, least=LEAST_WEIGHTS, others=others)


def _narrower(method: str) -> Narrower:
    if method == FLOAT32:
        return Narrower(frozenset({FLOAT32}), integer=False)
    activations = METHODS.get(method).activation_types
    integer = bool(activations) and "float32" not in activations
    return Narrower(METHODS.get(method).weight_types, integer)


def operators_of(run: Run, executable: Executable) -> Operators:
    """Return what a model computes with."""
    facts = {"model": executable.sha256, **arithmetic()}
    return keep(
        run.store, "operators", facts, lambda: operators(read_model(executable.path)), Operators
    )


def stored_of(run: Run, subject: Subject) -> FileComparison:
    """Return what a variant's file holds beside its baseline's; nothing is run.

    Raises:
        EdgeqError: The variant can't be made, or one of the files can't be read.
    """
    baseline, variant = (run.executable(subject.model, one) for one in (None, subject))
    facts = {
        "baseline": baseline.sha256,
        "variant": variant.sha256,
        "readers": sources(tflite, stored),
        **arithmetic(),
    }
    return keep(
        run.store,
        "stored",
        facts,
        lambda: compare_files(read_model(baseline.path), read_model(variant.path)),
        FileComparison,
    )


def outputs_of(run: Run, model: str, subject: Subject | None) -> OutputFacts:
    """Return plain facts about what a model says; see ``Run.answers`` for its errors."""
    images = _images(run, model) if subject is None else _images_of(run, subject)
    facts = {"model": answers_facts(run, model, subject), "images": images.sha256}
    return keep(
        run.store,
        "outputs",
        {**facts, **arithmetic()},
        lambda: outputs_facts(run.answers(model, subject)),
        OutputFacts,
    )


def agreement_of(run: Run, subject: Subject) -> Agreement:
    """Return what a variant says beside its baseline; see ``Run.answers`` for its errors."""
    images = _images(run, subject.model)

    def make() -> Agreement:
        baseline = run.answers(subject.model, None)
        return agreement(
            baseline,
            run.answers(subject.model, subject),
            _labels(images, baseline) if images.labelled else None,
            confidence=run.spec.confidence,
            clusters=find_clusters(images.groups()),
        )

    return keep(run.store, "agreement", pair_facts(run, subject), make, Agreement)


def accuracy_of(run: Run, subject: Subject) -> Accuracy:
    """Return what a variant and its baseline say beside the labels.

    Raises:
        ImageError: The evaluation set has no labels, or labels of other classes.
    """
    images = _images(run, subject.model)

    def make() -> Accuracy:
        baseline = run.answers(subject.model, None)
        return accuracy(
            baseline,
            run.answers(subject.model, subject),
            _labels(images, baseline),
            confidence=run.spec.confidence,
            clusters=find_clusters(images.groups()),
        )

    return keep(run.store, "accuracy", pair_facts(run, subject), make, Accuracy)


def tensors_of(run: Run, model: str, subject: Subject | None) -> tuple[Output, ...]:
    """Return what a model says in all outputs that are judged as tensors.

    Raises:
        UnlikeOutputsError: The variant's can't be compared with the baseline's.
        EdgeqError: See ``Run.answers``.
    """
    executable = run.executable(model, subject)
    run.evaluate_all(model, subject)
    photographs = run.photographs(model, subject)
    every = run.executor.rows(executable, photographs)
    found = tuple(
        Output(place.name, rows.values, rows, place.step)
        for place, rows in zip(executable.readout.judged, every, strict=True)
    )
    if subject is not None:
        baseline = run.tensors(model, None)
        problem = mismatch(
            [(one.name, one.shape) for one in baseline], [(one.name, one.shape) for one in found]
        )
        if problem is not None:
            raise UnlikeOutputsError(
                problem,
                where=executable.key,
                remedy="Export the variant with the baseline's outputs, in its order",
            )
    return found


def fits_of(run: Run, subject: Subject) -> tuple[Fit, ...]:
    """Return how a variant's outputs fit its baseline's; see ``Run.tensors`` for its errors."""
    images = _images(run, subject.model)
    clusters = find_clusters(images.groups())

    def make() -> tuple[Fit, ...]:
        ours = run.tensors(subject.model, None)  # first: what it can't do is no variant's fault
        theirs = run.tensors(subject.model, subject)
        return fits(ours, theirs, confidence=run.spec.confidence, clusters=clusters)

    return keep(run.store, "fits", pair_facts(run, subject), make, tuple[Fit, ...])


def doubt_of(run: Run, subject: Subject) -> Doubt | None:
    """Return why what a baseline says proves nothing; see ``Run.answers`` for errors."""
    if not run.classifies(subject.model):
        return doubt_of_tensors(run.fits(subject))
    images = _images(run, subject.model)
    labels = run.inputs(subject.model).labels
    shares = np.bincount(images.labels()) / len(images.photos) if images.labelled else None
    return doubt(
        run.outputs(subject.model, None),
        run.accuracy(subject) if images.labelled else None,
        largest_label_share=None if shares is None else float(shares.max()),
        names=() if labels is None else labels.names,
        renaming=_renaming_of(run, subject.model) if images.labelled else None,
    )


def _renaming_of(run: Run, model: str) -> Renaming:
    images = _images(run, model)

    def make() -> Renaming:
        baseline = run.answers(model, None)
        classes = baseline.scores.shape[1]
        return renaming(baseline.predicted, _labels(images, baseline), classes, images.groups())

    facts = {
        "model": answers_facts(run, model, None),
        "images": images.sha256,
        "groups": sha256_bytes(msgspec.json.encode(images.groups())),
        **arithmetic(),
    }
    return keep(run.store, "renaming", facts, make, Renaming)


def pair_facts(run: Run, subject: Subject) -> dict[str, object]:
    """Return what numbers about a variant beside its baseline depend on."""
    images, samples = _images(run, subject.model), _images_of(run, subject)
    own = {} if samples is images else {"samples": samples.content_sha256}
    return {
        **own,
        "baseline": answers_facts(run, subject.model, None),
        "variant": answers_facts(run, subject.model, subject),
        "images": images.sha256,
        "clusters": msgspec.to_builtins(find_clusters(images.groups())),
        "confidence": run.spec.confidence,
        **arithmetic(),
    }


def answers_facts(run: Run, model: str, subject: Subject | None) -> Mapping[str, object]:
    """Return what a model's answer to a photograph depends on, beside the photograph."""
    executable = run.executable(model, subject)
    photographs = run.photographs(model, subject)
    labels = executable.labels
    return {
        "answers": run.executor.kept_answers(executable, photographs).address,
        "labels": None if labels is None else [labels.name, labels.classes, labels.background],
    }


def _images(run: Run, model: str) -> ImageSet:
    """Return the evaluation set: a baseline's samples, with the labels and groups of all."""
    return run.inputs(model).require_evaluation()


def _images_of(run: Run, subject: Subject) -> ImageSet:
    """Return what a variant is evaluated on."""
    return run.inputs(subject.model).evaluation_of(subject.variant)


def _labels(images: ImageSet, answers: Predictions) -> npt.NDArray[np.int64]:
    """Return the labels of a set, checked against the classes that a model tells."""
    images.require_classes(answers.scores.shape[1])
    return images.labels()
