"""TFLite Metadata for tiny models, written with flatbuffers' own builder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.unit import tiny_model

AXIS_LABELS, VALUE_LABELS = 2, 3


def with_metadata(
    content: bytes,
    *,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    labels: str | None = None,
    kind: int = AXIS_LABELS,
    locale: str | None = None,
    packed_as: int = zipfile.ZIP_DEFLATED,
    attach: bool = True,
) -> bytes:
    """Return a model with metadata of its first input and output, its labels in a zip behind it.

    Args:
        content: The model.
        mean: Of the input's NormalizationOptions; without mean and std there are none.
        std: Of them.
        labels: Text of ``labels.txt``; None leaves the file out.
        kind: What the labels are about.
        locale: Of the label file.
        packed_as: How the zip is compressed.
        attach: Whether the label file is in fact attached.
    """
    named = labels is not None
    described = metadata(mean=mean, std=std, named=named, kind=kind, locale=locale)
    whole = with_buffer(content, described)
    if labels is None or not attach:
        return whole
    file = io.BytesIO(whole)
    with zipfile.ZipFile(file, "a", packed_as) as archive:
        archive.writestr("labels.txt", labels)
    return file.getvalue()


def with_buffer(content: bytes, metadata_: bytes) -> bytes:
    """Return a model with these bytes as its metadata."""
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(metadata_, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return tiny_model.packed(model)


def metadata(
    *,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    named: bool = False,
    kind: int = AXIS_LABELS,
    locale: str | None = None,
) -> bytes:
    """Return the flatbuffer of the metadata alone; ``named`` names ``labels.txt``."""
    builder = flatbuffers.Builder(512)
    given, told = _input(builder, mean, std), _output(builder, kind, locale, named=named)
    fields = {2: _tables(builder, [given]), 3: _tables(builder, [told])}
    subgraph = _table(builder, 7, fields)
    name = builder.CreateString("tiny")
    root = _table(builder, 7, {0: name, 3: _tables(builder, [subgraph])})
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


def _input(builder: Any, mean: Sequence[float], std: Sequence[float]) -> int:
    if not mean and not std:
        return _table(builder, 7, {})
    options = _table(builder, 2, {0: _floats(builder, mean), 1: _floats(builder, std)})
    unit = _table(builder, 2, {1: options}, bytes_={0: 1})
    return _table(builder, 7, {4: _tables(builder, [unit])})


def _output(builder: Any, kind: int, locale: str | None, *, named: bool) -> int:
    if not named:
        return _table(builder, 7, {})
    texts = {0: builder.CreateString("labels.txt")}
    if locale is not None:
        texts[3] = builder.CreateString(locale)
    return _table(builder, 7, {6: _tables(builder, [_table(builder, 5, texts, bytes_={2: kind})])})


def _table(
    builder: Any, size: int, offsets: dict[int, int], bytes_: dict[int, int] | None = None
) -> int:
    builder.StartObject(size)
    for slot, value in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    for slot, value in (bytes_ or {}).items():
        builder.PrependUint8Slot(slot, value, 0)
    made: int = builder.EndObject()
    return made


def _tables(builder: Any, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    made: int = builder.EndVector()
    return made


def _floats(builder: Any, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    made: int = builder.EndVector()
    return made
