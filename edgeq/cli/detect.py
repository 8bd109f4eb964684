"""Detects what a new project's folder contains: models, variants, photographs or arrays."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgeq.errors import EdgeqError

if TYPE_CHECKING:
    from edgeq.samples.array_sources import ArrayType
    from edgeq.tflite.model_file import ModelFile


DEEPEST = 3
"""Levels of folders below the project that are looked into."""
MAX_ENTRIES = 20_000
"""Most files that are looked at; a larger project names its model and photographs itself."""
MANY_PHOTOGRAPHS = 500
"""Number of calibration photographs from which the spec takes only some of them."""
PIXELS = "keras-0-255"
INPUT_RANGES = {"unit": (0.0, 1.0), "keras-tf": (-1.0, 1.0), PIXELS: (0.0, 255.0)}
"""Least and greatest value that a preset makes of a pixel, for presets that treat all channels
alike."""

_SKIPPED = {"build", "dist", "node_modules", "reports", "site", "venv", "__pycache__"}
_CALIBRATION = ("calibration", "calib", "representative", "training", "train")
_EVALUATION = ("evaluation", "eval", "validation", "valid", "val", "testing", "test")
_INTEGERS = {"int4", "int8", "uint8", "int16"}
_ARRAYS = {".npy", ".npz"}
_AS_KERAS = "save it as a .keras file: keras.models.load_model(FILE).save('net.keras')"
_AS_ONNX = "export it to ONNX, or name a function that builds it (see the page on PyTorch)"
_OTHER_FORMATS = {
    ".h5": _AS_KERAS,
    ".hdf5": _AS_KERAS,
    ".pt": _AS_ONNX,
    ".pth": _AS_ONNX,
    ".pb": "export it as a SavedModel, or convert it to .tflite",
}
"""What to do with a model's file of a format that edgeq does not read."""
_RANGE_TOLERANCE = 0.02
"""Part of its width by which a quantized input's range may miss a preset's."""
_ANY_SIZE = (224, 224)
"""A size at which a file that leaves it open can be examined."""
_LABELS = "labels.csv"
_WORDS = re.compile(r"[^a-z]+")
_NO_NAME = re.compile(r"[^A-Za-z0-9._+-]+")

Kind = Literal["float32", "float16", "weights", "quantized"]
"""What a file stores: float weights, quantized weights between float activations, or more."""


@dataclass(frozen=True)
class DetectedArrays:
    """Files of samples that are arrays; paths are relative to the folder.

    Attributes:
        evaluation: The evaluation set.
        calibration: The calibration set; None if no file is called so.
        labels: Labels that do not lie next to the evaluation set as labels.csv; None otherwise.
        scale: Scale and zero point of the integers, as the spec's table has them; None if unknown.
        scaled_like: The quantized file whose input has this scale.
        integers: Type of the samples if they are integers, else empty.
    """

    evaluation: Path
    calibration: Path | None = None
    labels: Path | None = None
    scale: Mapping[str, float] | None = None
    scaled_like: Path | None = None
    integers: str = ""


@dataclass(frozen=True)
class DetectedPreprocessing:
    """How the model's photographs become its input.

    Attributes:
        preset: Name of the preset; empty if the model's file has its own.
        reason: What shows it, as a clause that follows "preprocessing: "; empty if it is a guess.
    """

    preset: str = PIXELS
    reason: str = ""


