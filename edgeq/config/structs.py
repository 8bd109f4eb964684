"""The spec: what to validate, as frozen structs.

Field names are the keys that a user writes. Paths are kept as written; relative ones start from
``Spec.root``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

Resize = Literal["whole", "centre_crop", "letterbox"]
Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Channels = Literal["rgb", "bgr"]
Kernels = Literal["xnnpack", "builtin", "reference"]
Task = str
"""Name of a task: one of those below, or of a row in ``edgeq.tasks.kinds``."""
CLASSIFICATION: Task = "classification"
DETECTION: Task = "detection"
TENSORS: Task = "tensors"
Weights = str
StoredWeights = Literal["quantized", "per_tensor", "trained"]
"""How a variant's stored weights came from the baseline's."""
Classifier = Literal["int4", "dynamic"]
"""How the dense layers that give the outputs are quantized, if not as the method has it."""
Precision = Literal[
    "float32", "float16", "dynamic_range", "weight_only_int8", "weight_only_int4", "int8", "int16x8"
]
"""How a unit of a model is quantized if not by the method: another method's name, or float32."""


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How a photograph becomes an input tensor.

    ``x = (pixel - mean) / std`` per channel, with pixels from 0 to 255, after the resize.

    Attributes:
        resize: ``"whole"`` squeezes the whole image; ``"centre_crop"`` first cuts out the central
            square with a side of ``crop_fraction`` of the shorter side; ``"letterbox"`` keeps the
            proportions and pads the shorter side with grey of level 114.
        filter: Pillow's resampling filter.
        crop_fraction: For ``"centre_crop"`` only, in (0, 1].
        mean: Subtracted per channel, in pixel units, in RGB order.
        std: Divided by per channel, in pixel units, in RGB order.
        channels: Order in which the model expects the channels.
        jpeg_scaling: A JPEG is decoded at a half, a quarter or an eighth of its size if its sides
            remain at least this many times the model's input; 0 always decodes at full size. At
            3, the resized result differs by less than one level of 255 on average.
    """

    resize: Resize = "whole"
    filter: Filter = "bicubic"
    crop_fraction: float = 0.875
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: Channels = "rgb"
    jpeg_scaling: float = 3.0


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """How a detector's outputs become boxes. None takes the decoder's own.

    Attributes:
        decoder: Name of a decoder, or ``"package.module:function"``. None lets the outputs' shapes
            decide.
        operating_score: Score from which the application takes a box for an object.
        suppression_iou: IoU above which the less certain one of two boxes of a class is dropped; 1
            drops none.
    """

    decoder: str | None = None
    operating_score: float | None = None
    suppression_iou: float | None = None


class TaskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that the measures of a task need. None takes the task's default.

    Attributes:
        threshold: Probability from which a label applies (multilabel), or a pixel belongs to the
            foreground (segmentation with one channel).
        ignored_class: Value of pixels of a mask that do not count (segmentation).
        neighbours: Number of nearest samples that are compared (embedding).
        false_accept_rate: Share of pairs of different identities that verification may accept
            (embedding).
        values_per_point: Values that the output has for each point, the first two its place
            (keypoints).
        presence: Output that says in one value whether a sample shows what the network looks for
            (keypoints, regression). Samples on which the baseline's is below the threshold count
            for this output alone.
        presence_threshold: Value of this output from which something is there, 0.5 if None.
    """

    threshold: float | None = None
    ignored_class: int | None = None
    neighbours: int | None = None
    false_accept_rate: float | None = None
    values_per_point: int | None = None
    presence: str | None = None
    presence_threshold: float | None = None


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """Where photographs and labels come from.

    Attributes:
        calibration: A folder, ``"sample:NAME"``, or ``"data:NAME"`` for a set in
            ``$EDGEQ_DATA``.
        evaluation: The same for the evaluation set.
        labels: A CSV file with ``file,class_index`` or ``file,wordnet_id`` for sets that are not
            one folder per class. None looks for ``labels.csv`` in or next to the folder. For a
            detector, the boxes: a folder of YOLO's text files, or a JSON file in COCO's format. For
            other tasks, what ``docs/tasks.md`` says: a folder of masks or target pictures, or a CSV
            file with label sets or values.
        max_calibration: Maximum number of calibration images, the first by name; None takes all.
        max_evaluation: The same for the evaluation set.
    """

    calibration: str | None = None
    evaluation: str | None = None
    labels: str | None = None
    max_calibration: int | None = None
    max_evaluation: int | None = None


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """Where the samples of a model come from that takes arrays instead of photographs.

    Attributes:
        calibration: A ``.npy`` or ``.npz`` file with one sample per row, or
            ``"package.module:function"``, which returns samples.
        evaluation: The same for the evaluation set.
        labels: A CSV file with ``row,class_index``. None looks for ``labels.csv`` next to the
            file.
        max_calibration: Maximum number of calibration samples, the first ones; None takes all.
        max_evaluation: The same for the evaluation set.
        scale: For integers that stand for real values ``(q - zero_point) * scale``: the scale.
        zero_point: The integer that stands for 0.
    """

    calibration: str | None = None
    evaluation: str | None = None
    labels: str | None = None
    max_calibration: int | None = None
    max_evaluation: int | None = None
    scale: float | None = None
    zero_point: int = 0


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of the project's own: a function of a model's outputs and the labels.

    Attributes:
        function: ``"package.module:function"``. It is called with the outputs, one array per
            output with one row per sample, and the class indices (None without labels). It
            returns one number per sample, whose mean is the measure, or one for all samples.
        better: Whether higher or lower values are better. None: lower if ``max`` is set.
        min: Least value of a variant.
        max: Greatest value of a variant.
        max_drop: How much worse than the baseline's the variant's value may be.
        range: Least and greatest value that one sample can have. None takes those that occur.
    """

    function: str
    better: Literal["higher", "lower"] | None = None
    min: float | None = None
    max: float | None = None
    max_drop: float | None = None
    range: tuple[float, float] | None = None

    @property
    def side(self) -> Literal["higher", "lower"]:
        """The side on which values are better."""
        if self.max is not None:
            return "lower"
        return "higher" if self.min is not None else self.better or "higher"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One float model, the baseline of its variants.

    Attributes:
        source: ``"keras:NAME"``, a ``.keras`` file, a SavedModel folder, a ``.tflite`` file, an
            ``.onnx`` file, ``"package.module:function"``, ``"torch:package.module:function"``, or
            ``"efficientnet-lite0"``.
        weights: For ``keras:`` sources: ``"imagenet"``, a weights file, or ``"random"``.
        allow_random_weights: Whether random weights may be used if ``"imagenet"`` is not
            available. Everything that needs trained weights is then MISSING by declaration.
        allow_quantized_weights: Whether a ``.tflite`` file whose weights are quantized already may
            be the baseline, if its inputs, outputs and activations are float. What that has cost
            remains unseen.
        allow_code: Whether code in a ``.keras`` file (Lambda layers) may run, in the converter's
            process. The file is then trusted.
        seed: Seed of random weights.
        input_size: Height and width for models that leave them open.
        preprocessing: Name of a preset, or a table; None takes the source's own.
        labels: A label set (``"imagenet"``, ``"imagenet-background"``, ``"cifar10"``) or a text
            file with one name per line; None takes the source's own.
        task: What its outputs are judged as: ``"classification"``, ``"detection"``, another task of
            ``docs/tasks.md``, or ``"tensors"`` for everything else. None lets the file decide.
        detection: How a detector's outputs become boxes.
        task_options: Numbers that the measures of other tasks need.
        signature: Signature to validate if a SavedModel or ``.tflite`` file has several. None
            takes ``serving_default`` or the only one, and a file's first graph.
        output: Output with the class scores, or with what another task judges, by its name in the
            file or its signature, or by its position (``"0"``). None lets the file decide.
        images: Overrides the spec's images for this model, key by key. The spec's ``labels``
            apply only to sets that the model also takes from the spec.
        samples: Arrays that the model takes instead of photographs; a string names the evaluation
            set.
        measures: Measures of the project's own, by name.
        methods: Overrides the spec's methods for this model.
        classifier: How the dense layers that give the outputs are quantized, if not like the
            others: ``"int4"`` weights, or ``"dynamic"`` (int8 weights, activations quantized at
            run time). It applies to the methods that can have it.
        licence: Licence of the weights, for the deployment package.
        attribution: Who made the model, for the deployment package.
    """

    source: str
    weights: Weights = "imagenet"
    allow_random_weights: bool = False
    allow_quantized_weights: bool = False
    allow_code: bool = False
    seed: int = 0
    input_size: tuple[int, int] | None = None
    preprocessing: str | Preprocessing | None = None
    labels: str | None = None
    task: Task | None = None
    detection: Detection | None = None
    task_options: TaskOptions | None = None
    signature: str | None = None
    output: str | None = None
    images: Images | None = None
    samples: str | Samples | None = None
    measures: dict[str, Measure] = {}
    methods: tuple[str, ...] | None = None
    classifier: Classifier | None = None
    licence: str | None = None
    attribution: str | None = None

    @property
    def arrays(self) -> Samples | None:
        """The arrays that it takes, None if it takes photographs."""
        return Samples(evaluation=self.samples) if isinstance(self.samples, str) else self.samples


class ReadyVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant with its own name: ready-made, or made by a method with its own settings.

    Attributes:
        model: Name of the model whose baseline it is compared with.
        file: The ``.tflite`` file, or None if ``method`` makes the variant.
        method: For a ready-made file, the method that it claims; the file must show that method's
            types. None claims nothing. Without a file, the method that makes the variant, as
            ``METHOD`` or ``METHOD@ENGINE``.
        preprocessing: The variant's preprocessing if it differs from the baseline's.
        labels: A ready-made variant's labels if they differ (1001 outputs rather than 1000).
        input_size: Height and width of a ready-made variant's input if they differ.
        evaluation: The variant's own samples: the scenes of its model's evaluation set, under the
            same names in another folder. None evaluates it on that set.
        weights: How its weights came from the baseline's: ``"quantized"`` channel by channel,
            ``"per_tensor"`` with one scale for all channels, or ``"trained"`` afterwards
            (quantization-aware training, pruning), which waives the proof of what is stored.
        classifier: How the dense layers that give the outputs are quantized if not by the method
            (see ``Model``). A ready-made file must show it. If None, a variant that edgeq makes
            uses the model's.
        units: Units that are quantized differently from the method, by name, for a variant that
            edgeq makes: ``{block4a = "weight_only_int8"}``. `edgeq repair` lists a model's units.
        float_units: Units that stay in float32, as with ``"float32"`` in ``units``.
        percentile: For a variant that litert-quantizer makes with fixed ranges: the range of an
            activation reaches from the ``100 - percentile`` to the ``percentile`` percentile of
            the extremes that the calibration images have; 100 leaves nothing out.
        prune: For a variant that edgeq makes: the share of each layer's weights, the smallest,
            that become zero before anything is quantized.
        fold_preprocessing: For a variant that edgeq makes: whether the model's first convolution
            does what the operators before it did to the pixels, such as rescaling them.
    """

    model: str
    file: str | None = None
    method: str | None = None
    preprocessing: str | Preprocessing | None = None
    labels: str | None = None
    input_size: tuple[int, int] | None = None
    evaluation: str | None = None
    weights: StoredWeights = "quantized"
    classifier: Classifier | None = None
    units: dict[str, Precision] = {}
    float_units: tuple[str, ...] = ()
    percentile: float | None = None
    prune: float | None = None
    fold_preprocessing: bool = False

    @property
    def precisions(self) -> tuple[tuple[str, Precision], ...]:
        """The units that are quantized differently from the method, with how, by name."""
        floats: dict[str, Precision] = dict.fromkeys(self.float_units, "float32")
        return tuple(sorted((self.units | floats).items()))


class DeclaredTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A place where models run.

    Attributes:
        kind: Name of its kind in ``edgeq.config.target_kinds``.
        settings: The other keys of its table, as that kind's own struct.
        helpers: The same for further boards, which share its evaluations.
    """

    kind: str
    settings: Any
    helpers: tuple[Any, ...] = ()


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """The places where models run.

    Attributes:
        use: Names of the targets that every variant is judged on.
        declared: Targets that have a table, by name; this machine needs none.
    """

    use: tuple[str, ...] = ("local",)
    declared: dict[str, DeclaredTarget] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How models are executed.

    Attributes:
        threads: Threads of one interpreter.
        kernels: ``"xnnpack"``, ``"builtin"`` (no delegate) or ``"reference"``.
        timeout_s: Maximum silence of a worker in seconds. Workers report between inferences, so
            this limits one inference, and loading.
        memory_limit: Memory limit of a worker, in bytes.
        cluster: Ray cluster on which variants are evaluated: ``"ray"`` for the one that this
            machine belongs to, ``"HOST:PORT"`` or ``"ray://HOST:PORT"``. None for this machine
            alone.
    """

    threads: int = 1
    kernels: Kernels = "xnnpack"
    timeout_s: float = 120.0
    memory_limit: int = 4_000_000_000
    cluster: str | None = None


class Make(msgspec.Struct, frozen=True, kw_only=True):
    """Limits for the child processes that export models and make variants.

    Attributes:
        timeout_s: Time limit for each, in seconds.
        memory_limit: Memory limit of each, in bytes.
        environment: Names of environment variables that they see in addition to the usual ones.
    """

    timeout_s: float = 1800.0
    memory_limit: int = 16_000_000_000
    environment: tuple[str, ...] = ()


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How latency is measured.

    Attributes:
        rounds: Timed inferences per model in the first batch; 64 is the minimum for a p90 at
            99 % confidence. More batches follow while a limit is undecided.
        block: Consecutive inferences of one model before the other's turn.
        warmup: Untimed inferences per model before the first block of a batch.
        budget_s: Seconds for all batches together, after which no further block starts.
    """

    rounds: int = 64
    block: int = 4
    warmup: int = 3
    budget_s: float = 60.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a report may contain.

    Attributes:
        thumbnails: Whether it may contain small versions of photographs (of flips, and contact
            sheets), also in files next to the record.
    """

    thumbnails: bool = True


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What is done for variants that fail.

    Attributes:
        offer: Whether a failing case names the command that looks for a variant that passes.
        train: ``"package.module:function"``, which gets the float file and the recipe of the best
            mix if none passes, and returns a float file with better weights.
    """

    offer: bool = True
    train: str | None = None


