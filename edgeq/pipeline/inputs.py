"""Inputs of one model: float file, labels, preprocessing, reading of outputs, and images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from edgeq.config.presets import find_preprocessing
from edgeq.config.structs import Model, Preprocessing, Spec
from edgeq.config.tables import key_text
from edgeq.errors import EdgeqError, SpecError
from edgeq.models.float_model import FloatModel, load_float_model
from edgeq.models.sources import TORCH
from edgeq.pipeline.image_sets import ImageSets
from edgeq.pipeline.schedule import Memo, Say
from edgeq.samples.labels import LabelSet, label_set
from edgeq.store.content import Store
from edgeq.tasks.inside import Inside, disagreement, label_notes, read_inside
from edgeq.tasks.recognition import KnownClasses, Reading, recognize
from edgeq.tflite.image_input import (
    GREY,
    holds_pixels,
    image_input,
    is_integer,
    unchanged_note,
    unchanged_pixels,
)
from edgeq.tflite.metadata import contradiction
from edgeq.tflite.model_file import ModelFile, Tensor, read_model
from edgeq.tflite.signatures import first_graph_note


def input_notes(model: ModelFile, preprocessing: Preprocessing, *, where: str) -> Iterator[str]:
    """Yield how photographs become an input that is not one RGB image with the channels last.

    Raises:
        SpecError: A single channel is to be scaled in three ways.
    """
    shape = model.tensors[model.inputs[0]].shape
    image = image_input(shape)
    if image is None:
        return
    if image.channels == GREY:
        scales = (preprocessing.mean, preprocessing.std)
        if any(len(set(each)) > 1 for each in scales):
            raise SpecError(
                "the input has one channel, but mean and std differ between channels",
                where=f"{where}.preprocessing",
                remedy="Set mean and std to three equal numbers each, in pixels from 0 to 255",
            )
        yield "The input has one channel: it gets the photographs' luma (ITU-R BT.601)"
    if image.channels_first:
        yield "The input has the channels first: photographs are fed in that order"
    if shape[0] > 1:
        yield (
            f"The input has a batch of {shape[0]}: as many photographs are run at a time, and time "
            "and memory are those of a batch"
        )


def reading(
    model: Model,
    file: ModelFile,
    labels: LabelSet | None,
    count: Callable[[], int | None],
    *,
    where: str,
) -> Reading:
    """Return how the outputs of a model's file are read.

    ``count`` returns the number of classes in the labels of the model's images, None without
    labels.

    Raises:
        SpecError: The spec names an output that does not exist or holds no class scores.
    """
    return recognize(
        file,
        KnownClasses(
            outputs=None if labels is None else labels.outputs,
            label_set="" if labels is None else labels.name,
            count=count,
        ),
        task=model.task,
        output=model.output,
        decoder=None if model.detection is None else model.detection.decoder,
        where=where,
    )


class ModelInputs:
    """The inputs of one model, each loaded or computed on first access.

    ``keeps`` is as for ``Memo``.
    """

    def __init__(
        self,
        name: str,
        spec: Spec,
        store: Store,
        say: Say,
        keeps: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.spec = spec
        self.model = spec.models[name]
        self.store = store
        self._baseline: Memo[str, FloatModel] = Memo(keeps)
        self._files: Memo[Path, Inside] = Memo(keeps)
        self._labels: Memo[str, LabelSet | None] = Memo(keeps)
        self._reading: Memo[str, Reading] = Memo(keeps)
        self._input_notes: tuple[str, ...] = ()
        self.say = say
        self.images = ImageSets(self, keeps)

    def again(self) -> ModelInputs:
        """Return fresh inputs of the same model, with nothing computed yet."""
        return ModelInputs(self.name, self.spec, self.store, self.say)

    @property
    def baseline(self) -> FloatModel:
        """The float model; see ``load_float_model`` for its errors."""
        return self._baseline.get(self.name, self._load_baseline)

    def _load_baseline(self) -> FloatModel:
        self.say(f"{self.name}: preparing the baseline")
        inputs = self.images.array_inputs if self.model.source.startswith(TORCH) else ()
        return load_float_model(self.name, self.model, self.spec, self.store, inputs)

    @property
    def labels(self) -> LabelSet | None:
        """Names of the baseline's classes, None if they are unknown."""
        return self._labels.get(self.name, self._read_labels)

    def _read_labels(self) -> LabelSet | None:
        if self.baseline.labels is None:
            return self._inside_baseline(self.baseline).labels
        return label_set(self.baseline.labels, self.spec.root)

    @property
    def reading(self) -> Reading:
        """How the outputs of the baseline, and therefore of its variants, are read.

        Raises:
            SpecError: The spec names an output that does not exist or holds no class scores.
            EdgeqError: The baseline can't be built, or its labels can't be read.
        """
        return self._reading.get(self.name, self._read_outputs)

    def _read_outputs(self) -> Reading:
        labels, file = self.labels, read_model(self.baseline.path)
        where = f"{self.spec.origin}: {key_text('models', self.name)}"
        if self.model.arrays is None:
            self._input_notes = tuple(input_notes(file, self.baseline.preprocessing, where=where))
        return reading(self.model, file, labels, self.images.classes_of_labels, where=where)

    def labels_of(self, variant: str) -> LabelSet | None:
        """Return a variant's label set; a ready-made variant may include or declare its own."""
        ready = self.spec.variants.get(variant)
        if ready is None or ready.file is None:
            return self.labels
        if ready.labels is not None:
            return label_set(ready.labels, self.spec.root)
        ours, inside = self.labels, self._inside_variant(variant).labels
        if ours is None or inside is None or inside.classes != ours.classes:
            return ours
        return replace(ours, background=inside.background)

    def _inside_baseline(self, baseline: FloatModel) -> Inside:
        """Return what the baseline's file says about itself, nothing if edgeq built the file.

        Raises:
            ModelError: The file can't be read.
        """
        original = baseline.original
        if original is None:
            return Inside(baseline.source)
        if self.model.signature is not None and baseline.path != original.copy:
            return Inside(original.path.name)  # its metadata describe its first graph
        return self._inside(original.copy, original.path.name)

    def _inside(self, path: Path, file: str) -> Inside:
        return self._files.get(path, lambda: read_inside(path, file))

    def _inside_variant(self, variant: str) -> Inside:
        """Return what a ready-made file says about itself, nothing if it can't be read.

        What is wrong with the file is reported when the variant is loaded.
        """
        declared = self.spec.variants.get(variant)
        if declared is None or declared.file is None:
            return Inside("")
        try:
            path = self.spec.path(declared.file)
            return self._inside(path, path.name)
        except EdgeqError:
            return Inside(declared.file)

    def assumptions(self) -> tuple[str, ...]:
        """Return the assumptions about labels and input that were made so far, as sentences.

        What could not be read is left out, as that error was raised on access.
        """
        baseline = self.known_baseline()
        if baseline is None:
            return ()
        notes = list[str]()
        with suppress(EdgeqError):
            named = None if baseline.labels is None else self.labels
            notes += label_notes(named, self._inside_baseline(baseline))
        for name, ready in self.spec.variants.items():
            if ready.model == self.name and ready.file is not None:
                notes += self._variant_notes(name, ready.file)
        return (*self._input_notes, *notes, *self.images.notes)

    def _variant_notes(self, name: str, file: str) -> Iterator[str]:
        inside = self._files.done(self.spec.path(file))
        if inside is None:
            return
        declared = self.spec.variants[name]
        with suppress(EdgeqError):  # the gate `made` tells it
            several = first_graph_note(read_model(self.spec.path(file)), self.model.signature)
            if several is not None:
                yield f"{name}: {inside.file} {several}, and no other"
        if inside.entry is not None and self._takes_pixels(name) is not None:
            yield f"{name}: {unchanged_note(inside.entry)}"
        if inside.normalization is not None:
            if self._takes_inside(name):
                yield (
                    f"{name}: the spec says nothing about its preprocessing, and the metadata "
                    f"inside {inside.file} does ({inside.normalization.text})"
                )
            else:
                used = self.preprocessing_of(name)
                problem = contradiction(inside.file, used, inside.normalization)
                if problem is not None:
                    yield f"{name}: {problem}"
        with suppress(EdgeqError):
            labels = self.labels if declared.labels is None else self.labels_of(name)
            if labels is not None and inside.labels is not None:
                problem = disagreement(labels, inside.labels)
                if problem is not None:
                    yield f"{name}: {problem}"

    def preprocessing_of(self, variant: str) -> Preprocessing:
        """Return a variant's preprocessing, which the spec may declare for it alone."""
        return self.own_preprocessing(variant) or self.baseline.preprocessing

    def input_size_of(self, variant: str) -> tuple[int, int]:
        """Return height and width of a variant's input, which the spec may declare for it alone."""
        declared = self.spec.variants.get(variant)
        if declared is None or declared.input_size is None:
            return self.baseline.input_size
        return declared.input_size

    def own_preprocessing(self, variant: str) -> Preprocessing | None:
        """Return a variant's own preprocessing, None if it is fed like its baseline.

        The spec declares it. If the spec says nothing about preprocessing, the metadata of a
        ready-made file may, or an input that stores pixels as they are.

        Raises:
            SpecError: There is no such preprocessing, or integers without a scale can't be what it
                makes of pixels.
        """
        declared = self.spec.variants.get(variant)
        if declared is None:
            return None
        entry = self._inside_variant(variant).entry
        if declared.preprocessing is not None:
            where = f"variants.{variant}.preprocessing"
            declared_how = find_preprocessing(declared.preprocessing, where=where)
            if entry is not None and is_integer(entry) and not self._holds(entry, declared_how):
                raise SpecError(
                    f"the input {entry.name!r} of the file is {entry.dtype} without a scale and "
                    "can't hold what this makes of pixels",
                    where=where,
                    remedy="Remove it: such a file takes pixels as they are",
                )
            return declared_how
        unchanged = self._takes_pixels(variant)
        if unchanged is not None:
            return unchanged
        own = self._inside_variant(variant).normalization
        if own is None or not self._takes_inside(variant):
            return None
        return msgspec.structs.replace(self.baseline.preprocessing, mean=own.mean, std=own.std)

    def _takes_pixels(self, variant: str) -> Preprocessing | None:
        """Return the preprocessing of a file that takes pixels as they are, unlike its baseline.

        None if it is fed like its baseline or as the spec declares. A scale may say what pixels
        become if the spec does.
        """
        entry, usual = self._inside_variant(variant).entry, self.baseline.preprocessing
        if self.spec.variants[variant].preprocessing is not None:
            return None
        if entry is None or self._holds(entry, usual):
            return None
        file = read_model(self.baseline.path)
        unchanged = unchanged_pixels(entry, file.tensors[file.inputs[0]])
        if unchanged is None or (self.model.preprocessing and not is_integer(entry)):
            return None
        mean, std = unchanged
        return msgspec.structs.replace(usual, mean=(mean,) * 3, std=(std,) * 3)

    def _holds(self, entry: Tensor, how: Preprocessing) -> bool:
        return self.model.arrays is not None or holds_pixels(entry, how.mean, how.std)

    def _takes_inside(self, variant: str) -> bool:
        """Return whether a variant is fed as the metadata in its own file say."""
        declared = self.spec.variants[variant]
        if declared.preprocessing is not None or self.model.preprocessing is not None:
            return False
        expected, own = self.baseline.preprocessing, self._inside_variant(variant).normalization
        return own is not None and (own.mean, own.std) != (expected.mean, expected.std)

    def known_baseline(self) -> FloatModel | None:
        """Return the baseline if it was loaded before, else None."""
        return self._baseline.done(self.name)

    def use(self, baseline: FloatModel) -> None:
        """Set the baseline, if it is known beforehand."""
        self._baseline.get(self.name, lambda: baseline)

    def refuse(self, error: EdgeqError) -> None:
        """Set the error that every access to the baseline raises, if it is known beforehand."""
        self._baseline.fail(self.name, error)

    @property
    def baseline_error(self) -> EdgeqError | None:
        """The error that prevented the baseline, None if there is one or it was never requested."""
        return self._baseline.error(self.name)

    def known_reading(self) -> Reading | None:
        """Return how outputs are read if that was determined before, else None."""
        return self._reading.done(self.name)