@dataclass(frozen=True)
class Detected:
    """What was found; paths are relative to the folder.

    Attributes:
        model: The float model; None if there is none or it is not clear which one.
        models: All float models.
        ready: Quantized ``.tflite`` files.
        methods: The method that each quantized file shows, if it shows one.
        preprocessing: How photographs become the model's input; None if its layers rescale pixels.
        calibration, evaluation: Folders of photographs; None if none is called so. The evaluation
            set can also be the only folder that has any.
        only_photos: Whether the evaluation set is the only folder of photographs.
        calibration_photos: Number of photographs for calibration.
        arrays: Samples that are arrays; None if there are none, or photographs.
        quantized_weights: Whether the weights of the model are quantized already.
        open_size: Whether the model leaves its input's height and width open.
        unusable: Files that can't be a model's or a variant's, with the reason or a remedy.
    """

    model: Path | None = None
    models: tuple[Path, ...] = ()
    ready: tuple[Path, ...] = ()
    methods: Mapping[Path, str] = field(default_factory=dict)
    preprocessing: DetectedPreprocessing | None = None
    calibration: Path | None = None
    evaluation: Path | None = None
    calibration_photos: int = 0
    only_photos: bool = False
    arrays: DetectedArrays | None = None
    quantized_weights: bool = False
    open_size: bool = False
    unusable: Mapping[Path, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the model in the spec."""
        return "net" if self.model is None else plain_name(self.model)


def plain_name(path: Path) -> str:
    """Return a name that a spec may use, from the name of a file or folder."""
    return _NO_NAME.sub("-", path.stem).strip("-.") or "net"


@dataclass(frozen=True)
class _Files:
    """A project's files, grouped by kind; paths are relative to the project.

    Attributes:
        floats: Float models: ``.keras`` files, SavedModels, and ``.tflite`` files of float32.
        halves: ``.tflite`` files with weights of float16.
        weights: ``.tflite`` files with quantized weights and float activations.
        quantized: ``.tflite`` files with integer activations.
        exchanged: ONNX files.
        unusable: Why a ``.tflite`` file is of no use, by its path.
        foreign: What to do with a file of another format, by its path.
        photos: Number of photographs in each folder and the folders below it.
    """

    floats: list[Path] = field(default_factory=list)
    halves: list[Path] = field(default_factory=list)
    weights: list[Path] = field(default_factory=list)
    quantized: list[Path] = field(default_factory=list)
    exchanged: list[Path] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)
    foreign: dict[Path, str] = field(default_factory=dict)
    photos: Counter[Path] = field(default_factory=Counter)

    @classmethod
    def of(cls, folder: Path, paths: Sequence[Path]) -> _Files:
        """Sort the files of a folder."""
        files, photo_endings = cls(), _endings()
        arrays = any(path.suffix.lower() in _ARRAYS for path in paths)
        for path in paths:
            suffix, here = path.suffix.lower(), path.relative_to(folder)
            if suffix == ".keras":
                files.floats.append(here)
            elif path.name == "saved_model.pb":
                files.floats.append(here.parent)
            elif suffix == ".onnx":
                files.exchanged.append(here)
            elif suffix == ".tflite":
                files.add_tflite(path, here, arrays=arrays)
            elif suffix in _OTHER_FORMATS:
                files.foreign[here] = _OTHER_FORMATS[suffix]
            elif suffix in photo_endings:
                files.photos.update(here.parents)
        return files

    def add_tflite(self, path: Path, here: Path, *, arrays: bool) -> None:
        """Add a ``.tflite`` file to the group of its kind, or to the unusable files."""
        groups: dict[Kind, list[Path]] = {
            "float32": self.floats,
            "float16": self.halves,
            "weights": self.weights,
            "quantized": self.quantized,
        }
        try:
            groups[_kind(path, arrays=arrays)].append(here)
        except EdgeqError as error:
            self.unusable[here] = error.what


def detect(folder: Path) -> Detected:
    """Look for a model and photographs in a folder; nothing is loaded or run."""
    paths = tuple(_entries(folder))
    files = _Files.of(folder, paths)
    # An exchanged model beside a .tflite file is what that was converted from.
    models = files.floats or files.halves or files.exchanged
    quantized_weights = not models and len(files.weights) == 1 and bool(files.quantized)
    models = files.weights if quantized_weights else models
    model = models[0] if len(models) == 1 else None
    variants = (*files.weights, *files.quantized, *files.halves)
    ready = tuple(path for path in variants if path not in models)
    calibration, evaluation = (
        _called(names, files.photos) for names in (_CALIBRATION, _EVALUATION)
    )
    only = None if evaluation is not None else _only_folder(files.photos, calibration)
    arrays = None
    if evaluation is None and model is not None:
        arrays = _arrays(folder, paths, ready)
    evaluation = evaluation if arrays is not None else evaluation or only
    return Detected(
        model=model,
        models=tuple(models),
        ready=ready,
        methods=_methods(folder, model, ready),
        preprocessing=_preprocessing(folder, model, () if arrays is not None else ready),
        calibration=calibration,
        evaluation=evaluation,
        calibration_photos=0 if calibration is None else files.photos[calibration],
        only_photos=evaluation is not None and evaluation == only,
        arrays=arrays,
        quantized_weights=quantized_weights,
        open_size=model is not None and model.suffix == ".tflite" and _is_open(folder / model),
        # Such files next to a model are what it came from.
        unusable=files.unusable if models else {**files.unusable, **files.foreign},
    )


def _arrays(folder: Path, paths: Sequence[Path], ready: Sequence[Path]) -> DetectedArrays | None:
    """Return the sets of samples among some files; None if it is not clear which they are."""
    sets, labels = _array_files(folder, paths)
    calibration, evaluation = (_named_set(names, sets) for names in (_CALIBRATION, _EVALUATION))
    evaluation = next(iter(sets)) if len(sets) == 1 else evaluation
    if evaluation is None:
        return None
    tables = [path.relative_to(folder) for path in paths if path.name == _LABELS]
    beside = evaluation.parent / _LABELS in tables
    integers = _only_integer_type(sets[evaluation])
    scales = {path: scale for path in ready if (scale := scale_of(folder / path, integers))}
    alike = len({tuple(scale.items()) for scale in scales.values()}) == 1
    return DetectedArrays(
        evaluation=evaluation,
        calibration=calibration if calibration != evaluation else None,
        labels=None if beside else next(iter([*labels, *tables]), None),
        scale=next(iter(scales.values())) if alike else None,
        scaled_like=next(iter(scales)) if alike else None,
        integers=integers,
    )


def _array_files(
    folder: Path, paths: Sequence[Path]
) -> tuple[dict[Path, list[ArrayType]], list[Path]]:
    """Return the files of samples, with shape and type of each array, and the files of labels.

    A file of labels holds one row of integers and nothing else.
    """
    from edgeq.samples.array_sources import headers

    sets: dict[Path, list[ArrayType]] = {}
    labels: list[Path] = []
    for path in paths:
        if path.suffix.lower() not in _ARRAYS:
            continue
        try:
            types = list(headers(path, str(path)).values())
        except EdgeqError:
            continue
        is_row = len(types) == 1 and len(types[0][0]) == 1
        if is_row and types[0][1].kind in "iu":
            labels.append(path.relative_to(folder))
        else:
            sets[path.relative_to(folder)] = types
    return sets, labels


def _only_integer_type(types: Sequence[ArrayType]) -> str:
    """Return the integer type of the only array; an empty text for several arrays or floats."""
    if len(types) != 1 or types[0][1].kind not in "iu":
        return ""
    return types[0][1].name


def _named_set(names: tuple[str, ...], sets: Iterable[Path]) -> Path | None:
    """Return the file of arrays with the first of these words in its name or its folder's."""
    words = {path: _WORDS.split(f"{path.parent.name} {path.stem}".lower()) for path in sets}
    return next((path for name in names for path in words if name in words[path]), None)


def scale_of(path: Path, dtype: str) -> Mapping[str, float] | None:
    """Return scale and zero point of a file's only input as the spec's table of samples has them.

    None is returned if the file has several inputs, or one of another type or without a scale.
    """
    from edgeq.tflite.model_file import read_model

    return _scale(read_model(path), dtype)


def _scale(model: ModelFile, dtype: str) -> Mapping[str, float] | None:
    entries = [model.tensors[index] for index in model.inputs]
    if [entry.dtype for entry in entries] != [dtype] or entries[0].scales.size != 1:
        return None
    entry = entries[0]
    return {"scale": float(entry.scales[0]), "zero_point": entry.zero_point}


def _entries(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in a fixed order, without hidden and generated ones."""
    left, seen = MAX_ENTRIES, set[str]()
    for where, folders, files in os.walk(folder, followlinks=True):  # data sets are often linked
        depth, real = len(Path(where).relative_to(folder).parts), os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            name
            for name in folders
            if depth < DEEPEST and name not in _SKIPPED and not name.startswith(".")
        )
        for name in sorted(files)[:left]:
            yield Path(where, name)
        left -= min(left, len(files))


def _called(names: tuple[str, ...], photos: Mapping[Path, int]) -> Path | None:
    """Return the folder of photographs with the first of these names, the shallowest of them."""
    by_depth = sorted(photos, key=lambda path: (len(path.parts), path))
    return next((path for name in names for path in by_depth if path.name.lower() == name), None)


def _only_folder(photos: Mapping[Path, int], calibration: Path | None) -> Path | None:
    """Return the deepest folder with all photographs but those for calibration.

    None is returned if they are in several folders next to the model, or in the project's own.
    """
    here = Path()
    inside = [] if calibration is None else [calibration, *calibration.parents]
    left = {
        path: count - (photos[calibration] if calibration and path in inside else 0)
        for path, count in photos.items()
        if calibration is None or calibration not in path.parents
    }
    holding = [path for path, count in left.items() if count and count == left[here]]
    deepest = max(holding, key=lambda path: len(path.parts), default=here)
    return None if deepest == here else deepest


def _endings() -> frozenset[str]:
    from edgeq.samples.folders import ENDINGS

    return frozenset(ENDINGS)


def _kind(path: Path, *, arrays: bool) -> Kind:
    """Return what a ``.tflite`` file stores.

    ``arrays`` says whether it may take arrays instead of images.

    Raises:
        EdgeqError: It is of no use to a gate.
    """
    from edgeq.models.float_file import require_float
    from edgeq.models.open_size import leaves_size_open
    from edgeq.tflite.model_file import read_model
    from edgeq.tflite.prepared import halves

    model = read_model(path)
    stored = halves(model)
    size = _ANY_SIZE if leaves_size_open(model) else None
    problem: EdgeqError | None = None
    for takes_arrays in (False, True) if arrays else (False,):
        try:
            require_float(model, halves=stored, arrays=takes_arrays, size=size)
        except EdgeqError as error:
            problem = problem or error
        else:
            return "float16" if stored else "float32"
        with suppress(EdgeqError):
            require_float(
                model, halves=stored, arrays=takes_arrays, quantized_weights=True, size=size
            )
            return "weights"
    if problem is not None and not any(tensor.dtype in _INTEGERS for tensor in model.tensors):
        raise problem
    return "quantized"


def _is_open(path: Path) -> bool:
    """Return whether a ``.tflite`` file leaves the size of its images open."""
    from edgeq.models.open_size import leaves_size_open
    from edgeq.tflite.model_file import read_model

    return leaves_size_open(read_model(path))


def _methods(folder: Path, model: Path | None, ready: Sequence[Path]) -> Mapping[Path, str]:
    """Return the first method that each quantized file shows; files that show none are left out."""
    from edgeq.judge.proofs import shown_methods
    from edgeq.measure.operators import operators
    from edgeq.tflite.model_file import read_model

    inputs: Sequence[str] = ()
    if model is not None and model.suffix == ".tflite":
        inputs = operators(read_model(folder / model)).input_types
    methods: dict[Path, str] = {}
    for path in ready:
        shown = shown_methods(operators(read_model(folder / path)), inputs)
        if shown:
            methods[path] = shown[0]
    return methods


def _preprocessing(
    folder: Path, model: Path | None, ready: Sequence[Path]
) -> DetectedPreprocessing | None:
    """Return how photographs become a model's input, by its file or its quantized variants."""
    from edgeq.models.keras_config import layer_classes
    from edgeq.tasks.detection.decoders import recognized_decoder
    from edgeq.tasks.inside import read_inside
    from edgeq.tflite.model_file import read_model

    if model is None:
        return None
    path = folder / model
    if path.suffix == ".keras" and "Rescaling" in layer_classes(path):
        return None
    if path.suffix == ".tflite":
        with suppress(EdgeqError):
            if read_inside(path).normalization is not None:
                return DetectedPreprocessing("", "that of the file's metadata")
            detector = recognized_decoder(read_model(path))
            if detector is not None and (preset := detector[0].preprocessing):
                name = detector[0].name
                reason = f'"{preset}", as {name} detectors take it; correct it if yours differs'
                return DetectedPreprocessing(preset, reason)
    ranges = {file: own for file in ready if (own := _preset_of_range(folder / file))}
    if len(set(ranges.values())) == 1:
        file, preset = next(iter(ranges.items()))
        low, high = INPUT_RANGES[preset]
        return DetectedPreprocessing(
            preset, f'"{preset}", because the input of {file} goes from {low:g} to {high:g}'
        )
    return DetectedPreprocessing()


def _preset_of_range(path: Path) -> str | None:
    """Return the preset that fills the range of a file's only, quantized, input."""
    from edgeq.tflite.model_file import read_model

    model = read_model(path)
    for dtype, least, greatest in (("int8", -128, 127), ("uint8", 0, 255)):
        quantization = _scale(model, dtype)
        if quantization is None:
            continue
        ends = [
            (value - quantization["zero_point"]) * quantization["scale"]
            for value in (least, greatest)
        ]
        for preset, (low, high) in INPUT_RANGES.items():
            miss = max(abs(ends[0] - low), abs(ends[1] - high))
            if miss <= _RANGE_TOLERANCE * (high - low):
                return preset
    return None
