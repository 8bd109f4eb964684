"""The photographs of a model: calibration set, evaluation set and its variants' own samples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Images, Preprocessing, Spec
from edgeq.config.tables import key_text
from edgeq.errors import ImageError
from edgeq.models.export_request import ArrayInput
from edgeq.models.sources import expected
from edgeq.pipeline.dependencies import arithmetic
from edgeq.pipeline.schedule import Countdown, Memo
from edgeq.quantize.engine import Calibration
from edgeq.samples.array_sources import opened_source, sample_types
from edgeq.samples.arrays import NARROW, fields_of, order_like, reordered, store_arrays
from edgeq.samples.box_labels import (
    BoxLabels,
    are_box_labels,
    find_box_labels,
    photo_sizes,
    read_box_labels,
)
from edgeq.samples.decode import Pixels, Progress, decode, pixel_facts_of
from edgeq.samples.labels import LabelSet, label_set
from edgeq.samples.lint import (
    MANY,
    MAX_PAIRED,
    Lint,
    PixelFacts,
    lint,
    lint_arrays,
    near_copies,
    pixel_facts,
)
from edgeq.samples.pairs import load_pairs
from edgeq.samples.sets import (
    ROLES,
    ImageSet,
    NamedSet,
    Photo,
    Role,
    find_set,
    folder_of,
    load_arrays,
    load_set,
    overlap,
    refuse_shared,
)
from edgeq.samples.sources import SOURCES
from edgeq.samples.stream import ArrayStream, Stream, gathered
from edgeq.samples.task_labels import are_task_labels
from edgeq.store.cached import keep
from edgeq.store.digests import Digests
from edgeq.tflite.model_file import read_model
from edgeq.words import names, plural

if TYPE_CHECKING:
    from edgeq.pipeline.inputs import ModelInputs

MAX_COMPARED = 200
"""Evaluation photographs to compare calibration with; enough to know their mean well."""


def named_images(spec: Spec, model: str, role: Role) -> NamedSet | None:
    """Return the samples that a spec names for a role, None if it names none.

    The model's own take precedence.
    """
    source, arrays = spec.images_of(model, role), spec.models[model].arrays
    if source is None:
        return None
    if arrays is not None:
        labels = arrays.labels
        limit = getattr(arrays, f"max_{role}")
        table = f"[{key_text('models', model, 'samples')}]"
    else:
        own, shared = spec.models[model].images or Images(), spec.images
        # A labels file belongs to the photographs in the same table.
        labels = own.labels if getattr(own, role) else own.labels or shared.labels
        limit = getattr(own, f"max_{role}") or getattr(shared, f"max_{role}")
        table = f"[{key_text('models', model, 'images')}]" if getattr(own, role) else "[images]"
    others = None if labels is None else spec.path(labels)
    if others is not None:
        of_boxes = arrays is None and are_box_labels(others)
        others = others if of_boxes or are_task_labels(others) else None
    return NamedSet(
        source,
        role,
        spec.root,
        labels=labels if others is None else None,
        limit=limit,
        table=table,
        others=others,
        arrays=arrays,
    )


class ImageSets:
    """The image sets of one model, each read on first access.

    ``keeps`` is as for ``Memo``.
    """

    def __init__(self, model: ModelInputs, keeps: Callable[[], bool]) -> None:
        self._model = model
        self._name, self._spec, self._store = model.name, model.spec, model.store
        self._loaded: Memo[str, ImageSet | None] = Memo(keeps)
        self._sets: Memo[str, ImageSet | None] = Memo(keeps)
        self._samples: Memo[str, ImageSet] = Memo(keeps)
        self._streams: Memo[tuple[Preprocessing, tuple[int, int], str], Stream] = Memo(keeps)
        self._lint: Memo[str, Lint] = Memo(keeps)
        self._boxes: Memo[str, BoxLabels | None] = Memo(keeps)
        self._unused_boxes = list[str]()

    @property
    def takes_arrays(self) -> bool:
        """Whether the samples are arrays, not photographs."""
        return self._model.model.arrays is not None

    def classes_of_labels(self) -> int | None:
        """Return the number of classes in the evaluation set's labels, None without labels."""
        images = self._sets.done("evaluation") or self._load("evaluation")
        if images is None or not images.labelled:
            return None
        return int(images.labels().max()) + 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Assumptions about the evaluation set's labels; empty if the set was not accessed yet."""
        images = self._sets.done("evaluation")
        return (*(() if images is None else images.notes), *self._unused_boxes)

    @property
    def evaluation(self) -> ImageSet | None:
        """The evaluation set, None if the spec names none.

        It has no labels if its labels are of other classes than the model's.
        """
        return self._sets.get("evaluation", self._read_evaluation)

    def _read_evaluation(self) -> ImageSet | None:
        images = self._load("evaluation")
        if images is None or not images.labelled:
            return images
        reading = self._model.reading
        return images.of_classes(reading.classes) if reading.classes else images

    def require_evaluation(self) -> ImageSet:
        """Return the evaluation set.

        Raises:
            ImageError: The spec names none.
        """
        images = self.evaluation
        if images is None:
            raise ImageError("no evaluation set is named", where=self._spec.origin)
        return images

    @property
    def has_box_labels(self) -> bool:
        """Whether there are labelled boxes of the model's classes for the evaluation set.

        Raises:
            ImageError: They can't be read, or belong to other photographs.
        """
        return self.box_labels is not None

    @property
    def box_labels(self) -> BoxLabels | None:
        """The labelled boxes of the evaluation set, None if there are none.

        Boxes that lie beside the photographs and have other classes than the model's, such as
        COCO's for a face detector, are not used if the spec does not name them.

        Raises:
            ImageError: They can't be read, or belong to other photographs, or the spec names them
                and they have other classes.
        """
        return self._boxes.get("", self._read_boxes)

    @property
    def task_labels(self) -> Path | None:
        """Labels of the evaluation set for tasks beside classification and detection, as named."""
        named = self._named("evaluation")
        return None if named is None else named.others

    def _read_boxes(self) -> BoxLabels | None:
        named = self._named("evaluation")
        if named is None or self.takes_arrays:
            return None
        source, path, beside = named.source, named.others, None
        if path is None and source.partition(":")[0] not in SOURCES:
            beside = find_box_labels(folder_of(source, "evaluation", self._spec.root))
        labelled = path if path is not None and are_box_labels(path) else beside
        if labelled is None:
            return None
        images, classes = self.require_evaluation(), self._model.reading.classes
        names, sizes = [photo.name for photo in images.photos], self.sizes(images)
        labels = read_box_labels(labelled, names, sizes, 0 if labelled is beside else classes)
        greatest = int(labels.classes.max())
        if labelled is beside and classes and greatest >= classes:
            self._unused_boxes.append(
                f"{beside}: class {greatest} is labelled, but the model has "
                f"{plural(classes, 'class', 'classes')} (0 to {classes - 1}): these boxes are of "
                "other classes and are not used. To have mAP judged, name labels of the model's "
                "own classes in `images.labels`"
            )
            return None
        return labels

    def sizes(self, images: ImageSet) -> npt.NDArray[np.int64]:
        """Return width and height of the photographs of a set in pixels, shape ``(n, 2)``.

        Raises:
            ImageError: A photograph can't be used.
        """
        return photo_sizes(images, self._store)

    def own_samples(self, variant: str) -> ImageSet | None:
        """Return the samples that the spec names for a variant alone, None if it names none.

        Raises:
            ImageError: There is no evaluation set, or the samples do not pair with it.
        """
        declared = self._spec.variants.get(variant)
        source = None if declared is None else declared.evaluation
        if source is None:
            return None
        return self._samples.get(variant, lambda: self._read_samples(variant, source))

    def _read_samples(self, variant: str, source: str) -> ImageSet:
        images, named = self.require_evaluation(), self._named("evaluation")
        every = None
        if named is not None and named.limit is not None:
            every = tuple(file.name for file in find_set(named, self._model.labels))
        digests = Digests(self._store.root)
        samples = load_pairs(
            source,
            images,
            root=self._spec.root,
            where=f"{self._spec.origin}: {key_text('variants', variant, 'evaluation')}",
            every=every,
            digest=digests.of,
        )
        digests.keep()
        return samples

    @property
    def calibration_set(self) -> ImageSet | None:
        """The calibration set, None if the spec names none."""
        return self._sets.get("calibration", lambda: self._load("calibration"))

    @property
    def calibration(self) -> Calibration | None:
        """The calibration set, decoded for the baseline.

        Raises:
            ImageError: It shares a photograph with the evaluation set.
        """
        images = self.calibration_set
        if images is None:
            return None
        if self.evaluation is not None:
            self._refuse_overlap(images, self.evaluation, f"images of {self._name!r}")
        preprocessing = self._model.baseline.preprocessing
        return Calibration(images, self._decode(images, preprocessing), preprocessing)

    def calibration_apart_from(self, samples: ImageSet | None, key: str) -> Calibration | None:
        """Return the calibration set, decoded for the baseline.

        ``samples`` are the variant's own, None if it has none, and ``key`` is the place in the spec
        that names them.

        Raises:
            ImageError: It shares a photograph with the evaluation set or with these samples.
        """
        calibration = self.calibration
        if calibration is not None and samples is not None:
            self._refuse_overlap(calibration.images, samples, key)
        return calibration

    @property
    def calibration_ends(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Smallest and largest pixel per channel of the calibration set, ``(3,)`` each.

        Of arrays, the smallest and largest value, ``(1,)`` each.

        Raises:
            ImageError: There is no calibration set, or it can't be decoded.
        """
        images = self.calibration_set
        if images is None:
            raise ImageError("no calibration set is named", where=self._spec.origin)
        pixels = self._decode(images, self._model.baseline.preprocessing).array()
        if images.arrays is not None:
            return pixels.min(keepdims=True)[0], pixels.max(keepdims=True)[0]
        # Over the photographs first: along rows of pixels of three values NumPy is slow.
        return pixels.min(axis=0).min(axis=(0, 1)), pixels.max(axis=0).max(axis=(0, 1))

    @property
    def calibration_lint(self) -> Lint | None:
        """Anything unusual about the calibration set, None if the spec names none."""
        images = self.calibration_set
        if images is None:
            return None

        def look() -> Lint:
            preprocessing = self._model.baseline.preprocessing
            if images.arrays is not None:
                return lint_arrays(self._decode(images, preprocessing).array())
            other = None if self.evaluation is None else self.stream(preprocessing)

            def make() -> Lint:
                own_facts = _facts_of(self._decode(images, preprocessing))
                return lint(images, own_facts, None if other is None else _facts_of_some(other))

            facts = {
                "calibration": [images.sha256, [photo.name for photo in images.photos]],
                "evaluation": None if other is None else other.images.content_sha256,
                "pixels": pixel_facts_of(preprocessing, self._model.baseline.input_size),
                **arithmetic(),
            }
            return keep(self._store, "lint", facts, make, Lint)

        return self._lint.get(self._name, look)

    def known_lint(self) -> Lint | None:
        """Return the lint of the calibration set if it was computed before, else None."""
        return self._lint.done(self._name)

    def copies_note(self) -> str | None:
        """Return the note that many evaluation images are near copies, None if they are not.

        Only images that are decoded already are looked at: nothing is judged on others.

        Raises:
            EdgeqError: The store, or a photograph in it, can't be used.
        """
        images, baseline = self._sets.done("evaluation"), self._model.known_baseline()
        if images is None or baseline is None or images.arrays is not None:
            return None
        size, photos = baseline.input_size, images.photos[:MAX_PAIRED]
        stream = self._streams.done((baseline.preprocessing, size, images.content_sha256))
        if stream is None or not stream.has_decoded(photos):
            return None

        def make() -> tuple[str, ...]:
            pictures = (picture for piece in stream.pieces(photos) for picture in piece.array())
            return near_copies(replace(images, photos=photos), pixel_facts(pictures))

        facts = {
            "evaluation": [(photo.name, photo.sha256, photo.group) for photo in photos],
            "pixels": pixel_facts_of(baseline.preprocessing, size),
            **arithmetic(),
        }
        copies = keep(self._store, "copies", facts, make, tuple[str, ...])
        if len(copies) < MANY * len(photos):
            return None
        of = "" if len(photos) == len(images.photos) else "the first "
        return (
            f"{len(copies):,} of {of}{plural(len(photos), 'evaluation image')} are nearly the same "
            f"as others ({names(copies)}) but count as independent, so the intervals are too "
            "narrow: evaluate other photographs, or name the scene of each in the column `group` "
            "of a labels.csv"
        )

    def recalibrate(self, photos: tuple[Photo, ...]) -> None:
        """Replace the photographs of the calibration set; must precede any access to it."""
        images = self._model.again().images.calibration_set
        if images is None:
            raise ImageError("no calibration set is named", where=self._spec.origin)
        self._sets.get(images.role, lambda: replace(images, photos=photos))

    def relabel(self, labels: npt.NDArray[np.int64]) -> None:
        """Replace the labels of the evaluation set; must precede any access to it."""
        images = self._model.again().images.evaluation
        if images is None:
            raise ImageError("no evaluation set is named", where=self._spec.origin)
        photos = tuple(
            replace(photo, label=int(label))
            for photo, label in zip(images.photos, labels, strict=True)
        )
        self._sets.get(images.role, lambda: replace(images, photos=photos))

    def relabel_boxes(self, classes: npt.NDArray[np.int64]) -> None:
        """Replace the classes of the labelled boxes; must precede any access to them."""
        labels = self._model.again().images.box_labels
        if labels is None:
            raise ImageError("has no labelled boxes", where=self._name)
        self._boxes.get("", lambda: labels.of_classes(classes))

    def known_sets(self) -> tuple[ImageSet, ...]:
        """Return the sets that were accessed before."""
        sets = (self._sets.done(role) for role in ROLES)
        return tuple(images for images in sets if images is not None)

    def stream(self, preprocessing: Preprocessing) -> Stream:
        """Return the baseline's evaluation set as a stream that decodes at its input size.

        Raises:
            ImageError: There is no evaluation set.
        """
        images = self.require_evaluation()
        return self.stream_of(images, preprocessing, self._model.baseline.input_size)

    def stream_of(
        self, images: ImageSet, preprocessing: Preprocessing, size: tuple[int, int]
    ) -> Stream:
        """Return a stream that decodes an evaluation set."""
        if images.arrays is not None:
            return ArrayStream(images, images.arrays)
        telling = self._telling(images.role)
        return self._streams.get(
            (preprocessing, size, images.content_sha256),
            lambda: Stream(images, preprocessing, size, self._store, telling),
        )

    def array_stream(self, images: ImageSet, path: Path) -> ArrayStream:
        """Return a set of arrays with the inputs in the order of a model's file.

        Raises:
            StoreError: The store can't be written.
        """
        if images.arrays is None:
            raise TypeError(f"the samples of {images.source} are photographs")
        order = order_like(images.arrays.fields, fields_of(read_model(path)))
        return ArrayStream(images, reordered(images.arrays, order, self._store))

    @property
    def array_inputs(self) -> tuple[ArrayInput, ...]:
        """The arrays that the samples consist of, in their order; none for photographs.

        Whole numbers are the input's own, unless they are so narrow that they may stand for real
        values.

        Raises:
            ImageError: No set is named, or it can't be read.
        """
        for role in ROLES:
            named = self._named(role)
            if named is None or named.arrays is None:
                continue
            with opened_source(named, self._key_of_arrays(role)) as opened:
                types = sample_types(opened, named.source)
            return tuple(
                ArrayInput(name, shape, f"int{8 * dtype.itemsize}")
                if dtype.kind == "i" and dtype.itemsize > NARROW
                else ArrayInput(name, shape)
                for name, (shape, dtype) in types.items()
            )
        if self.takes_arrays:
            raise ImageError("no set of samples is named", where=self._spec.origin)
        return ()

    @property
    def array_width(self) -> int:
        """Number of values of a sample that consists of arrays."""
        return sum(field.size for field in fields_of(read_model(self._model.baseline.path)))

    def decode_ahead(self, roles: Sequence[Role]) -> None:
        """Decode photographs for the input that the baseline is expected to take.

        The baseline may still be being exported. If the expectation turns out wrong, the
        photographs are decoded again when needed.

        Raises:
            EdgeqError: A set can't be used. Later accesses raise the same error.
        """
        guess = expected(self._name, self._model.model, self._spec)
        if guess is None or self.takes_arrays:
            return
        for role in roles:
            images = self._read_set(role, label_set(guess.labels, self._spec.root))
            if images is None:
                continue
            how = (
                images,
                guess.preprocessing,
                guess.input_size,
                self._store,
                self._telling(role),
            )
            if role == "calibration":
                decode(*how)
            else:
                Stream(*how).decode_all()

    def _decode(self, images: ImageSet, preprocessing: Preprocessing) -> Pixels:
        if images.arrays is not None:
            return gathered(images, self._store)
        size = self._model.baseline.input_size
        return decode(images, preprocessing, size, self._store, self._telling(images.role))

    def _telling(self, role: Role) -> Progress:
        countdowns: dict[int, Countdown] = {}

        def progress(done: int, total: int) -> None:
            countdown = countdowns.setdefault(total, Countdown(total))
            self._model.say(f"{self._name}: decoding {role} images, {countdown.text(done)}")

        return progress

    def _load(self, role: Role) -> ImageSet | None:
        """Return a set as read, whichever classes its labels refer to; None if none is named."""
        if self._named(role) is None:
            return None
        return self._loaded.get(role, lambda: self._read_set(role, self._model.labels))

    def _read_set(self, role: Role, labels: LabelSet | None) -> ImageSet | None:
        named = self._named(role)
        if named is None:
            return None
        if named.arrays is not None:
            fields = fields_of(read_model(self._model.baseline.path))
            stored = store_arrays(named, fields, self._store, self._key_of_arrays(role))
            return load_arrays(named, stored, labels)
        digests = Digests(self._store.root)
        images = load_set(named, labels, digest=digests.of)
        digests.keep()
        return images

    def _named(self, role: Role) -> NamedSet | None:
        return named_images(self._spec, self._name, role)

    def _key_of_arrays(self, role: Role) -> str:
        return f"{self._spec.origin}: {key_text('models', self._name, 'samples', role)}"

    def _refuse_overlap(self, calibration: ImageSet, evaluation: ImageSet, key: str) -> None:
        shared = [name for name, _ in overlap(calibration, evaluation)]
        refuse_shared(len(calibration.photos), shared, f"{self._spec.origin}: {key}")


@functools.lru_cache(maxsize=16)
def _facts_of(pixels: Pixels) -> PixelFacts:
    """Return facts about photographs, cached by content so that several runs compute them once."""
    return pixel_facts(pixels.array())


def _facts_of_some(photographs: Stream) -> PixelFacts:
    """Return facts about photographs, of an even selection if they exceed ``MAX_COMPARED``."""
    return pixel_facts(photographs.every(-(-photographs.shape[0] // MAX_COMPARED)))
