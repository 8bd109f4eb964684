"""One run: every variant is made, executed and measured at most once, when first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import CLASSIFICATION, Spec
from edgeq.errors import EdgeqError
from edgeq.judge.doubt import Doubt
from edgeq.judge.verdict import Verdict
from edgeq.measure.accuracy import Accuracy
from edgeq.measure.agreement import Agreement
from edgeq.measure.beside_control import BesideControl
from edgeq.measure.growth import Watched
from edgeq.measure.latency import Latency
from edgeq.measure.operators import Operators
from edgeq.measure.predictions import OutputFacts, Predictions
from edgeq.measure.size import Size
from edgeq.measure.stored.files import FileComparison
from edgeq.measure.tensors import Fit, Output
from edgeq.pipeline.control import Clock, Control, beside_control_of, find_control
from edgeq.pipeline.executable import Executable, require_as_many, require_outputs_like
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.fed import feeding_of
from edgeq.pipeline.growing import watch
from edgeq.pipeline.inputs import ModelInputs, Say
from edgeq.pipeline.making import make
from edgeq.pipeline.measuring import (
    accuracy_of,
    agreement_of,
    doubt_of,
    fits_of,
    operators_of,
    outputs_of,
    size_of,
    stored_of,
    tensors_of,
)
from edgeq.pipeline.memo import Memo
from edgeq.pipeline.plan import Case, Subject, cases, subjects
from edgeq.pipeline.schedule import ProgressRelay
from edgeq.pipeline.timing import Question, TimedPair, time_pair
from edgeq.pipeline.variant import Timed
from edgeq.quantize.variant import Variant
from edgeq.record.feeding import Feeding
from edgeq.run.results import Feed, Loaded, MemoryUse
from edgeq.run.targets import Target, local_target
from edgeq.samples.stream import Stream
from edgeq.store.content import Store

if TYPE_CHECKING:
    from edgeq.diagnosis.cause import Diagnosis

BASELINE = "baseline"
LEAST_SAMPLES = 4
"""Photographs that times and memory rest on, if there are as many."""
SEEN_SAMPLES = 64
"""Photographs that they are chosen from: a portion, which is decoded anyway."""


class Run:
    """The state of one run of a spec.

    A variant that can't be made or executed raises its error at every question about it; the
    questions about the others are not touched. Answers, times and memory are measured apart, each
    failing for itself: what is asked first must not matter.

    Args:
        spec: What to validate.
        store: Where what is made is kept; the spec's own where None.
        target: Where models run; this machine where None.
        say: Told what is going on, one line at a time.

    Attributes:
        parts: How many workers share the evaluation of one model; set before the first is asked.
        clock: Of the controls.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        store: Store | None = None,
        target: Target | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self.spec = spec
        self.relay = ProgressRelay(say)
        self.say = say = self.relay.say
        self.store = store or Store(spec.path(spec.store))
        self.subjects = subjects(spec)
        self.cases: tuple[Case, ...] = cases(spec)
        self.executor = Executor(target or local_target(), spec.run, self.store, say)
        self._inputs = {
            name: ModelInputs(name, spec, self.store, say, self.relay.goes_on)
            for name in spec.models
        }
        self.variants: Memo[str, Variant] = Memo(self.relay.goes_on)
        self.loads: Memo[str, Loaded] = Memo(self.relay.goes_on)
        self.sizes: Memo[str, Size] = Memo(self.relay.goes_on)
        self.operators: Memo[str, Operators] = Memo(self.relay.goes_on)
        self.stored_files: Memo[str, FileComparison] = Memo(self.relay.goes_on)
        self.parts = 1
        self._evaluated: Memo[tuple[str, int], None] = Memo(self.relay.goes_on)
        self._answers: Memo[str, Predictions] = Memo(self.relay.goes_on)
        self._outputs: Memo[str, OutputFacts] = Memo(self.relay.goes_on)
        self._tensors: Memo[str, tuple[Output, ...]] = Memo(self.relay.goes_on)
        self.tensor_fits: Memo[str, tuple[Fit, ...]] = Memo(self.relay.goes_on)
        self.agreements: Memo[str, Agreement] = Memo(self.relay.goes_on)
        self.accuracies: Memo[str, Accuracy] = Memo(self.relay.goes_on)
        self.clock = Clock()
        self.controls: Memo[str, Control] = Memo(self.relay.goes_on)
        self.beside_controls: Memo[str, BesideControl] = Memo(self.relay.goes_on)
        self.latencies: Memo[str, TimedPair] = Memo(self.relay.goes_on)
        self.memories: Memo[str, MemoryUse] = Memo(self.relay.goes_on)
        self.feedings: Memo[str, Feeding] = Memo(self.relay.goes_on)
        self.watches: Memo[str, Watched] = Memo(self.relay.goes_on)
        self.diagnoses: Memo[tuple[str, str], Diagnosis] = Memo(self.relay.goes_on)

    def inputs(self, model: str) -> ModelInputs:
        """Return the inputs of a model."""
        return self._inputs[model]

    def variant(self, subject: Subject) -> Variant:
        """Return a variant, made or read.

        Raises:
            ConversionError: The engine could not make it.
            EdgeqError: The input is bad.
        """
        return self.variants.get(
            subject.key, lambda: make(subject, self.inputs(subject.model), self.store)
        )

    def executable(self, model: str, subject: Subject | None) -> Executable:
        """Return a variant, or the baseline where ``subject`` is None, ready to be run."""
        inputs = self.inputs(model)
        if subject is None:
            baseline = inputs.baseline
            return Executable(
                f"{model}/{BASELINE}",
                baseline.path,
                baseline.sha256,
                baseline.preprocessing,
                inputs.labels,
                inputs.reading,
                is_baseline=True,
            )
        variant = self.variant(subject)
        return Executable(
            subject.key,
            variant.path,
            variant.sha256,
            inputs.preprocessing_of(subject.variant),
            inputs.labels_of(subject.variant),
            inputs.reading,
        )

    def photographs(self, model: str, subject: Subject | None) -> Stream:
        """Return what a model is evaluated on: the evaluation set, or a variant's own samples.

        Raises:
            ImageError: There is no evaluation set, or the samples do not pair with it.
            EdgeqError: The baseline can't be made.
        """
        inputs = self.inputs(model)
        if subject is None:
            return inputs.stream(inputs.baseline.preprocessing)
        return inputs.stream_of(subject.variant)

    def load(self, model: str, subject: Subject | None) -> Loaded:
        """Return how a model loads.

        Raises:
            WorkerError: It does not load.
        """
        executable = self.executable(model, subject)
        return self.loads.get(executable.key, lambda: self.executor.load(executable))

    def size(self, model: str, subject: Subject | None) -> Size:
        """Return what a model's bytes are."""
        executable = self.executable(model, subject)
        return self.sizes.get(executable.key, lambda: size_of(self, executable))

    def operators_of(self, model: str, subject: Subject | None) -> Operators:
        """Return what a model computes with."""
        executable = self.executable(model, subject)
        return self.operators.get(executable.key, lambda: operators_of(self, executable))

    def stored(self, subject: Subject) -> FileComparison:
        """Return what a variant's file holds beside its baseline's."""
        return self.stored_files.get(subject.key, lambda: stored_of(self, subject))

    def answers(self, model: str, subject: Subject | None) -> Predictions:
        """Return what a model says on its evaluation set.

        Raises:
            WorkerError: The variant does not run, or tells another number of classes apart.
            ModelError: The baseline does not run.
            ImageError: There is no evaluation set.
        """
        executable = self.executable(model, subject)

        def make() -> Predictions:
            self.evaluate_all(model, subject)
            photographs = self.photographs(model, subject)
            found = self.executor.answers(executable, photographs)
            if subject is not None:
                require_as_many(found, self.answers(model, None), executable)
            return found

        return self._answers.get(executable.key, make)

    def tensors(self, model: str, subject: Subject | None) -> tuple[Output, ...]:
        """Return what a model says in all outputs that are judged as tensors.

        Raises:
            UnlikeOutputsError: The variant's can't be compared with the baseline's.
            EdgeqError: As ``answers``.
        """
        executable = self.executable(model, subject)
        return self._tensors.get(executable.key, lambda: tensors_of(self, model, subject))

    def fits(self, subject: Subject) -> tuple[Fit, ...]:
        """Return how a variant's outputs that are judged as tensors fit its baseline's.

        Raises:
            EdgeqError: As ``tensors``.
        """
        return self.tensor_fits.get(subject.key, lambda: fits_of(self, subject))

    def outputs(self, model: str, subject: Subject | None) -> OutputFacts:
        """Return plain facts about what a model says; see ``answers`` for its errors."""
        key = f"{model}/{BASELINE}" if subject is None else subject.key
        return self._outputs.get(key, lambda: outputs_of(self, model, subject))

    def evaluate_all(self, model: str, subject: Subject | None) -> None:
        """Run a model on its whole evaluation set; see ``answers`` for its errors."""
        for part in range(self.parts):
            self.evaluate(model, subject, part)

    def evaluate(self, model: str, subject: Subject | None, part: int) -> None:
        """Run a model on one of the ``parts`` of its evaluation set.

        Raises:
            EdgeqError: As ``answers``.
        """
        executable = self.executable(model, subject)

        def make() -> None:
            photographs = self.photographs(model, subject)
            if subject is not None:
                require_outputs_like(self.load(model, subject), self.load(model, None), executable)
            self.executor.evaluate(executable, photographs, part=part, parts=self.parts)

        self._evaluated.get((executable.key, part), make)

    def agreement(self, subject: Subject) -> Agreement:
        """Return what a variant says beside its baseline; see ``answers`` for its errors."""
        return self.agreements.get(subject.key, lambda: agreement_of(self, subject))

    def feeding(self, subject: Subject) -> Feeding:
        """Return how a variant is fed compared with its baseline.

        Raises:
            EdgeqError: One of them can't be made or read.
        """
        return self.feedings.get(subject.key, lambda: feeding_of(self, subject))

    def control(self, subject: Subject) -> Control:
        """Return what a variant is compared with beside its baseline, made and run.

        Raises:
            EdgeqError: The variant itself can't be made or read.
        """
        return self.controls.get(subject.key, lambda: find_control(self, subject))

    def beside_control(self, subject: Subject, control: Subject) -> BesideControl:
        """Return a variant's figures beside those of its control; see ``answers`` for its errors.

        Args:
            subject: The variant.
            control: Of ``control``, another one than the variant.
        """
        return self.beside_controls.get(
            subject.key, lambda: beside_control_of(self, subject, control)
        )

    def classifies(self, model: str) -> bool:
        """Return whether a model is judged by classes."""
        return self.inputs(model).reading.task == CLASSIFICATION

    def doubt(self, subject: Subject) -> Doubt | None:
        """Return why what the baseline says proves nothing, None if it knows something.

        Raises:
            EdgeqError: See ``answers``.
        """
        return doubt_of(self, subject)

    def accuracy(self, subject: Subject) -> Accuracy:
        """Return what a variant and its baseline say beside the labels.

        Raises:
            ImageError: The evaluation set has no labels, or labels of other classes.
        """
        return self.accuracies.get(subject.key, lambda: accuracy_of(self, subject))

    def latency(self, subject: Subject) -> TimedPair:
        """Return the times of baseline and variant, taken in alternating blocks in one worker.

        More rounds are timed while a declared limit is undecided, until the budget is used up.

        Raises:
            WorkerError: One of them does not run.
        """
        return self.latencies.get(subject.key, lambda: self._latency(subject))

    def _latency(self, subject: Subject) -> TimedPair:
        models = (
            self.executable(subject.model, None),
            self.executable(subject.model, subject),
        )
        self.say(f"{subject.key}: timing beside its baseline")
        how = self.spec.latency
        self.memory(subject.model, None)  # a baseline that does not run is not the variant's fault
        with self.executor.session(subject.key) as session:
            session.tell(partial(self.executor.waits, f"{subject.key}: timing beside its baseline"))
            loads = [
                session.load(one.path, threads=self.spec.run.threads, kernels=self.spec.run.kernels)
                for one in models
            ]
            feeds = [
                Feed(loaded.handle, self._samples(subject.model, of), one.preprocessing)
                for loaded, one, of in zip(loads, models, (None, subject), strict=True)
            ]
            return time_pair(
                lambda rounds, budget_s: session.time(
                    feeds, rounds=rounds, block=how.block, warmup=how.warmup, budget_s=budget_s
                ),
                how,
                Question(
                    self._open_until_timed(subject),
                    self.spec.confidence,
                    (loads[0].init_s, loads[1].init_s),
                    os.cpu_count() if self.executor.target.local_files else None,
                ),
            )

    def _open_until_timed(self, subject: Subject) -> list[Callable[[Latency], bool]]:
        """Return for each gate that rests on a variant's times whether some leave it open."""

        def is_open(case: Case, found: Latency) -> bool:
            timed = Timed(self, subject, found)
            judgement = case.gate.judgement(timed, case.limit or 0.0)
            return judgement.status is Verdict.INCONCLUSIVE

        return [
            partial(is_open, case)
            for case in self.cases
            if case.subject == subject and case.gate.timed
        ]

    def memory(self, model: str, subject: Subject | None) -> MemoryUse:
        """Return what a model costs in memory.

        Raises:
            WorkerError: It does not run.
        """
        executable = self.executable(model, subject)
        return self.memories.get(
            executable.key,
            lambda: self.executor.memory(
                executable,
                self._shape(model, subject),
                self._sampled(model, subject),
                lambda: self._samples(model, subject),
            ),
        )

    def watched(self, model: str, subject: Subject | None) -> Watched:
        """Return how a worker's memory rose over the evaluation; see ``answers`` for errors."""
        key = self.executable(model, subject).key
        return self.watches.get(key, lambda: watch(self, model, subject))

    def failure(self, subject: Subject) -> EdgeqError | None:
        """Return the first error that a variant met, None where it met none."""
        for measured in (
            self.variants,
            self.loads,
            self._answers,
            self._tensors,
            self.latencies,
            self.memories,
        ):
            error = measured.error(subject.key)
            if error is not None:
                return error
        return None

    def _samples(self, model: str, subject: Subject | None) -> npt.NDArray[np.uint8]:
        """Return what a model is timed on, ``(k, h, w, 3)``: photographs, or noise without any.

        A network that ends early where an image is easy is no faster for it: of the first
        photographs of the baseline the darkest, the brightest and others between them are taken,
        and of a variant's own samples the same scenes.
        """
        inputs = self.inputs(model)
        if inputs.evaluation is None:
            noise = np.random.default_rng(0).integers(
                0, 256, (LEAST_SAMPLES, *self._shape(model, subject)), np.uint8
            )
            noise[0], noise[-1] = 0, 255
            return noise
        first = self.photographs(model, None).first(SEEN_SAMPLES)
        by_brightness = np.argsort(first.mean(axis=(1, 2, 3)), kind="stable")
        ends = np.linspace(0, len(first) - 1, min(LEAST_SAMPLES, len(first)))
        chosen = by_brightness[ends.round().astype(int)]
        found: npt.NDArray[np.uint8] = self.photographs(model, subject).first(SEEN_SAMPLES)[chosen]
        return found

    def _sampled(self, model: str, subject: Subject | None) -> tuple[str, ...]:
        """Return the hashes of the photographs that ``_samples`` chooses from."""
        if self.inputs(model).evaluation is None:
            return ()
        photos = self.photographs(model, subject).images.photos[:SEEN_SAMPLES]
        return tuple(photo.sha256 for photo in photos)

    def _shape(self, model: str, subject: Subject | None) -> tuple[int, int, int]:
        """Return the shape of one photograph at a model's input size."""
        inputs = self.inputs(model)
        own = None if subject is None else inputs.input_size_of(subject.variant)
        return (*(own or inputs.baseline.input_size), 3)
