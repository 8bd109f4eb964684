"""The cost of a variant's activation ranges, measured on a few samples and confirmed by trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq import tflite
from edgeq.errors import EdgeqError, ModelError, UnlikeOutputsError
from edgeq.measure.agreement import agreeing
from edgeq.measure.box_agreement import Detected, errors_of_boxes, mean_error
from edgeq.measure.clusters import effective, find_clusters
from edgeq.measure.contrast import ratio_interval
from edgeq.measure.divergence import divergence
from edgeq.measure.predictions import Predictions, softmax
from edgeq.measure.ranges import (
    Need,
    Place,
    RangeFit,
    Ranges,
    StaleBias,
    Trial,
    misreading,
    nearer_share,
    need,
    needed_by_all,
    range_fit,
    spread_errors,
    squared_errors,
)
from edgeq.measure.scales import Doubles, Scale
from edgeq.measure.statistics import Interval
from edgeq.pipeline.computed import VALUES_READ, sample_pixels, sample_places
from edgeq.pipeline.dependencies import answers_facts, arithmetic
from edgeq.pipeline.detecting import boxes_in
from edgeq.pipeline.evaluating import KeptRows
from edgeq.pipeline.readout import as_answers
from edgeq.run.session import Session
from edgeq.samples.preprocess import to_inputs
from edgeq.store.cached import sources
from edgeq.tflite.activations import Activation, activations, is_fixed
from edgeq.tflite.constants import Constants
from edgeq.tflite.edits import Edit, ranges_edits
from edgeq.tflite.matching import Matching, match
from edgeq.tflite.model_file import order_by_names, read_model
from edgeq.tflite.skeleton import short, skeleton
from edgeq.tflite.wiring import Wiring

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

MAX_SINGLE_TRIALS = 3
"""Activations to correct alone, each in its own trial, if correcting all of them helps."""

MAX_NUMBERS = 100_000
"""Maximum number of values of an output to compare per sample."""

_BINARY = 2

_ONE_SAMPLE = "a single sample can't show both what ranges should hold and what they cost"

_FORMAT = 11

Floats = npt.NDArray[np.float32]
_Fitting = Mapping[int, tuple[float, int]]


def ranges_of(variant: VariantUnderTest) -> Ranges:
    """Return what a variant's activation ranges clip and waste, and the cost.

    Raises:
        EdgeqError: The variant or the baseline does not run, or there is no evaluation set.
    """
    return Ranging(variant).measured()


def refused_ranges_of(variant: VariantUnderTest) -> Ranges:
    """Return the same for a variant that does not run: ranges with which it does, if corrected.

    Raises:
        EdgeqError: The baseline does not run, or there is no evaluation set.
    """
    return Ranging(variant, runs=False).measured()


def last_corrected(variant: VariantUnderTest) -> tuple[RangeFit, tuple[Edit, ...]] | None:
    """Return how the range of the last layer's output fits, and the edits that correct it.

    None if there are several last layers, or if it has no fixed scale or can't be corrected.

    Raises:
        EdgeqError: The baseline does not run, or there is no evaluation set.
    """
    ranging = Ranging(variant)
    last = [fit for fit in ranging.fits.values() if fit.place == "last"]
    edits = ranging.edits(last, []) if len(last) == 1 else ()
    return (last[0], edits) if edits else None


def ranges_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what ``ranges_of`` depends on; the errors are the same."""
    places = sample_places(variant)
    return {
        "format": _FORMAT,
        "baseline": answers_facts(variant.baseline),
        "variant": answers_facts(variant),
        "samples": [
            [side.samples.photos[place].sha256 for place in some]
            for side in (variant.baseline, variant)
            for some in (places.fitted, places.judged, places.paired)
        ],
        "confidence": variant.spec.confidence,
        "how": [VALUES_READ, MAX_NUMBERS, MAX_SINGLE_TRIALS],
        "reader": sources(tflite),
        **arithmetic(),
    }


@dataclass(frozen=True)
class _Said:
    """A model's outputs on the samples.

    Of a model without them, ``answers`` and ``boxes`` are None. ``compared`` are ``(n, d)`` each,
    none of a detector's.
    """

    compared: list[npt.NDArray[np.floating]]
    answers: Predictions | None = None
    boxes: Detected | None = None


