"""The bench: a failing variant, its baseline, and the experiments that can be made with them.

Everything is computed on first access and on few photographs: those on which the variant is worst,
and some others. Experiments share one worker, which is closed at the end of the diagnosis or when
an experiment fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.diagnosis.compared import (
    Pair,
    Values,
    errors_of_values,
    mean_of_finite,
    near_share,
    pairs,
)
from edgeq.errors import EdgeqError
from edgeq.measure.agreement import agreeing, require_same_shape
from edgeq.measure.box_agreement import Detected, errors_of_boxes, mean_error, shared_boxes
from edgeq.measure.predictions import Predictions
from edgeq.measure.tensors import Output
from edgeq.pipeline.detecting import boxes_in, decoder_of
from edgeq.pipeline.readout import as_answers
from edgeq.pipeline.task_measures import presence_of
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.session import Session
from edgeq.samples.decode import decode
from edgeq.samples.sets import ImageSet
from edgeq.samples.stream import gathered
from edgeq.tflite.constants import Constants
from edgeq.tflite.edits import Edit, outputs_edits
from edgeq.tflite.model_file import ModelFile, read_model

MAX_IMAGES = 24
FEW_IMAGES = 4
"""Number of images if no operator is delegated, because inference then takes long."""
RECOVERED = 0.5
"""Largest fraction of the error that an experiment may leave if there is no control."""
CONTROLS = 1.5
"""Largest multiple of the control's error that an experiment may leave."""
MIN_LEVEL = 1e-4
"""Float arithmetic alone causes smaller errors than this."""
_UNLIKE = "classes, boxes and values can't be compared with each other"
DISAGREEING = 0.75
"""Fraction of the images that is reserved for those on which the variant is worst."""

Order = npt.NDArray[np.intp]
Reals = npt.NDArray[np.float32]
Kind = Literal["classes", "boxes", "values"]
Answers = Predictions | Detected | Values


@dataclass(frozen=True)
class Trial:
    """How the variant's predictions in one experiment compare with the baseline's.

    Attributes:
        agreeing: Fraction of the images with the baseline's class, of a detector's and its
            baseline's boxes that both give, or of the images with an output near the baseline's.
        error: Median over the images of the relative error of centred logits, the mean error of a
            detector's boxes, or the mean error of an output over the images.
    """

    agreeing: float
    error: float


