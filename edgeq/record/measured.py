"""The measurements of one variant, as a record stores them.

A recorded measurement extends the measurement's struct by the fields that only a record has. A
field whose default is None is left out of the JSON if it is not known. A field that is always
written, but that an older record may lack, is ``null`` if it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from edgeq.measure.accuracy import Accuracy
from edgeq.measure.agreement import Agreement, Flip, FlipKind, Guess, WorstImage
from edgeq.measure.average_precision import ClassPrecision, MeanPrecision
from edgeq.measure.beside_control import BesideControl
from edgeq.measure.box_agreement import BoxAgreement, UnlikeImage
from edgeq.measure.clusters import Clusters
from edgeq.measure.figures import ClassFigure, TaskFigures, UnlikeSample
from edgeq.measure.latency import Latency, Taking


def unknown() -> None:
    """Return the default, None, of a field that is always written but that older records lack."""


def none_of_them() -> tuple[float, ...]:
    """Return the default, (), of numbers that are always written but that older records lack."""
    return ()


class InParts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A section of which several processes of one run may each measure a part."""


class NamedGuess(Guess, frozen=True, kw_only=True, omit_defaults=True):
    """A class with its probability.

    Attributes:
        name: Name of the class; None without a label set.
    """

    name: str | None = None


class NamedFlip(Flip, frozen=True, kw_only=True, omit_defaults=True):
    """An image that the variant assigns to another class than the baseline.

    Attributes:
        baseline_best: The baseline's three best classes by logits; None if no report shows them.
        variant_best: The variant's three best classes by logits; None if no report shows them.
        name: Name of the photograph.
        label_name, baseline_name, variant_name: Names of the classes; None without a label set.
    """

    baseline_best: tuple[NamedGuess, ...] | None = None  # type: ignore[assignment]  # left out
    variant_best: tuple[NamedGuess, ...] | None = None  # type: ignore[assignment]  # where not shown
    label: int | None = msgspec.field(default_factory=unknown)
    kind: FlipKind | None = msgspec.field(default_factory=unknown)
    name: str | None = None
    label_name: str | None = None
    baseline_name: str | None = None
    variant_name: str | None = None


class NamedWorstImage(WorstImage, frozen=True, kw_only=True, omit_defaults=True):
    """One of the images with the lowest cosine.

    Attributes:
        name: Name of the photograph.
        baseline_name, variant_name: Names of the classes; None without a label set.
    """

    name: str | None = None
    baseline_name: str | None = None
    variant_name: str | None = None


