"""The variant under test: everything known about a variant, measured on first access."""

from __future__ import annotations

import threading
import time
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from edgeq.config.limits import asked_for, limits_for
from edgeq.config.methods import METHODS, MethodChoice
from edgeq.config.structs import CLASSIFICATION, DETECTION, StoredWeights
from edgeq.pipeline.schedule import Memo, NotAloneError
from edgeq.record.case_ids import name_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from edgeq.config.structs import Classifier, Limits, Preprocessing, ReadyVariant, Spec
    from edgeq.diagnosis.cause import Diagnosis
    from edgeq.errors import EdgeqError
    from edgeq.judge.control import Reference
    from edgeq.judge.doubt import Doubt
    from edgeq.measure.accuracy import Accuracy, Renaming
    from edgeq.measure.agreement import Agreement
    from edgeq.measure.average_precision import LabelledPrecision, MeanPrecision
    from edgeq.measure.beside_control import BesideControl
    from edgeq.measure.beside_here import BesideHere
    from edgeq.measure.box_agreement import BoxAgreement
    from edgeq.measure.conversion import Conversion
    from edgeq.measure.figures import TaskFigures
    from edgeq.measure.growth import Watched
    from edgeq.measure.latency import Latency
    from edgeq.measure.operators import Operators
    from edgeq.measure.predictions import OutputFacts, Predictions
    from edgeq.measure.ranges import Ranges
    from edgeq.measure.size import LeastSize, Size, Sparsity
    from edgeq.measure.stored.files import FileComparison
    from edgeq.measure.tensors import Fit, Output
    from edgeq.models.float_model import FloatModel
    from edgeq.pipeline.control import Control
    from edgeq.pipeline.inputs import ModelInputs
    from edgeq.pipeline.measurements import InputRange
    from edgeq.pipeline.places import Place
    from edgeq.pipeline.readout import Readout
    from edgeq.pipeline.repeating import AskedAgain, Noise, OtherKernels, Steadiness
    from edgeq.pipeline.run import Run
    from edgeq.pipeline.timing import TimedPair
    from edgeq.quantize.engine import Calibration
    from edgeq.quantize.variant import Variant
    from edgeq.record.feeding import Feeding
    from edgeq.run.results import Loaded, MemoryUse
    from edgeq.samples.labels import LabelSet
    from edgeq.samples.sets import ImageSet
    from edgeq.samples.stream import Stream
    from edgeq.targets.findings import Findings
    from edgeq.tasks.detection.detections import Detections
    from edgeq.tasks.recognition import Reading

T = TypeVar("T")

BASELINE = "baseline"
"""Short name of every baseline, which no variant of a spec can have."""


class Measured(Generic[T]):
    """A property that is measured on first access, as the table of measurements says.

    Attributes:
        name: Name of the property and of its row in the table.
    """

    name: str

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, variant: None, owner: type) -> Measured[T]: ...
    @overload
    def __get__(self, variant: VariantUnderTest, owner: type) -> T: ...
    def __get__(self, variant: VariantUnderTest | None, owner: type) -> Measured[T] | T:
        if variant is None:
            return self
        result: T = variant.measure(self.name)
        return result


