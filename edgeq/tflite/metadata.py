"""TFLite Metadata: what a model's file says about its input and its classes.

Model Maker, MediaPipe and the metadata writers store it as a separate flatbuffer in the buffer
``TFLITE_METADATA``, with the files that it names in a zip after the model. Field numbers are those
of ``tensorflow_lite_support/metadata/metadata_schema.fbs`` in tensorflow/tflite-support, version
1.1.0. Nothing in it is trusted: what can't be read is not used, and a note says so.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeq.config.structs import Preprocessing
from edgeq.errors import EdgeqError, ModelError
from edgeq.tflite.flatbuffer import Flatbuffer, Table, spans
from edgeq.tflite.model_file import open_model
from edgeq.words.escape import printable

ENTRY = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_ENTRIES, _ENTRY_NAME, _ENTRY_BUFFER = 6, 0, 1  # fields of the model's own schema
_SUBGRAPHS, _INPUTS, _OUTPUTS = 3, 2, 3
_UNITS, _FILES = 4, 6
_UNIT_KIND, _UNIT_OPTIONS = 0, 1
_NORMALIZATION = 1
_MEAN, _STD = 0, 1
_FILE_NAME, _FILE_TYPE, _FILE_LOCALE = 0, 2, 3
_AXIS_LABELS = 2
_USUAL_LOCALES = ("", "en")
_WHITE = 255.0
_CLOSE = 0.02
"""Share of the range up to which normalizations count as equal: mean 127 and deviation 128 mean
127.5 and 127.5."""
MAX_ATTACHED_BYTES = 4_000_000
"""Maximum size of an attached file. A million classes fit, and anything larger is not a label
file."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Compression methods of metadata writers; others may take any amount of memory to unpack."""

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Normalization:
    """Normalization of pixels from 0 to 255 per channel in RGB order: ``(pixel - mean) / std``.

    A quantized model has the same normalization as its float model and quantizes the result.
    """

    mean: Three
    std: Three

    def of(self, pixel: float) -> Three:
        """Return the normalized value of a grey pixel in each channel."""
        first, second, third = (
            (pixel - mean) / std for mean, std in zip(self.mean, self.std, strict=True)
        )
        return first, second, third

    @property
    def text(self) -> str:
        """Mean and deviation as text for a sentence."""
        mean, std = (_shown(values) for values in (self.mean, self.std))
        return f"mean {mean}, deviation {std}"


@dataclass(frozen=True)
class LabelFile:
    """A label file inside a model's file."""

    name: str
    text: str


@dataclass(frozen=True)
class Metadata:
    """What a file's metadata says.

    Attributes:
        normalization: Normalization of the first input's pixels; None if absent.
        labels: Labels along an output's last axis, by the index of the output.
        notes: Sentences about what could not be read.
    """

    normalization: Normalization | None = None
    labels: Mapping[int, LabelFile] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_metadata(path: Path, file: str | None = None) -> Metadata:
    """Return what a model's file says about its input and its classes; empty without metadata.

    Raises:
        ModelError: The file is missing or not a model.
    """
    source = open_model(path)
    try:
        content = _content(source)
        return Metadata() if content is None else _read(source, content, file or path.name)
    except EdgeqError as error:
        return Metadata(notes=(_unused(file or path.name, error),))


def contradiction(file: str, declared: Preprocessing, inside: Normalization) -> str | None:
    """Return how a preprocessing contradicts a file's metadata; None if the values agree."""
    used = Normalization(declared.mean, declared.std)
    ends = (used.of(_WHITE), inside.of(_WHITE)), (used.of(0.0), inside.of(0.0))
    span = max(abs(high - low) for high, low in zip(inside.of(_WHITE), inside.of(0.0), strict=True))
    gap = max(abs(end - other) for pair in ends for end, other in zip(*pair, strict=True))
    if gap <= span * _CLOSE:
        return None
    return (
        f"The spec's preprocessing ({used.text}) contradicts the metadata inside {file} "
        f"({inside.text}); the spec's is used"
    )