Limits = dict[str, float]


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """Limits by gate: for every method, and for single methods.

    Attributes:
        every: Limits for every variant.
        by_method: Limits by method or variant name, which override ``every`` and the presets.
        off: Gates that are switched off (``gate = false``), by method or variant name, ``""``
            for every one.
    """

    every: Limits = {}
    by_method: dict[str, Limits] = {}
    off: dict[str, tuple[str, ...]] = {}

    def limits(self, name: str) -> Limits:
        """Return the limits set for a method or variant, or for every one if ``""``."""
        return self.by_method.get(name, {}) if name else self.every


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration.

    Attributes:
        root: Folder that relative paths start from.
        origin: The file that it was read from, or ``"built-in"``.
        models: Models by name.
        variants: Variants that have their own name, by that name.
        targets: Where models run.
        methods: Methods for every model, as ``METHOD`` or ``METHOD@ENGINE``.
        engine: Engine for methods that name none, if it can make them.
        images: Photographs for every model.
        gates: Limits.
        default_gates: Whether the measured default limits of each method apply.
        inconclusive: Whether INCONCLUSIVE passes with a warning or fails.
        confidence: Confidence of intervals, in (0.5, 1).
        allow_missing: Gates whose verdict may be MISSING without failing.
        without: Markers of gates to leave out; their limits then declare no case.
        make: Limits for making a variant.
        run: How models are executed.
        latency: How latency is measured.
        report: What a report may contain.
        repair: What is done for variants that fail: ``true`` offers `edgeq repair`.
        reports: Folder of the reports.
        store: Folder of the store.
        history: Number of past runs kept with the reports, for comparisons and trends.
        suite: Who runs the gate's tests: ``pytest`` among the project's own, which fails if it
            finds none, or ``edgeq gate`` alone.
    """

    root: Path
    origin: str
    models: dict[str, Model]
    variants: dict[str, ReadyVariant] = {}
    targets: Targets = Targets()
    methods: tuple[str, ...] = ("dynamic_range", "float16", "int8", "weight_only_int8")
    engine: str | None = None
    images: Images = Images()
    gates: Gates = Gates()
    default_gates: bool = True
    inconclusive: Literal["warn", "fail"] = "warn"
    confidence: float = 0.95
    allow_missing: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    make: Make = Make()
    run: Run = Run()
    latency: Latency = Latency()
    report: Report = Report()
    repair: bool | Repair = False
    reports: str = "reports"
    store: str = ".edgeq"
    history: int = 50
    suite: Literal["pytest", "edgeq gate"] = "pytest"

    def images_of(self, model: str, role: Literal["calibration", "evaluation"]) -> str | None:
        """Return a model's samples for a role: its own, otherwise the shared photographs."""
        arrays = self.models[model].arrays
        if arrays is not None:
            own_arrays: str | None = getattr(arrays, role)
            return own_arrays
        own = self.models[model].images or Images()
        source: str | None = getattr(own, role) or getattr(self.images, role)
        return source

    @property
    def repairing(self) -> Repair:
        """What is done for variants that fail."""
        return self.repair if isinstance(self.repair, Repair) else Repair(offer=self.repair)

    def methods_of(self, model: str) -> tuple[str, ...]:
        """Return the methods that apply to a model."""
        own = self.models[model].methods
        return self.methods if own is None else own

    def path(self, text: str) -> Path:
        """Return a path in the spec; relative ones start from ``root``."""
        path = Path(text).expanduser()
        return path if path.is_absolute() else self.root / path