class Bench:
    """The bench for one failing variant."""

    def __init__(self, variant: VariantUnderTest, error: EdgeqError | None = None) -> None:
        self.variant = variant
        self.error = error
        self._open = ExitStack()
        self._laid: Laid | None = None
        self.known_fact: str | None = None
        """A certain fact about the variant, for people, although it may not be the cause."""
        self._reference: Predictions | None = None
        self._pixels: dict[object, npt.NDArray[Any]] = {}

    def close(self) -> None:
        """Close the worker that experiments share; the next experiment starts another."""
        self._laid = None
        self._open.close()

    @cached_property
    def baseline_file(self) -> ModelFile:
        """Contents of the baseline's file."""
        return read_model(self.variant.baseline.source.path)

    @cached_property
    def variant_file(self) -> ModelFile:
        """Contents of the variant's file."""
        return read_model(self.variant.source.path)

    @cached_property
    def baseline_constants(self) -> Constants:
        """The constants stored in the baseline's file."""
        return Constants(self.baseline_file)

    @cached_property
    def variant_constants(self) -> Constants:
        """The constants stored in the variant's file."""
        return Constants(self.variant_file)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The layers that baseline and variant have in common."""
        return pairs(self.baseline_file, self.variant_file)

    @property
    def static(self) -> bool:
        """Whether the file has fixed ranges for activations."""
        return any(pair.variant.output.scales.size == 1 for pair in self.pairs)

    @cached_property
    def predictions(self) -> Predictions:
        """The variant's predictions on all of its samples, in the baseline's classes."""
        predictions = self.variant.predictions
        require_same_shape(self.variant.baseline.predictions, predictions)
        return predictions

    @cached_property
    def own(self) -> Answers:
        """What the variant says about all of its samples."""
        return self.predictions if self.variant.classifies else self._whole(self.variant)

    def _whole(self, model: VariantUnderTest) -> Answers:
        """Return what a model says about all of its samples."""
        if model.classifies:
            return model.predictions
        if model.detects:
            return Detected(tuple(model.detections), decoder_of(model).operating_score)
        return Values(model.tensors[self.output])

    @cached_property
    def output(self) -> int:
        """Index, among the judged outputs, of the output that experiments examine.

        Of a model without classes or boxes, it is the output that differs most from the
        baseline's, compared with the control's.
        """
        control = self._control
        errors = [fit.error or 0.0 for fit in self.variant.outputs]
        usual = [0.0] * len(errors)
        if control is not None:
            usual = [fit.error or 0.0 for fit in control.outputs]
        excess = [error / max(level, MIN_LEVEL) for error, level in zip(errors, usual, strict=True)]
        return int(np.argmax(excess))

    @property
    def kind(self) -> Kind:
        """What experiments compare."""
        if self.variant.classifies:
            return "classes"
        return "boxes" if self.variant.detects else "values"

    @property
    def _control(self) -> VariantUnderTest | None:
        """The control, None if the variant has none or is its own."""
        control = self.variant.control
        return None if control is self.variant else control

    @property
    def images(self) -> ImageSet:
        """The evaluation set.

        Raises:
            ImageError: There is no evaluation set.
        """
        return self.variant.inputs.images.require_evaluation()

    @cached_property
    def chosen(self) -> Order:
        """Places of the photographs for experiments, worst first."""
        most = MAX_IMAGES if self.variant.loaded.delegated else FEW_IMAGES
        errors = _errors(self._whole(self.variant.baseline), self.own)
        places = self._counted(len(errors))
        worst = np.argsort(-np.where(np.isnan(errors), np.inf, errors), kind="stable")
        worst = worst[np.isin(worst, places)]
        if len(worst) <= most:
            return worst
        first = worst[: round(most * DISAGREEING)]
        others = np.setdiff1d(places, first)
        spread = others[np.linspace(0, len(others) - 1, most - len(first), dtype=int)]
        return np.concatenate([first, np.unique(spread)])

    def _counted(self, samples: int) -> Order:
        """Places of the samples that count: all, or those on which the baseline sees something."""
        presence = presence_of(self.variant) if self.kind == "values" else None
        if presence is None or presence.output == self.output:
            return np.arange(samples)
        return presence.places

    def pixels(
        self,
        preprocessing: Preprocessing,
        chosen: Order,
        images: ImageSet | None = None,
        *,
        size: tuple[int, int] | None = None,
    ) -> npt.NDArray[Any]:
        """Return chosen photographs, decoded for a preprocessing, or rows of arrays.

        The set is the variant's samples, and the size that of its input, unless others are given.
        """
        images = self.variant.samples if images is None else images
        size = self.variant.input_size if size is None else size
        key = (
            images.content_sha256,
            size,
            preprocessing.resize,
            preprocessing.filter,
            preprocessing.crop_fraction,
            chosen.tobytes(),
        )
        if key not in self._pixels:
            photos = tuple(images.photos[place] for place in chosen)
            subset, store = replace(images, photos=photos), self.variant.run.store
            if images.arrays is None:
                decoded = decode(subset, preprocessing, size, store)
            else:
                decoded = gathered(subset, store)
            self._pixels[key] = np.array(decoded.array())
        return self._pixels[key]

    @property
    def reference(self) -> Answers:
        """The predictions to compare the variant with: the baseline's, or a changed baseline's."""
        return self._reference or self._whole(self.variant.baseline)

    def hold_against(self, answers: Predictions, places: Order) -> None:
        """Compare the variant with a changed baseline's predictions from now on."""
        ours = self.variant.baseline.predictions
        scores, logits = ours.scores.copy(), ours.logits.copy()
        scores[places], logits[places] = answers.scores, answers.logits
        self._reference = replace(ours, scores=scores, logits=logits)

    @property
    def is_held_against_changes(self) -> bool:
        """Whether a part of the differences is explained already; see ``hold_against``."""
        return self._reference is not None

    def known(self, chosen: Order) -> Trial:
        """Return how the variant's own predictions on chosen photographs compare."""
        return trial(part(self.reference, chosen), part(self.own, chosen))

    @cached_property
    def control_error(self) -> float | None:
        """The control's error on the photographs of experiments, None if there is no control.

        A variant that is its own control has none.
        """
        theirs = self.of_control(self.chosen)
        if theirs is None:
            return None
        return trial(part(self._whole(self.variant.baseline), self.chosen), theirs).error

    def of_control(self, chosen: Order) -> Answers | None:
        """Return what the control gives on chosen photographs, None if there is no control."""
        control = self._control
        return None if control is None else part(self._whole(control), chosen)

    @property
    def needs_no_explanation(self) -> bool:
        """Whether the variant is as close to the baseline as its control or float arithmetic."""
        level = max(CONTROLS * (self.control_error or 0.0), MIN_LEVEL)
        return self.known(self.chosen).error <= level

    def recovers(
        self,
        before: Trial,
        after: Trial,
        left: float = RECOVERED,
        control_error: float | None = None,
    ) -> bool:
        """Return whether an experiment removes the unexplained error; see ``recovers``.

        The control's error is that of the photographs of experiments unless it is given.
        """
        level = self.control_error if control_error is None else control_error
        return recovers(before, after, left, level)

    def inside(
        self,
        model: VariantUnderTest,
        tensors: Sequence[int],
        chosen: Order,
        kernels: Kernels | None = None,
    ) -> Iterator[tuple[Reals, ...]]:
        """Yield for each chosen photograph some tensors of the variant or its baseline as reals.

        Both are given the variant's samples, so that any difference is due to the files. The run's
        own kernels compute them unless others are named.

        Raises:
            WorkerError: The model does not run.
        """
        pixels = self.pixels(model.preprocessing, chosen, size=model.input_size)
        with model.run.executor.session(model.name) as session:
            loaded = model.run.executor.load_into(
                model, session, kernels=kernels, edits=outputs_edits(model.path, tensors)
            )
            places = {detail.index: place for place, detail in enumerate(loaded.outputs)}
            for at in range(len(pixels)):
                results = session.infer(
                    loaded.handle, pixels, model.preprocessing, start=at, count=1
                ).outputs
                yield tuple(np.asarray(results[places[index]]) for index in tensors)

    def laid(self) -> Laid:
        """Return the variant, loaded in the worker that experiments share.

        Raises:
            WorkerError: The variant does not load.
        """
        if self._laid is None:
            self._laid = self._open.enter_context(self.laid_out())
        return self._laid

    def changed_baseline(self, edits: tuple[Edit, ...], places: Order) -> list[Reals]:
        """Return all outputs of the baseline on chosen photographs, with its file edited.

        Raises:
            WorkerError: The edited file does not run.
        """
        model = self.variant.baseline
        size = model.input_size
        pixels = self.pixels(model.preprocessing, places, self.images, size=size)
        with model.run.executor.session(model.name) as session:
            loaded = model.run.executor.load_into(
                model, session, edits=(*edits, *model.readout.edits)
            )
            results = session.infer(loaded.handle, pixels, model.preprocessing)
        return [np.asarray(output) for output in results.outputs]

    def read(
        self,
        model: VariantUnderTest,
        outputs: Sequence[Reals],
        preprocessing: Preprocessing,
        places: Order,
    ) -> Answers:
        """Return what a model's outputs mean.

        ``outputs`` are what a worker returned for the samples at ``places``, ``(n, ...)`` each.
        """
        if model.classifies:
            return as_answers(model, outputs)
        if not model.detects:
            place, like = model.readout.judged[self.output], model.baseline.tensors[self.output]
            values = outputs[place.at].reshape(len(places), -1)
            return Values(Output(place.name, like.shape, values, place.step))
        sizes = model.inputs.images.sizes(self.images)[places]
        return boxes_in(model, outputs, sizes, preprocessing)

    @contextmanager
    def laid_out(
        self, kernels: Kernels | None = None, edits: tuple[Edit, ...] = ()
    ) -> Iterator[Laid]:
        """Yield the variant, loaded in a worker of its own with its file edited.

        Raises:
            WorkerError: The edited file does not load.
        """
        model = self.variant
        with model.run.executor.session(model.name) as session:
            loaded = model.run.executor.load_into(
                model, session, kernels=kernels, edits=(*edits, *model.readout.edits)
            )
            yield Laid(self, session, loaded.handle)