class RecordedAgreement(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """A variant's predictions compared with its baseline's.

    ``VariantRecord.agrees`` holds which images agree.
    """

    error: float | None = msgspec.field(default_factory=unknown)
    error_interval: tuple[float, float] | None = msgspec.field(default_factory=unknown)
    flips: tuple[NamedFlip, ...]
    worst_images: tuple[NamedWorstImage, ...]
    clusters: Clusters | None = msgspec.field(default_factory=unknown)
    drift: float | None = msgspec.field(default_factory=unknown)
    drift_interval: tuple[float, float] | None = msgspec.field(default_factory=unknown)
    lowest_cosines: tuple[float, ...] = msgspec.field(default_factory=none_of_them)

    @classmethod
    def of(
        cls,
        measured: Agreement,
        *,
        photographs: Sequence[str] | None,
        classes: Sequence[str] | None,
    ) -> RecordedAgreement:
        """Return an agreement as a record stores it, with the names of images and classes.

        Both are None if there are no names.
        """
        flips = tuple(
            NamedFlip(
                **msgspec.structs.asdict(flip)
                | {
                    "baseline_best": _named_guesses(flip.baseline_best, classes),
                    "variant_best": _named_guesses(flip.variant_best, classes),
                },
                name=_name(photographs, flip.image),
                label_name=_name(classes, flip.label),
                baseline_name=_name(classes, flip.baseline_class),
                variant_name=_name(classes, flip.variant_class),
            )
            for flip in measured.flips
        )
        worst_images = tuple(
            NamedWorstImage(
                **msgspec.structs.asdict(worst),
                name=_name(photographs, worst.image),
                baseline_name=_name(classes, worst.baseline_class),
                variant_name=_name(classes, worst.variant_class),
            )
            for worst in measured.worst_images
        )
        named = {"flips": flips, "worst_images": worst_images, "agreeing_images": ""}
        return cls(**msgspec.structs.asdict(measured) | named)


class RecordedAccuracy(Accuracy, frozen=True, kw_only=True, omit_defaults=True):
    """A variant's and its baseline's predictions compared with the labels.

    ``VariantRecord.right`` holds which images each of them classifies correctly.
    """

    clusters: Clusters | None = msgspec.field(default_factory=unknown)

    @classmethod
    def of(cls, measured: Accuracy) -> RecordedAccuracy:
        """Return an accuracy as a record stores it."""
        packed = {"baseline_right": "", "variant_right": ""}
        return cls(**msgspec.structs.asdict(measured) | packed)


class NamedUnlikeImage(UnlikeImage, frozen=True, kw_only=True, omit_defaults=True):
    """An image on which variant and baseline give different boxes.

    Attributes:
        name: Name of the photograph.
        sides: Width and height of the photograph in pixels.
    """

    name: str | None = None
    sides: tuple[int, int] | None = None


class RecordedBoxes(BoxAgreement, frozen=True, kw_only=True, omit_defaults=True):
    """A detector's boxes compared with its baseline's at the operating score."""

    unlike: tuple[NamedUnlikeImage, ...] = ()

    @classmethod
    def of(
        cls,
        measured: BoxAgreement,
        photographs: Sequence[str] | None,
        sides: Mapping[int, tuple[int, int]],
    ) -> RecordedBoxes:
        """Return an agreement of boxes as a record stores it, with the names of images.

        ``sides`` has width and height of images by index, as far as they are known; without a set
        there are no names.
        """
        unlike = tuple(
            NamedUnlikeImage(
                **msgspec.structs.asdict(image),
                name=_name(photographs, image.image),
                sides=sides.get(image.image),
            )
            for image in measured.unlike
        )
        return cls(**msgspec.structs.asdict(measured) | {"unlike": unlike})


class NamedClassPrecision(ClassPrecision, frozen=True, kw_only=True, omit_defaults=True):
    """Average precision for one class.

    Attributes:
        name: Name of the class.
    """

    name: str | None = None


class RecordedPrecision(MeanPrecision, frozen=True, kw_only=True, omit_defaults=True):
    """Mean average precision of a detector and its baseline on labelled images."""

    classes: tuple[NamedClassPrecision, ...] = ()

    @classmethod
    def of(cls, measured: MeanPrecision, classes: Mapping[int, str]) -> RecordedPrecision:
        """Return a mean average precision as a record stores it, with the names of classes.

        The names are by index, as far as they are known.
        """
        named = tuple(
            NamedClassPrecision(**msgspec.structs.asdict(row), name=classes.get(row.class_index))
            for row in measured.classes
        )
        return cls(**msgspec.structs.asdict(measured) | {"classes": named})


class NamedClassFigure(ClassFigure, frozen=True, kw_only=True, omit_defaults=True):
    """A figure of one class.

    Attributes:
        name: Name of the class.
    """

    name: str | None = None


class NamedUnlikeSample(UnlikeSample, frozen=True, kw_only=True, omit_defaults=True):
    """An image on which variant and baseline differ much.

    Attributes:
        name: Name of the photograph.
    """

    name: str | None = None


class RecordedFigures(TaskFigures, frozen=True, kw_only=True, omit_defaults=True):
    """The figures of a task for one variant."""

    classes: tuple[NamedClassFigure, ...] = ()
    unlike: tuple[NamedUnlikeSample, ...] = ()

    @classmethod
    def of(
        cls, measured: TaskFigures, photographs: Sequence[str] | None, classes: Sequence[str]
    ) -> RecordedFigures:
        """Return figures as a record stores them, with the names of images and classes."""
        names = dict(enumerate(classes))
        named = tuple(
            NamedClassFigure(**msgspec.structs.asdict(row), name=names.get(row.class_index))
            for row in measured.classes
        )
        unlike = tuple(
            NamedUnlikeSample(**msgspec.structs.asdict(row), name=_name(photographs, row.image))
            for row in measured.unlike
        )
        facts = msgspec.structs.asdict(measured)
        return cls(**facts | {"classes": named, "unlike": unlike})


class RecordedLatency(Latency, frozen=True, kw_only=True, omit_defaults=True):
    """Times of a variant and its baseline in one worker.

    Attributes:
        load_average: The machine's one-minute load average before the first batch and after the
            last one.
    """

    taking: Taking | None = msgspec.field(default_factory=unknown)
    block_ratios: tuple[float, ...] = msgspec.field(default_factory=none_of_them)
    load_average: tuple[float, float] | None = None


class RecordedOperators(InParts, frozen=True, kw_only=True, omit_defaults=True):
    """A variant's operators and types, and the kernels that run them.

    Compute operators are only counted: listing each of them would make up most of the record.

    Attributes:
        counts: Number of operators in the file by name; None if the file was not read.
        weight_bytes_by_type: Stored bytes of the compute operators' weights by type.
        compute_activation_types: Number of compute operators by the type of their output.
        float_islands: Compute operators with float32 output in a model in which others have
            integer output, for example ``"CONV_2D 17"``.
        input_types: Types of the model's inputs.
        output_types: Types of the model's outputs.
        custom: Names of custom and Flex operators.
        ends_in_softmax: Whether a SOFTMAX operator produces output 0.
        delegated: Number of operators that the kernels' delegate runs; None if the file was not
            loaded.
        total: Number of operators in the graph after loading.
        partitions: Number of parts of the graph that the delegate runs; fewer is better.
        kernels: The kernels that run the variant, for example ``"xnnpack"``.
    """

    counts: dict[str, int] | None = None
    weight_bytes_by_type: dict[str, int] | None = None
    compute_activation_types: dict[str, int] | None = None
    float_islands: tuple[str, ...] | None = None
    input_types: tuple[str, ...] | None = None
    output_types: tuple[str, ...] | None = None
    custom: tuple[str, ...] | None = None
    ends_in_softmax: bool | None = None
    delegated: int | None = None
    total: int | None = None
    partitions: int | None = None
    kernels: str | None = None


class RecordedMemory(InParts, frozen=True, kw_only=True, omit_defaults=True):
    """How much memory a model uses, and whether it grows.

    Attributes:
        before: Resident bytes before the model is loaded: Python, numpy and the runtime.
        loaded: Resident bytes after loading and allocating.
        first: Resident bytes after the first inference.
        peak: Most bytes resident at once, from loading to the last inference; lower is better.
        inferences: Number of inferences over which ``peak`` was measured.
        added: Bytes that the model adds to the worker: ``peak - before``, at least 0.
        grown: Bytes by which memory grew over the evaluation; 0 if it is steady.
        watched_inferences: Number of inferences over which ``grown`` was measured.
    """

    before: int | None = None
    loaded: int | None = None
    first: int | None = None
    peak: int | None = None
    inferences: int | None = None
    added: int | None = None
    grown: int | None = None
    watched_inferences: int | None = None


class RecordedNetwork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The error of each layer along the network, or why it could not be measured.

    Attributes:
        reason: Why the error could not be measured; None if it was.
        images: Number of images on which it was measured: those with the variant's worst outputs.
        layers: Number of layers that both models have.
        places: Indices of the layers with a finite error, from 0 in the order of execution.
        errors: Relative error of the output of each layer in ``places``, the mean over the images;
            0 means none.
        operators: Name of the variant's operator for each layer in ``places``.
        names: Name of the variant's output tensor for each layer in ``places``.
    """

    reason: str | None = None
    images: int | None = None
    layers: int | None = None
    places: tuple[int, ...] | None = None
    errors: tuple[float, ...] | None = None
    operators: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None


class RecordedControl(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The control: edgeq's own variant of the same method, which a variant is also compared with.

    Attributes:
        method: The control's method; None if it can't be determined.
        itself: Whether the variant is its own control.
        deduced: Whether the method was deduced from the file's types.
        absent: Why there is no control; empty if there is one.
        engine: The control's engine; None if the control was not made.
        sha256: Hash of the control's file.
        bytes: Size of the control's file in bytes.
        declared: Whether the control is itself a variant of the spec.
        seconds: Seconds of work that the control took in this run.
        beside: The figures of variant and control; None if none were measured.
    """

    method: str | None
    itself: bool
    deduced: bool
    absent: str
    engine: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    declared: bool | None = None
    seconds: float | None = None
    beside: BesideControl | None = None


def _name(names: Sequence[str] | None, index: int | None) -> str | None:
    return None if names is None or index is None else names[index]


def _named_guesses(
    guesses: Sequence[Guess], classes: Sequence[str] | None
) -> tuple[NamedGuess, ...]:
    return tuple(
        NamedGuess(**msgspec.structs.asdict(guess), name=_name(classes, guess.class_index))
        for guess in guesses
    )
