"""The bench: a failing variant, its baseline, and the experiments that can be made with them.

Everything is made when it is first asked for, on few photographs: those on which the variant is
worst, and some others. Experiments share one worker, which is closed at the end of the diagnosis
or when an experiment failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.diagnosis.layers import Pair, pairs
from edgeq.errors import EdgeqError
from edgeq.measure.agreement import agreeing, require_same_shape
from edgeq.measure.predictions import Predictions
from edgeq.pipeline.readout import as_answers
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.session import Session
from edgeq.samples.decode import decode
from edgeq.samples.sets import ImageSet
from edgeq.tflite.constants import Constants
from edgeq.tflite.edits import Edit, outputs_edits
from edgeq.tflite.model_file import ModelFile, read_model

MOST_IMAGES = 24
FEW_IMAGES = 4
"""Where no operator is delegated, an inference takes long."""
RECOVERED = 0.5
"""Most that an experiment may leave of the error if there is no control to compare with."""
CONTROLS = 1.5
"""An experiment may leave so many times the control's error."""
LEAST_LEVEL = 1e-4
"""Float arithmetic itself parts by less."""
DISAGREEING = 0.75
"""Share of the images that is left to those on which the variant is worst."""

Order = npt.NDArray[np.intp]
Reals = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trial:
    """The variant's answers in one experiment, beside the baseline's.

    Attributes:
        agreeing: Share of the images with the baseline's class.
        error: Median over the images of the relative error of centred logits.
    """

    agreeing: float
    error: float