@dataclass(frozen=True)
class Laid:
    """The variant loaded in a worker, ready for experiments."""

    bench: Bench
    session: Session
    handle: int

    def answers(self, pixels: npt.NDArray[Any], preprocessing: Preprocessing) -> Predictions:
        """Return a classifier's predictions on pixels."""
        return as_answers(self.bench.variant, self._outputs(pixels, preprocessing))

    def said(
        self, pixels: npt.NDArray[Any], preprocessing: Preprocessing, places: Order
    ) -> Answers:
        """Return what the variant gives on the pixels of some samples."""
        variant = self.bench.variant
        return self.bench.read(variant, self._outputs(pixels, preprocessing), preprocessing, places)

    def _outputs(
        self, pixels: npt.NDArray[Any], preprocessing: Preprocessing
    ) -> list[npt.NDArray[np.float32]]:
        results = self.session.infer(self.handle, pixels, preprocessing)
        return [np.asarray(output) for output in results.outputs]

    def attempt(self, preprocessing: Preprocessing, chosen: Order | None = None) -> Trial:
        """Return how the variant compares if it is fed with another preprocessing."""
        places = self.bench.chosen if chosen is None else chosen
        answers = self.said(self.bench.pixels(preprocessing, places), preprocessing, places)
        return trial(part(self.bench.reference, places), answers)