def _content(source: Flatbuffer) -> bytes | None:
    """Return the metadata's flatbuffer; None if the file has none."""
    model = source.root()
    entries = [table for table in model.tables(_ENTRIES) if table.text(_ENTRY_NAME) == ENTRY]
    if not entries:
        return None
    placed = spans(model)
    buffer = entries[0].integer(_ENTRY_BUFFER, "I")
    if buffer >= len(placed):
        raise ModelError("it lies in a buffer that does not exist", where=source.path)
    start, size = placed[buffer]
    content = source.data[start : start + size]
    if content[4:8] != _IDENTIFIER:
        raise ModelError(f"the identifier {_IDENTIFIER.decode()} is missing", where=source.path)
    return content


def _read(source: Flatbuffer, content: bytes, file: str) -> Metadata:
    subgraphs = Flatbuffer(source.path, content).root().tables(_SUBGRAPHS)
    if not subgraphs:
        return Metadata()
    inputs, outputs = (subgraphs[0].tables(at) for at in (_INPUTS, _OUTPUTS))
    notes: list[str] = []
    normalization = None
    try:
        normalization = _normalization(inputs[0]) if inputs else None
    except EdgeqError as error:
        notes.append(_unused(file, error))
    labels = {}
    for place, output in enumerate(outputs):
        try:
            attached = _label_file(source, output)
        except EdgeqError as error:
            notes.append(_unused(file, error))
        else:
            labels.update({} if attached is None else {place: attached})
    return Metadata(normalization, labels, tuple(dict.fromkeys(notes)))


def _normalization(tensor: Table) -> Normalization | None:
    for unit in tensor.tables(_UNITS):
        options = unit.table(_UNIT_OPTIONS)
        if unit.integer(_UNIT_KIND, "B") == _NORMALIZATION and options is not None:
            mean, std = (options.array(at, "<f4").tolist() for at in (_MEAN, _STD))
            if not mean and not std:
                continue
            return _checked(tensor.source.path, mean, std)
    return None


def _checked(path: Path, mean: Sequence[float], std: Sequence[float]) -> Normalization:
    usable = len(mean) in {1, 3} and len(std) in {1, 3}
    if not usable or not all(map(math.isfinite, (*mean, *std))) or min(map(abs, std)) == 0:
        raise ModelError("its mean and deviation are not those of three channels", where=path)
    return Normalization(_three(mean), _three(std))


def _three(values: Sequence[float]) -> Three:
    first, second, third = values if len(values) == 3 else [values[0]] * 3
    return float(first), float(second), float(third)


def _label_file(source: Flatbuffer, tensor: Table) -> LabelFile | None:
    """Return the label file of an output; if there are several, that without locale or English."""
    files = {
        file.text(_FILE_LOCALE): file.text(_FILE_NAME)
        for file in reversed(tensor.tables(_FILES))  # of equal locales the first file counts
        if file.integer(_FILE_TYPE, "b") == _AXIS_LABELS
    }
    if not files:
        return None
    usual = next((locale for locale in _USUAL_LOCALES if locale in files), next(reversed(files)))
    return LabelFile(files[usual], _attached_text(source.path, source.data, files[usual]))


def _unused(file: str, error: EdgeqError) -> str:
    return f"A part of the metadata inside {file} is not used: {error.what}"


def _shown(values: Three) -> str:
    return ", ".join(f"{value:g}" for value in (values[:1] if len(set(values)) == 1 else values))


def _attached_text(path: Path, data: bytes, name: str) -> str:
    """Return the text of a file that is attached to a model."""
    shown = printable(name)
    try:
        content = _unpacked(data, name)
    except KeyError as error:
        raise ModelError(f"the file {shown!r} is not inside it", where=path) from error
    except Exception as error:  # a damaged zip raises whatever it leads to
        raise ModelError(f"the file {shown!r} inside it can't be read", where=path) from error
    if content is None:
        raise ModelError(f"the file {shown!r} inside it is packed unusually", where=path)
    if len(content) > MAX_ATTACHED_BYTES:
        raise ModelError(f"the file {shown!r} inside it is too large", where=path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"the file {shown!r} inside it is not UTF-8", where=path) from error


def _unpacked(data: bytes, name: str) -> bytes | None:
    """Return an attached file up to a byte more than is read; None if packed unusually."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo(name)
        if entry.compress_type not in _METHODS:
            return None
        with archive.open(entry) as file:
            return file.read(MAX_ATTACHED_BYTES + 1)