class Bench:
    """One failing variant.

    Args:
        variant: The variant.
        error: What kept it from being run, None where it ran.
    """

    def __init__(self, variant: VariantUnderTest, error: EdgeqError | None = None) -> None:
        self.variant = variant
        self.error = error
        self._open = ExitStack()
        self._laid: Laid | None = None
        self.known_fact: str | None = None
        """What is certain about the variant, for people, although it may not be the cause."""
        self._reference: Predictions | None = None
        self._pixels: dict[object, npt.NDArray[np.uint8]] = {}

    def close(self) -> None:
        """End the worker that experiments share; the next one starts another."""
        self._laid = None
        self._open.close()

    @cached_property
    def baseline_file(self) -> ModelFile:
        """What the baseline's file holds."""
        return read_model(self.variant.baseline.source.path)

    @cached_property
    def variant_file(self) -> ModelFile:
        """What the variant's file holds."""
        return read_model(self.variant.source.path)

    @cached_property
    def baseline_constants(self) -> Constants:
        """The baseline's stored data."""
        return Constants(self.baseline_file)

    @cached_property
    def variant_constants(self) -> Constants:
        """The variant's stored data."""
        return Constants(self.variant_file)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The layers that both have."""
        return pairs(self.baseline_file, self.variant_file)

    @property
    def static(self) -> bool:
        """Whether activations have ranges that are fixed in the file."""
        return any(pair.variant.output.scales.size == 1 for pair in self.pairs)

    @cached_property
    def predictions(self) -> Predictions:
        """What the variant says on all of its samples, in the baseline's classes."""
        predictions = self.variant.predictions
        require_same_shape(self.variant.baseline.predictions, predictions)
        return predictions

    @property
    def images(self) -> ImageSet:
        """The evaluation set.

        Raises:
            ImageError: There is none.
        """
        return self.variant.inputs.images.require_evaluation()

    @cached_property
    def chosen(self) -> Order:
        """Places of the photographs for experiments, the worst first."""
        most = MOST_IMAGES if self.variant.loaded.delegated else FEW_IMAGES
        errors = relative_errors(self.variant.baseline.predictions, self.predictions)
        worst = np.argsort(-np.where(np.isnan(errors), np.inf, errors), kind="stable")
        if len(worst) <= most:
            return worst
        first = worst[: round(most * DISAGREEING)]
        others = np.setdiff1d(np.arange(len(errors)), first)
        spread = others[np.linspace(0, len(others) - 1, most - len(first), dtype=int)]
        return np.concatenate([first, np.unique(spread)])

    def pixels(
        self,
        preprocessing: Preprocessing,
        chosen: Order,
        images: ImageSet | None = None,
        *,
        size: tuple[int, int] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Return chosen photographs, decoded in some geometry.

        Args:
            preprocessing: Its resize, filter and crop.
            chosen: Places in the set.
            images: The set, the variant's samples if None.
            size: Height and width, those of the variant's input if None.
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
            subset = replace(images, photos=photos)
            decoded = decode(subset, preprocessing, size, self.variant.run.store)
            self._pixels[key] = np.array(decoded.array())
        return self._pixels[key]

    @property
    def reference(self) -> Predictions:
        """What the variant is held against: the baseline's answers, with what was found in it."""
        return self._reference or self.variant.baseline.predictions

    def hold_against(self, answers: Predictions, places: Order) -> None:
        """Hold the variant against other answers than the baseline's from now on.

        Args:
            answers: Of a changed baseline.
            places: The photographs that they are about.
        """
        ours = self.variant.baseline.predictions
        scores, logits = ours.scores.copy(), ours.logits.copy()
        scores[places], logits[places] = answers.scores, answers.logits
        self._reference = replace(ours, scores=scores, logits=logits)

    def known(self, chosen: Order) -> Trial:
        """Return how the variant's own answers on chosen photographs compare."""
        return trial(part(self.reference, chosen), part(self.predictions, chosen))

    @cached_property
    def control_error(self) -> float | None:
        """The control's error on the photographs of experiments, None if there is no control.

        A variant that is its own control has none, and so have outputs that hold no classes.
        """
        if not self.variant.classifies:
            return None
        control = self.variant.control
        if control is None or control is self.variant:
            return None
        ours, theirs = self.variant.baseline.predictions, control.predictions
        return trial(part(ours, self.chosen), part(theirs, self.chosen)).error

    @property
    def needs_no_explanation(self) -> bool:
        """Whether the variant lies no farther from the baseline than its control does."""
        level = self.control_error
        return level is not None and self.known(self.chosen).error <= CONTROLS * level

    def recovers(self, before: Trial, after: Trial, left: float = RECOVERED) -> bool:
        """Return whether an experiment takes away what needs an explanation; see ``recovers``."""
        return recovers(before, after, left, self.control_error)

    def computed(self, *, baseline: bool, chosen: Order) -> Iterator[tuple[Reals, ...]]:
        """Yield for each chosen photograph what each common layer computes, as real numbers.

        Both are given the variant's samples, so that what parts them lies in the files.

        Raises:
            WorkerError: The model does not run.
        """
        model = self.variant.baseline if baseline else self.variant
        tensors = [
            (pair.baseline if baseline else pair.variant).output.index for pair in self.pairs
        ]
        pixels = self.pixels(model.preprocessing, chosen, size=model.input_size)
        with model.run.executor.session(model.name) as session:
            loaded = model.run.executor.load_into(
                model, session, edits=outputs_edits(model.path, tensors)
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
            WorkerError: It does not load.
        """
        if self._laid is None:
            self._laid = self._open.enter_context(self.laid_out())
        return self._laid

    def changed_baseline(self, edits: tuple[Edit, ...], places: Order) -> list[Reals]:
        """Return all that the baseline hands out on chosen photographs, with its file edited.

        Raises:
            WorkerError: It does not run so.
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

    @contextmanager
    def laid_out(
        self, kernels: Kernels | None = None, edits: tuple[Edit, ...] = ()
    ) -> Iterator[Laid]:
        """Yield the variant, loaded in a worker of its own, with its file edited.

        Raises:
            WorkerError: It does not load.
        """
        model = self.variant
        with model.run.executor.session(model.name) as session:
            loaded = model.run.executor.load_into(
                model, session, kernels=kernels, edits=(*edits, *model.readout.edits)
            )
            yield Laid(self, session, loaded.handle)


@dataclass(frozen=True)
class Laid:
    """The variant in a worker, ready for experiments."""

    bench: Bench
    session: Session
    handle: int

    def answers(self, pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing) -> Predictions:
        """Return the variant's answers on pixels."""
        results = self.session.infer(self.handle, pixels, preprocessing)
        return as_answers(self.bench.variant, [np.asarray(output) for output in results.outputs])

    def attempt(self, preprocessing: Preprocessing, chosen: Order | None = None) -> Trial:
        """Return how the variant compares when it is fed in some way."""
        places = self.bench.chosen if chosen is None else chosen
        predictions = self.answers(self.bench.pixels(preprocessing, places), preprocessing)
        return trial(part(self.bench.reference, places), predictions)


def part(answers: Predictions, places: Order) -> Predictions:
    """Return the answers on some of the images."""
    return replace(answers, scores=answers.scores[places], logits=answers.logits[places])


def trial(baseline: Predictions, variant: Predictions) -> Trial:
    """Return how answers compare on the same images."""
    errors = relative_errors(baseline, variant)
    usable = errors[~np.isnan(errors)]
    middle = float(np.median(usable)) if usable.size else float("inf")
    return Trial(float(agreeing(baseline, variant).mean()), middle)


def recovers(
    before: Trial, after: Trial, left: float = RECOVERED, control_error: float | None = None
) -> bool:
    """Return whether an experiment takes away what needs an explanation.

    With a control that is all but what the method itself costs; without one, most of the error.

    Args:
        before: The variant as it is.
        after: The experiment.
        left: Most that it may leave of the error if there is no control.
        control_error: The control's error on the same photographs, None if there is none.
    """
    # Where there is no error, everything would "recover".
    if not after.error < before.error:
        return False
    if control_error is None:
        return after.error <= left * before.error
    return after.error <= max(CONTROLS * control_error, LEAST_LEVEL)


def relative_errors(baseline: Predictions, variant: Predictions) -> npt.NDArray[np.float64]:
    """Return the relative error of centred logits per image, NaN where it has none."""
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