def part(answers: Answers, places: Order) -> Answers:
    """Return the predictions on some of the images."""
    if not isinstance(answers, Predictions):
        return answers.part(places)
    return replace(answers, scores=answers.scores[places], logits=answers.logits[places])


def trial(baseline: Answers, variant: Answers) -> Trial:
    """Return how two models' predictions on the same images compare."""
    if isinstance(baseline, Predictions) and isinstance(variant, Predictions):
        errors = relative_errors(baseline, variant)
        usable = errors[~np.isnan(errors)]
        middle = float(np.median(usable)) if usable.size else float("inf")
        return Trial(float(agreeing(baseline, variant).mean()), middle)
    if isinstance(baseline, Detected) and isinstance(variant, Detected):
        return Trial(shared_boxes(baseline, variant), mean_error(baseline, variant))
    if isinstance(baseline, Values) and isinstance(variant, Values):
        errors = errors_of_values(baseline, variant)
        return Trial(near_share(errors), mean_of_finite(errors))
    raise TypeError(_UNLIKE)


def recovers(
    before: Trial, after: Trial, left: float = RECOVERED, control_error: float | None = None
) -> bool:
    """Return whether an experiment removes the error that needs an explanation.

    If there is a control, only what the method itself costs may remain. Otherwise most of the error
    must go.

    Args:
        before: The variant as it is.
        after: The variant in the experiment.
        left: Largest fraction of the error that may remain if there is no control.
        control_error: The control's error on the same photographs, None if there is none.
    """
    # Without any error, every experiment would seem to recover.
    if not after.error < before.error:
        return False
    if control_error is None:
        return after.error <= left * before.error
    return after.error <= max(CONTROLS * control_error, MIN_LEVEL)


def _errors(baseline: Answers, variant: Answers) -> npt.NDArray[np.float64]:
    """Return the error of each image, NaN if it has none."""
    if isinstance(baseline, Predictions) and isinstance(variant, Predictions):
        return relative_errors(baseline, variant)
    if isinstance(baseline, Detected) and isinstance(variant, Detected):
        return errors_of_boxes(baseline, variant)
    if isinstance(baseline, Values) and isinstance(variant, Values):
        return errors_of_values(baseline, variant)
    raise TypeError(_UNLIKE)


def relative_errors(baseline: Predictions, variant: Predictions) -> npt.NDArray[np.float64]:
    """Return the relative error of centred logits per image, NaN if an image has none."""
    require_same_shape(baseline, variant)
    finite = baseline.finite & variant.finite
    ours, theirs = (
        np.where(finite[:, np.newaxis], outputs.logits, 0).astype(np.float64)
        for outputs in (baseline, variant)
    )
    ours -= ours.mean(axis=1, keepdims=True)
    theirs -= theirs.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(ours, axis=1)
    usable = finite & (sizes > 0)
    errors = np.linalg.norm(theirs - ours, axis=1) / np.where(usable, sizes, 1)
    return np.where(usable, errors, np.nan)
