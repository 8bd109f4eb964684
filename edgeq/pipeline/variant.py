"""The variant under test: what a gate gets to see of a variant, measured when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgeq.config.allowances import WIDEST, allowance_of
from edgeq.config.limits import is_asked_for
from edgeq.config.methods import METHODS
from edgeq.config.structs import Spec, StoredWeights
from edgeq.judge.control import Reference
from edgeq.judge.doubt import Doubt
from edgeq.measure.accuracy import Accuracy
from edgeq.measure.agreement import Agreement
from edgeq.measure.growth import Watched
from edgeq.measure.latency import Latency
from edgeq.measure.least_size import LeastSize
from edgeq.measure.operators import Operators
from edgeq.measure.predictions import Predictions
from edgeq.measure.size import Size
from edgeq.measure.stored.files import FileComparison
from edgeq.measure.tensors import Fit
from edgeq.pipeline.executable import Executable
from edgeq.pipeline.inputs import ModelInputs
from edgeq.pipeline.measuring import least_size_of
from edgeq.pipeline.plan import Subject
from edgeq.run.results import Loaded, MemoryUse

if TYPE_CHECKING:
    from edgeq.pipeline.run import Run


class VariantUnderTest:
    """One variant of one model, or its baseline.

    Every property is measured at most once in a run, and kept in the store; each raises an
    ``EdgeqError`` if the variant can't be made or run, or if what it needs can't be used.

    Args:
        run: The run that it belongs to.
        model: Name of the model.
        subject: The declared variant, None for the baseline.
    """

    def __init__(self, run: Run, model: str, subject: Subject | None) -> None:
        self.run = run
        self.model = model
        self.subject = subject

    @property
    def name(self) -> str:
        """The variant's name in the whole run, ``MODEL/VARIANT``."""
        return self._executable.key

    @property
    def method(self) -> str | None:
        """Name of its method, None for the baseline and for a ready-made one that claims none."""
        return None if self.subject is None else self.subject.method

    @property
    def baseline(self) -> VariantUnderTest:
        """The float model that it is compared with."""
        return VariantUnderTest(self.run, self.model, None)

    @property
    def control(self) -> VariantUnderTest | None:
        """What default limits compare it with: edgeq's own variant of its method.

        Itself if that is what it is; None if there is none, for the reason in
        ``run.control(declared).absent``.
        """
        found = self.run.control(self.declared)
        if found.subject is None:
            return None
        return self if found.itself else VariantUnderTest(self.run, self.model, found.subject)

    def reference(self, gate: str) -> Reference | None:
        """Return its control for a gate's default limit, None if the spec sets that limit.

        Args:
            gate: Name of the gate.
        """
        subject = self.declared
        if is_asked_for(self.spec, gate, subject.variant, subject.method):
            return None
        found = self.run.control(subject)
        return Reference(
            method=found.method,
            allowance=WIDEST if found.method is None else allowance_of(found.method),
            beside=None
            if found.itself or found.subject is None
            else self.run.beside_control(subject, found.subject),
            itself=found.itself,
            deduced=found.deduced,
            absent=found.absent,
        )

    @property
    def spec(self) -> Spec:
        """The spec of the run."""
        return self.run.spec

    @property
    def inputs(self) -> ModelInputs:
        """What its model brings: images, labels, the calibration set."""
        return self.run.inputs(self.model)

    @property
    def path(self) -> Path:
        """Its ``.tflite`` file."""
        return self._executable.path

    @property
    def sha256(self) -> str:
        """Of its file."""
        return self._executable.sha256

    @property
    def bytes(self) -> int:
        """Of its file."""
        return self.path.stat().st_size

    @property
    def loaded(self) -> Loaded:
        """How it loads: inputs, outputs, operators, what the delegate took over."""
        return self.run.load(self.model, self.subject)

    @property
    def size(self) -> Size:
        """What its bytes are."""
        return self.run.size(self.model, self.subject)

    @property
    def least(self) -> LeastSize | None:
        """What a file of its method needs of its baseline.

        None if the spec sets the limit on size, or if it claims no method.
        """
        subject = self.declared
        if subject.method is None or is_asked_for(
            self.spec, "size_reduction", subject.variant, subject.method
        ):
            return None
        return least_size_of(self.run, subject)

    @property
    def operators(self) -> Operators:
        """What it computes with."""
        return self.run.operators_of(self.model, self.subject)

    @property
    def stored(self) -> FileComparison:
        """What its file holds beside its baseline's."""
        return self.run.stored(self.declared)

    @property
    def stored_weights(self) -> StoredWeights:
        """How its weights came from its baseline's, as its spec or its method says."""
        ready = self.spec.variants.get(self.declared.variant)
        if self.declared.choice is None and ready is not None and ready.weights != "quantized":
            return ready.weights
        return "quantized" if self.method is None else METHODS.get(self.method).stored_weights

    @property
    def classifies(self) -> bool:
        """Whether its model is judged by classes."""
        return self.run.classifies(self.model)

    @property
    def predictions(self) -> Predictions:
        """What it says on the evaluation set, in classes."""
        return self.run.answers(self.model, self.subject)

    @property
    def outputs(self) -> tuple[Fit, ...]:
        """How its outputs that are judged as tensors fit the baseline's."""
        return self.run.fits(self.declared)

    @property
    def agreement(self) -> Agreement:
        """What it says compared with its baseline, in classes."""
        return self.run.agreement(self.declared)

    @property
    def accuracy(self) -> Accuracy:
        """What it and its baseline say compared with the labels."""
        return self.run.accuracy(self.declared)

    @property
    def doubt(self) -> Doubt | None:
        """Why what its baseline says proves nothing, None if the baseline knows something."""
        return self.run.doubt(self.declared)

    @property
    def latency(self) -> Latency:
        """Its times beside its baseline's, in seconds, from alternating blocks."""
        return self.run.latency(self.declared).latency

    @property
    def memory(self) -> MemoryUse:
        """What it costs in memory, after its first inferences."""
        return self.run.memory(self.model, self.subject)

    @property
    def watched(self) -> Watched | None:
        """How a worker's memory rose over its evaluation, None if there are no images."""
        if self.inputs.evaluation is None:
            return None
        return self.run.watched(self.model, self.subject)

    @property
    def declared(self) -> Subject:
        """The declared variant.

        Raises:
            TypeError: It is the baseline, which is compared with nothing.
        """
        if self.subject is None:
            raise TypeError(f"{self.model} is a baseline: it is compared with nothing")
        return self.subject

    @property
    def _executable(self) -> Executable:
        return self.run.executable(self.model, self.subject)


class Timed(VariantUnderTest):
    """A variant whose times are still being taken.

    Args:
        run: The run that it belongs to.
        subject: The declared variant.
        latency: Its times up to now.
    """

    def __init__(self, run: Run, subject: Subject, latency: Latency) -> None:
        super().__init__(run, subject.model, subject)
        self._latency = latency

    @property
    def latency(self) -> Latency:
        """Its times up to now."""
        return self._latency