class Ranging:
    """The ranges of a variant's activations, and experiments with them.

    ``runs`` says whether the runtime takes the variant as it is.
    """

    def __init__(self, variant: VariantUnderTest, *, runs: bool = True) -> None:
        self.variant = variant
        self.runs = runs
        self.baseline = variant.baseline
        self.file = read_model(self.variant.path)
        self.wiring = Wiring(self.file)
        places = sample_places(variant)
        self.fitted = places.fitted
        self.judged = places.judged or places.fitted
        self.paired = places.paired
        self.judges_others = bool(places.judged)
        self._known: dict[tuple[str, tuple[int, ...]], _Said] = {}

    def measured(self) -> Ranges:
        """Return all findings about the ranges."""
        every, suspicious = self.activations, self.suspicious
        trials, problems = self._trials()
        stale = self._stale() if self.runs else ()
        return Ranges(
            samples=len(self.judged),
            fitted=len(self.fitted),
            activations=len(every),
            groups=len({activation.group for activation in every.values()}),
            runs=self.runs,
            unmatched=tuple(
                short(activation.tensor.name)
                for at, activation in every.items()
                if at not in self.fits and not activation.is_as_defined
            ),
            suspicious=suspicious,
            trials=trials,
            problems=problems,
            stale=stale,
            recounted=self._recounted(stale),
        )

    @cached_property
    def activations(self) -> Mapping[int, Activation]:
        """The activations stored with a fixed scale, by tensor index."""
        if not any(map(is_fixed, self.file.tensors)):
            return {}
        return {
            activation.tensor.index: activation
            for activation in activations(self.file, self._matching(), broken=not self.runs)
        }

    @cached_property
    def entries(self) -> Mapping[int, int]:
        """Places of the variant's inputs, by the index of the baseline's as real numbers."""
        model = read_model(self.baseline.path)
        reals = [(index, *Wiring(model).reals(index))[-1] for index in model.inputs]
        order = order_by_names(model.named_inputs, self.file.named_inputs)
        return {reals[at]: place for place, at in enumerate(order) if at < len(reals)}

    def _matching(self) -> Matching | None:
        """Return how the two graphs correspond, None if one of them can't be followed."""
        try:
            files = (read_model(self.baseline.path), self.file)
            return match(*(skeleton(file, Constants(file)) for file in files))
        except ModelError:
            return None

    @cached_property
    def fits(self) -> Mapping[int, RangeFit]:
        """How well the ranges hold what the baseline computes, by tensor index."""
        values = {at: some.astype(np.float64) for at, some in self._values().items()}
        needs = {
            at: own_need for at, some in values.items() if (own_need := need(some)) is not None
        }
        return {
            at: self._fit(
                self.activations[at],
                values[at],
                needed_by_all([needs[i] for i in self.activations[at].group if i in needs]),
            )
            for at in needs
        }

    @cached_property
    def suspicious(self) -> tuple[RangeFit, ...]:
        """Suspicious ranges, the greatest loss first."""
        suspicious = (fit for fit in self.fits.values() if fit.suspicious)
        return tuple(sorted(suspicious, key=lambda fit: -fit.loss))

    @property
    def suspicious_groups(self) -> list[RangeFit]:
        """One suspicious range of each group that shares a scale, the greatest loss first."""
        alike = {self.activations[fit.tensor].group: fit for fit in reversed(self.suspicious)}
        return list(reversed(alike.values()))

    def _values(self) -> dict[int, Floats]:
        """Return the baseline's values, by the index of the corresponding tensor in the variant."""
        if not self.activations:
            return {}
        ours = self.baseline.activations
        by_activation = {
            at: ours[activation.baseline]
            for at, activation in self.activations.items()
            if activation.baseline is not None and activation.baseline in ours
        }
        fed = {
            at: self.entries[index]
            for at, activation in self.activations.items()
            if (index := activation.baseline) is not None and index in self.entries
        }
        if fed:
            pixels = sample_pixels(self.variant, self.fitted)
            shapes = [self.file.tensors[at].shape for at in self.file.inputs]
            inputs = [to_inputs(each, self.variant.preprocessing, shapes) for each in pixels]
            by_activation.update(
                {at: _some([each[place] for each in inputs]) for at, place in fed.items()}
            )
        return by_activation

    def _fit(self, activation: Activation, values: Doubles, needed: Need) -> RangeFit:
        tensor = activation.tensor
        last = {layer.output.index for layer in self.wiring.last_layers}
        place: Place = "inner"
        if activation.baseline in self.entries:
            place = "input"
        elif tensor.index in last:
            place = "last"
        return range_fit(
            values,
            Scale(tensor.dtype, float(tensor.scales[0]), tensor.zero_point),
            needed,
            name=short(tensor.name),
            tensor=tensor.index,
            place=place,
        )

    def _trials(self) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
        """Return how the outputs change if suspicious ranges are corrected, all and then a few."""
        if self.suspicious and not self.judges_others:
            return (), (_ONE_SAMPLE,)
        chosen = self.suspicious_groups
        gross = [fit for fit in chosen if fit.gross]
        sets = [some for some in (chosen, gross) if some]
        if gross == chosen:
            sets = sets[:1]
        trials: list[Trial] = []
        problems: list[str] = []

        def attempt(some: Sequence[RangeFit]) -> None:
            if not any(trial.tensors == tuple(fit.name for fit in some) for trial in trials):
                trials.extend(self.tried(some, problems))

        for some in sets:
            attempt(some)
            if any(trial.recovers for trial in trials):
                break
        if not self.runs or any(trial.promises and len(trial.tensors) > 1 for trial in trials):
            for fit in chosen[:MAX_SINGLE_TRIALS]:
                attempt([fit])
        if not any(trial.recovers for trial in trials):
            trials += self._paired_trials(chosen, problems)
        return tuple(trials), tuple(dict.fromkeys(problems))

    def _paired_trials(self, chosen: Sequence[RangeFit], problems: list[str]) -> list[Trial]:
        """Return how the outputs change on many samples if single ranges that clip are corrected.

        Only for classes: what such ranges cost good files of other tasks has not been measured.
        """
        clipping = [fit for fit in chosen if fit.gross and fit.clips]
        if not (self.runs and self.variant.classifies):
            return []
        tried = [self.tried([fit], problems, paired=True) for fit in clipping[:MAX_SINGLE_TRIALS]]
        return [trial for trials in tried for trial in trials if trial.left is not None]

    def tried(
        self, some: Sequence[RangeFit], problems: list[str], *, paired: bool = False
    ) -> list[Trial]:
        """Return the trial of correcting some ranges, if they can be corrected."""
        edits, names = self.edits(some, problems), tuple(fit.name for fit in some)
        gross = all(fit.gross for fit in some)
        try:
            return [self._trial(names, edits, gross=gross, paired=paired)] if edits else []
        except EdgeqError as error:
            problems.append(error.what)
            return []

    def edits(self, some: Sequence[RangeFit], problems: list[str]) -> tuple[Edit, ...]:
        """Return the edits that correct ranges, for those that can be corrected."""
        ranges = [self._fitting(fit) for fit in some]
        try:
            return ranges_edits(self.variant.path, _joined(ranges))
        except ModelError:
            possible = [candidate for candidate in ranges if self._is_possible(candidate, problems)]
            return ranges_edits(self.variant.path, _joined(possible)) if possible else ()

    def _is_possible(self, ranges: _Fitting, problems: list[str]) -> bool:
        try:
            ranges_edits(self.variant.path, ranges)
        except ModelError as error:
            problems.append(error.what)
            return False
        return True

    def _fitting(self, fit: RangeFit) -> _Fitting:
        """Return the scale and zero point for a range and for those that share its scale."""
        activation = self.activations[fit.tensor]
        best = activation.bound or (fit.fitting.step, fit.fitting.zero_point)
        if self.runs:
            return dict.fromkeys(activation.group, best)
        # A constant, such as what a PAD fills in, keeps its scale; the others must have the same.
        tensors = [self.file.tensors[at] for at in activation.group]
        for constant in tensors:
            if constant.data_bytes:
                best = float(constant.scales[0]), constant.zero_point
        return {tensor.index: best for tensor in tensors if not tensor.data_bytes}

    def _trial(
        self,
        tensors: tuple[str, ...],
        edits: tuple[Edit, ...],
        *,
        gross: bool = False,
        paired: bool = False,
    ) -> Trial:
        places = self.paired if paired else self.judged

        def ask(session: Session) -> Sequence[Floats]:
            loaded = self.variant.run.executor.load_into(
                self.variant, session, edits=(*edits, *self.variant.readout.edits)
            )
            pixels = sample_pixels(self.variant, places)
            return session.infer(loaded.handle, pixels, self.variant.preprocessing).outputs

        after = self._said(
            self.variant, self.variant.run.executor.workers.ask(self.variant.name, ask), places
        )
        ours = self._evaluated(self.baseline, places)
        errors = _errors(ours, after)
        tried = Trial(
            tensors=tensors,
            gross=gross,
            of_boxes=after.boxes is not None,
            agreeing=None,
            before=(None,) * len(errors),
            after=errors,
            nearer=(1.0,) * len(errors),
            samples=len(places) if paired else None,
        )
        if not self.runs:
            return tried
        theirs = self._evaluated(self.variant, places)
        return msgspec.structs.replace(
            tried,
            agreeing=_agreeing(ours, theirs, after),
            before=_errors(ours, theirs),
            nearer=_nearer(ours, theirs, after),
            drift=_drift(ours, theirs, after),
            left=self._left(ours, theirs, after) if paired else None,
        )

    def _left(self, ours: _Said, before: _Said, after: _Said) -> Interval | None:
        """Return the interval of the share of the classes' mean error that a change leaves."""
        left, whole = (
            np.sqrt(squared_errors(ours.compared[0], side.compared[0])) for side in (after, before)
        )
        if not np.isfinite([left, whole]).all():
            return None
        images = self.variant.inputs.images.evaluation
        groups = [] if images is None else images.groups()
        clusters = find_clusters([groups[place] for place in self.paired]) if groups else None
        worth = effective(len(self.paired), clusters)
        return ratio_interval(left, whole, self.variant.spec.confidence, worth=worth)

    def _stale(self) -> tuple[StaleBias, ...]:
        """Return the biases whose scale does not match their layer's, worst first."""
        constants = Constants(self.file)
        biases = []
        for layer in self.wiring.layers:
            entry = self.file.tensors[layer.input] if layer.input >= 0 else None
            if layer.bias is None or entry is None or entry.scales.size != 1:
                continue
            scales = (layer.bias.scales, layer.weights.scales, layer.output.scales)
            if not all(some.size for some in scales):
                continue
            try:
                bias = constants.stored(layer.bias).ravel().astype(np.int64)
            except ModelError:
                continue  # another proof reports what can't be read
            needed = float(entry.scales[0]) * layer.weights.scales.astype(np.float64)
            counted = layer.bias.scales.astype(np.float64)
            if bias.size % needed.size or bias.size % counted.size:
                continue
            read = misreading(bias, counted, needed, float(layer.output.scales[0]))
            if read is not None:
                biases.append(
                    StaleBias(
                        layer=short(layer.weights.name),
                        input=short(entry.name),
                        tensor=entry.index,
                        factor=read.factor,
                        steps=read.steps,
                    )
                )
        return tuple(sorted(biases, key=lambda bias: -bias.steps))

    def _recounted(self, stale: Sequence[StaleBias]) -> Trial | None:
        """Return how the outputs change if biases are rescaled to match their layers."""
        tensors = {bias.tensor: bias.input for bias in stale if bias.matters}
        if not tensors:
            return None
        own = {
            at: (float(tensor.scales[0]), tensor.zero_point)
            for at in tensors
            for tensor in [self.file.tensors[at]]
        }
        try:
            return self._trial(tuple(tensors.values()), ranges_edits(self.variant.path, own))
        except EdgeqError:
            return None

    def _evaluated(self, model: VariantUnderTest, places: tuple[int, ...]) -> _Said:
        """Return a model's outputs on some samples, from its evaluation."""
        key = model.name, places
        if key not in self._known:
            self._known[key] = self._said(model, self._outputs(model, places), places)
        return self._known[key]

    def _outputs(self, model: VariantUnderTest, places: tuple[int, ...]) -> list[Floats]:
        model.evaluate_all()
        photographs, ledger = model.photographs, model.run.executor.kept_answers(model)
        outputs = []
        for at in range(model.readout.places):
            rows = KeptRows(ledger, photographs, at)
            some = [rows[place : place + 1, :] for place in places]
            outputs.append(np.concatenate(some).reshape(-1, *rows.values))
        return outputs

    def _said(
        self, model: VariantUnderTest, outputs: Sequence[Floats], places: Sequence[int]
    ) -> _Said:
        """Return the part of a model's outputs to compare: boxes, or logits and other outputs.

        For two classes, probabilities are compared instead of logits. A detector's outputs are
        mostly those of cells without an object, which no box depends on.
        """
        if model.detects:
            sizes = model.inputs.images.sizes(model.samples)[list(places)]
            return _Said([], boxes=boxes_in(model, outputs, sizes, model.preprocessing))
        compared: list[npt.NDArray[np.floating]] = []
        answers = None
        if model.classifies:
            answers = as_answers(model, outputs)
            logits = answers.logits
            compared.append(
                # Two logits saturate far from the decision, where their errors don't matter.
                logits - logits.mean(axis=1, keepdims=True)
                if logits.shape[1] > _BINARY
                else softmax(logits.astype(np.float64))
            )
        for output in model.readout.judged:
            rows = outputs[output.at].reshape(len(outputs[output.at]), -1)
            compared.append(rows[:, :: max(1, rows.shape[1] // MAX_NUMBERS)])
        return _Said(compared, answers)


def _some(inputs: Sequence[Floats]) -> Floats:
    """Return each sample's smallest and largest value of an input, and evenly spread ones."""
    values = np.stack([each.ravel() for each in inputs])
    ends = np.stack([values.min(axis=1), values.max(axis=1)], axis=1)
    return np.concatenate([ends, values[:, :: max(1, values.shape[1] // VALUES_READ)]], axis=1)


def _errors(ours: _Said, theirs: _Said) -> tuple[float | None, ...]:
    """Return the error of each compared output, or that of the boxes.

    Raises:
        UnlikeOutputsError: The outputs have other shapes than the baseline's.
    """
    if ours.boxes is None or theirs.boxes is None:
        if [rows.shape for rows in ours.compared] != [rows.shape for rows in theirs.compared]:
            raise UnlikeOutputsError("the outputs have other shapes than the baseline's")
        return spread_errors(ours.compared, theirs.compared)
    error = mean_error(ours.boxes, theirs.boxes)
    return (error if np.isfinite(error) else None,)


def _nearer(ours: _Said, before: _Said, after: _Said) -> tuple[float, ...]:
    """Return the share of samples that a change brings nearer, for each compared output."""
    if ours.boxes is None or before.boxes is None or after.boxes is None:
        outputs = zip(ours.compared, before.compared, after.compared, strict=True)
        return tuple(
            nearer_share(squared_errors(usual, theirs), squared_errors(usual, changed))
            for usual, theirs, changed in outputs
        )
    errors = [errors_of_boxes(ours.boxes, side) for side in (before.boxes, after.boxes)]
    return (nearer_share(*errors),)


def _joined(ranges: Sequence[_Fitting]) -> _Fitting:
    return {at: how for some in ranges for at, how in some.items()}


def _agreeing(ours: _Said, before: _Said, after: _Said) -> tuple[int, int] | None:
    """Return how many samples get the baseline's class before and after a change."""
    if ours.answers is None or before.answers is None or after.answers is None:
        return None
    first = agreeing(ours.answers, before.answers)
    return int(first.sum()), int(agreeing(ours.answers, after.answers).sum())


def _drift(ours: _Said, before: _Said, after: _Said) -> tuple[float, float] | None:
    """Return how far the probabilities lie from the baseline's before and after a change."""
    if ours.answers is None or before.answers is None or after.answers is None:
        return None
    first = divergence(ours.answers, before.answers).variation
    return float(first.mean()), float(divergence(ours.answers, after.answers).variation.mean())
