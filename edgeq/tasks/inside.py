"""Metadata inside a model's file: the normalization of its input and its class names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.samples.labels import LabelSet, comparable, parse_labels
from edgeq.tflite.metadata import Metadata, Normalization, read_metadata
from edgeq.tflite.model_file import ModelFile, Tensor, read_model
from edgeq.words.escape import printable


@dataclass(frozen=True)
class Inside:
    """The usable part of the metadata inside a model's file.

    Attributes:
        normalization: Normalization of the input; None if absent, or if the input is uint8, which
            takes pixels unchanged in any case.
        labels: The label set of one of the outputs; None if none fits.
        notes: Notes about the labels, as sentences.
        entry: The model's first input; None if no file was read.
    """

    file: str
    normalization: Normalization | None = None
    labels: LabelSet | None = None
    notes: tuple[str, ...] = ()
    entry: Tensor | None = None


def read_inside(path: Path, file: str | None = None) -> Inside:
    """Return the usable metadata inside a model's file.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    file = file or path.name
    metadata, model = read_metadata(path, file), read_model(path)
    labels, notes = labels_inside(metadata, model, file)
    takes_pixels = any(model.tensors[index].dtype == "uint8" for index in model.inputs)
    entry = model.tensors[model.inputs[0]] if model.inputs else None
    return Inside(file, None if takes_pixels else metadata.normalization, labels, notes, entry)


def labels_inside(
    metadata: Metadata, model: ModelFile, file: str
) -> tuple[LabelSet | None, tuple[str, ...]]:
    """Return the label set inside a file that fits one of its outputs, and notes."""
    notes = list[str]()
    for place, attached in sorted(metadata.labels.items()):
        if place >= len(model.outputs):
            continue
        name = f"{printable(attached.name)} inside {file}"
        try:
            labels = parse_labels(attached.text, name, where=model.path)
        except EdgeqError as error:
            notes.append(f"The labels {name} are not used: {error.what}")
            continue
        shape = model.tensors[model.outputs[place]].shape
        values = shape[-1] if shape else 0
        if labels.outputs == (values if values > 1 else 2):
            return labels, (*notes, *labels.notes)
        if len(shape) == 2:
            notes.append(
                f"The labels {name} are not used: they are {labels.outputs}, and output {place} "
                f"has {values} values"
            )
    return None, tuple(notes)


def label_notes(named: LabelSet | None, inside: Inside) -> tuple[str, ...]:
    """Return notes about the label set of a model, as sentences."""
    if named is not None:
        problem = None if inside.labels is None else disagreement(named, inside.labels)
        return named.notes if problem is None else (*named.notes, problem)
    if inside.labels is None:
        return inside.notes
    return (*inside.notes, f"The spec names no labels: {inside.labels.name} is used")


def disagreement(used: LabelSet, inside: LabelSet) -> str | None:
    """Return how the label set inside a file contradicts the one that is used; None if it agrees.

    Names may be spelled differently, so only a name that both sets have in different places shows a
    different order.
    """
    head = f"The labels {printable(used.name)!r} contradict those of {inside.name}"
    tail = f"; {printable(used.name)!r} is used"
    if used.classes != inside.classes:
        return f"{head}: {used.classes} classes and {inside.classes}{tail}"
    for name, index in inside.by_name.items():
        other = used.by_name.get(name)
        if other is not None and other != index and comparable(inside.names[index]) == name:
            shown = printable(inside.names[index])
            return f"{head}: {shown!r} is class {other} there, and class {index} in the file{tail}"
    return None