class Clock:
    """Seconds spent on something; several threads may add to them concurrently."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._started = threading.local()
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._started.at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self.seconds += time.monotonic() - self._started.at


class VariantUnderTest:
    """One variant of one model, or its baseline.

    Every property is measured at most once in a run and kept in the store. Each raises an
    ``EdgeqError`` if the variant can't be built or run, or if something it needs can't be used. An
    error is kept too, and raised again on each access that needs the same result.

    Args:
        run: The run to which it belongs.
        model: Name of the model.
        short_name: Name within the model: the method as the spec writes it, or a name of its own.
        method: Name of the method, None for the baseline and for a ready-made variant that claims
            none.
        choice: Method and engine, None for the baseline and for a ready-made variant.
        is_baseline: Whether it is the baseline of its model.
        sampled_like: The variant in the spec whose samples it is evaluated on, itself if None.

    Attributes, besides the arguments:
        takes_arrays: Whether its samples are arrays, not photographs.
        results: Results so far, by name of the measurement.
        diagnoses: Diagnoses of its failures, by error; the key is empty without an error.
        clock: Extra time spent on it as a control of other variants.
    """

    artifact: Measured[Variant] = Measured("Its file and its origin; absent for a baseline.")
    loaded: Measured[Loaded] = Measured(
        "How it loads: inputs, outputs, operators, what the delegate took over."
    )
    size: Measured[Size] = Measured("The size of its file, by parts.")
    operators: Measured[Operators] = Measured("Its operators and their types.")
    conversion: Measured[Conversion] = Measured(
        "How a baseline's file differs from the model that it was exported from."
    )
    sparsity: Measured[Sparsity] = Measured(
        "How many of its weights are zero, and whether the runtime can exploit that."
    )
    stored: Measured[FileComparison] = Measured(
        "Its stored weights and operators compared with its baseline's."
    )
    predictions: Measured[Predictions] = Measured("Its predicted classes on its samples.")
    output_facts: Measured[OutputFacts] = Measured("Plain facts about its predictions.")
    tensors: Measured[tuple[Output, ...]] = Measured(
        "Its values in all outputs that are judged as tensors."
    )
    outputs: Measured[tuple[Fit, ...]] = Measured(
        "How its outputs that are judged as tensors fit the baseline's."
    )
    agreement: Measured[Agreement] = Measured("Its predicted classes compared with its baseline's.")
    accuracy: Measured[Accuracy] = Measured(
        "Its and its baseline's predicted classes compared with the labels."
    )
    detections: Measured[Detections] = Measured("The boxes that a detector gives on its samples.")
    boxes: Measured[BoxAgreement] = Measured("A detector's boxes compared with its baseline's.")
    labelled_precision: Measured[LabelledPrecision] = Measured(
        "A detector's average precision on labelled boxes, class by class."
    )
    precision: Measured[MeanPrecision] = Measured(
        "A detector's and its baseline's mean average precision on labelled boxes."
    )
    figures: Measured[TaskFigures] = Measured(
        "The figures of a task other than classification and detection."
    )
    least: Measured[LeastSize | None] = Measured(
        "What a file of its method needs of its baseline; None if the spec sets the limit on size, "
        "or if it claims no method."
    )
    doubt: Measured[Doubt | None] = Measured(
        "Why its baseline's predictions prove nothing; None if they do prove something."
    )
    renaming: Measured[Renaming] = Measured(
        "How many predictions are right, and how many would be if classes were renamed."
    )
    control_choice: Measured[Control] = Measured(
        "The control that default limits compare it with, or why there is none."
    )
    beside_control: Measured[BesideControl] = Measured("Its figures compared with its control's.")
    own_reference: Measured[Reference] = Measured("How its control tightens a default limit.")
    feeding: Measured[Feeding] = Measured("How it is fed compared with its baseline.")
    asked_again: Measured[AskedAgain] = Measured("The outputs of several runs in a fresh worker.")
    other_kernels: Measured[OtherKernels] = Measured(
        "The outputs of other kernels on a few samples."
    )
    noise: Measured[Noise] = Measured("How far the outputs of other kernels differ from the run's.")
    steadiness: Measured[Steadiness] = Measured("Whether repeated runs give the same outputs.")
    input_range: Measured[InputRange] = Measured(
        "How well its input range covers its samples' values."
    )
    activations: Measured[Mapping[int, npt.NDArray[np.float32]]] = Measured(
        "A baseline's activations on a few samples, by the tensor's index."
    )
    ranges: Measured[Ranges] = Measured("What its activation ranges clip, and what that costs.")
    timed: Measured[TimedPair] = Measured("Its times and its baseline's, in alternating blocks.")
    memory: Measured[MemoryUse] = Measured("Its memory use after its first inferences.")
    beside_here: Measured[BesideHere] = Measured(
        "How its outputs on its target differ from those on this machine."
    )
    examined: Measured[Findings] = Measured(
        "Findings of its target's compiler or rules about its file."
    )
    growth: Measured[Watched] = Measured("How a worker's memory rises over its evaluation.")

    def __init__(
        self,
        run: Run,
        model: str,
        short_name: str,
        method: str | None = None,
        choice: MethodChoice | None = None,
        *,
        is_baseline: bool = False,
        sampled_like: str | None = None,
    ) -> None:
        self.run = run
        self.model = model
        self.short_name = short_name
        self.method = method
        self.choice = choice
        self.is_baseline = is_baseline
        self.takes_arrays = run.spec.models[model].arrays is not None
        self._sampled_like = sampled_like or short_name
        self.diagnoses: Memo[str, Diagnosis] = Memo(run.relay.goes_on)
        self.clock = Clock()
        self.results: Memo[object, Any] = Memo(run.relay.goes_on)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def place(self) -> Place:
        """The target that it runs on."""
        return self.run.place

    @property
    def here(self) -> VariantUnderTest:
        """The same variant on this machine, where its file is made and read."""
        return self._on(self.run.here)

    @property
    def alike(self) -> VariantUnderTest:
        """The same variant on this machine, run by kernels of the kind that its target has."""
        return self._on(self.run.alike)

    def _on(self, run: Run) -> VariantUnderTest:
        model, name = self.model, self.short_name
        if run is self.run:
            return self
        if self.is_baseline:
            return run.baseline(model)
        named = (other for other in run.variants_of(model) if other.short_name == name)
        declared = next(named, None)
        if declared is not None:
            return declared
        if self.choice is None:
            raise TypeError(f"{self.name} is not declared")
        return run.undeclared(model, name, self.choice, like=self._sampled_like)

    @cached_property
    def name(self) -> str:
        """Full name in the run, ``MODEL/VARIANT``, and ``MODEL/VARIANT@TARGET`` elsewhere."""
        return f"{self.model}/{self.name_in_model}"

    @cached_property
    def name_in_model(self) -> str:
        """Name within its model, with ``@TARGET`` on other targets than this machine."""
        return name_on(self.short_name, self.place.name)

    @property
    def key(self) -> str:
        """Former name of ``name``."""
        return _renamed("key", "name", self.name)

    @property
    def variant(self) -> str:
        """Former name of ``short_name``."""
        return _renamed("variant", "short_name", self.short_name)

    @property
    def baseline(self) -> VariantUnderTest:
        """The float model that it is compared with; a baseline's baseline is itself."""
        return self.run.baseline(self.model)

    @property
    def control(self) -> VariantUnderTest | None:
        """The control that default limits compare it with: edgeq's own variant of its method.

        It may be the variant itself. None if there is none, for the reason in ``control_choice``.
        """
        return self.control_choice.variant

    def measure(self, name: str) -> Any:
        """Return a measurement by its name, made on first access.

        Raises:
            TypeError: It compares with the baseline, and this is a baseline.
            NotAloneError: It must run alone, and other work is in progress.
            EdgeqError: It can't be made.
        """
        from edgeq.pipeline.measurements import MEASUREMENTS

        row = MEASUREMENTS.get(name)
        if row.compares and self.is_baseline:
            raise TypeError(f"{self.name} is a baseline: it is compared with nothing")
        if row.alone and self.run.is_side_by_side:
            raise NotAloneError(f"{self.name}: {name} must be measured alone")
        if row.of_file and self.here is not self:
            return self.results.get(name, lambda: self.here.measure(name))
        return self.results.get(name, lambda: row.of(self))

    def known(self, measured: Measured[T]) -> T | None:
        """Return a result if it was measured before, else None, without measuring."""
        result: T | None = self.results.done(measured.name)
        return result

    @property
    def failure(self) -> EdgeqError | None:
        """The first error that occurred, None if there was none; nothing is measured."""
        for measured in ("artifact", "loaded", "predictions", "tensors", "timed", "memory"):
            error = self.results.error(measured)
            if error is not None:
                return error
        return None

    @property
    def spec(self) -> Spec:
        """The spec of the run."""
        return self.run.spec

    @property
    def declaration(self) -> ReadyVariant | None:
        """The spec's declaration of a named variant, None if it has no name of its own."""
        return self.spec.variants.get(self.short_name)

    @property
    def is_fed_as_declared(self) -> bool:
        """Whether the spec declares a preprocessing of its own."""
        return self.declaration is not None and self.declaration.preprocessing is not None

    @property
    def limits(self) -> Limits:
        """The limits that apply to it, by gate."""
        return limits_for(self.spec, self.short_name, self.method, model=self.model)

    @cached_property
    def asked_for(self) -> frozenset[str]:
        """The gates for which the spec itself sets its limit, rather than a preset."""
        return asked_for(self.spec, self.short_name, self.method)

    @cached_property
    def inputs(self) -> ModelInputs:
        """Inputs of its model: float file, images and labels."""
        return self.run.inputs(self.model)

    @property
    def source(self) -> FloatModel | Variant:
        """Its file and the file's origin."""
        return self.inputs.baseline if self.is_baseline else self.artifact

    @property
    def _runnable(self) -> FloatModel | Variant:
        """Its file, once everything needed to run it is known.

        A model whose labels can't be read, or whose outputs can't be interpreted, is not run at
        all.
        """
        source = self.source
        self.preprocessing, self.labels, self.reading  # noqa: B018 - each raises its own error
        return source

    @property
    def path(self) -> Path:
        """Path of its ``.tflite`` file."""
        return self._runnable.path

    @property
    def sha256(self) -> str:
        """The sha256 of its file."""
        return self._runnable.sha256

    @property
    def bytes(self) -> int:
        """Size of its file in bytes."""
        return self.path.stat().st_size

    @property
    def preprocessing(self) -> Preprocessing:
        """How photographs are turned into its input."""
        return self.inputs.preprocessing_of(self.short_name)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of its input."""
        return self.inputs.input_size_of(self.short_name)

    @property
    def labels(self) -> LabelSet | None:
        """Its classes, None if they are unknown."""
        return self.inputs.labels_of(self.short_name)

    @property
    def reading(self) -> Reading:
        """How the baseline's outputs are read; its own are in the same order."""
        return self.inputs.reading

    @property
    def classifies(self) -> bool:
        """Whether it is judged by classes."""
        return self.reading.task == CLASSIFICATION

    @property
    def detects(self) -> bool:
        """Whether it is judged by boxes."""
        return self.reading.task == DETECTION

    @property
    def readout(self) -> Readout:
        """The tensors that a worker must return for it."""
        from edgeq.pipeline.readout import readout_of

        runnable = self._runnable
        return readout_of(runnable.path, runnable.sha256, self.reading)

    @property
    def samples(self) -> ImageSet:
        """The samples that it is evaluated on: its own, or the evaluation set.

        Raises:
            ImageError: There is no evaluation set, or a sample has no counterpart in it.
        """
        own = self.own_samples
        return self.inputs.images.require_evaluation() if own is None else own

    @property
    def own_samples(self) -> ImageSet | None:
        """The samples that the spec names for it alone, None if it names none."""
        return self.inputs.images.own_samples(self._sampled_like)

    @property
    def calibration(self) -> Calibration | None:
        """The calibration set, decoded for its baseline, None if the spec names none.

        Raises:
            ImageError: It shares a photograph with the samples that the variant is evaluated on.
        """
        key = f"variants.{self.short_name}.evaluation"
        return self.inputs.images.calibration_apart_from(self.own_samples, key)

    @property
    def photographs(self) -> Stream:
        """A stream of its samples, decoded as it is fed.

        Raises:
            ImageError: As for ``samples``.
            EdgeqError: The baseline can't be built.
        """
        images = self.inputs.images
        if self.takes_arrays:
            return images.array_stream(self.samples, self.source.path)
        return images.stream_of(self.samples, self.preprocessing, self.input_size)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: ``(h, w, 3)`` of a photograph, ``(d,)`` of arrays."""
        if self.takes_arrays:
            return (self.inputs.images.array_width,)
        return (*self.input_size, 3)

    @property
    def latency(self) -> Latency:
        """Its latency and its baseline's, in seconds, from alternating blocks."""
        return self.timed.latency

    @property
    def watched(self) -> Watched | None:
        """Growth of a worker's memory during its evaluation, None if there are no images."""
        return None if self.inputs.images.evaluation is None else self.growth

    @property
    def quantizes_activations(self) -> bool:
        """Whether its arithmetic is integer, so that kernels may give different outputs."""
        return self.operators.quantizes_activations

    @property
    def classifier(self) -> Classifier | None:
        """How the layers that give its outputs are quantized, None if like the other layers.

        For a ready-made file, this is what the spec declares.
        """
        if self.choice is not None:
            return self.choice.classifier
        return None if self.declaration is None else self.declaration.classifier

    @property
    def stored_weights(self) -> StoredWeights:
        """How its weights were derived from its baseline's, according to its spec or method."""
        ready = self.declaration
        if self.choice is None and ready is not None and ready.weights != "quantized":
            return ready.weights
        if self.choice is not None and self.choice.prune is not None:
            return "trained"
        return "quantized" if self.method is None else METHODS.get(self.method).stored_weights

    @property
    def is_calibrated(self) -> bool:
        """Whether it is built with a calibration set."""
        return self.choice is not None and self.choice.needs_calibration

    def reference(self, gate: str) -> Reference | None:
        """Return the control's reference for a gate's default limit, None if the spec sets it."""
        return None if gate in self.asked_for else self.own_reference

    def evaluate(self, part: int = 0, parts: int = 1) -> None:
        """Run it once on one of the parts of its samples.

        Raises:
            EdgeqError: It does not run, or there is no evaluation set.
        """
        self.path  # noqa: B018 - first, as a variant that can't be built is not run
        self.results.get(
            ("evaluated", part, parts),
            lambda: self.run.executor.evaluate(self, part=part, parts=parts),
        )

    def evaluate_all(self) -> None:
        """Run it on all of its samples; see ``evaluate`` for its errors."""
        for part in range(self.run.parts):
            self.evaluate(part, self.run.parts)


def _renamed(former: str, name: str, value: str) -> str:
    """Return the value of an attribute under its former name, with a deprecation warning."""
    warnings.warn(
        f"the attribute {former!r} of a variant will be removed: ask for {name!r}",
        DeprecationWarning,
        stacklevel=3,
    )
    return value
