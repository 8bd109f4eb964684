"""What one model brings to a run: baseline, labels, calibration and evaluation set."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.presets_preprocessing import find_preprocessing
from edgeq.config.structs import Images, Preprocessing, Spec
from edgeq.config.tables import key_text
from edgeq.errors import EdgeqError, ImageError
from edgeq.models.float_model import FloatModel, load_float_model
from edgeq.models.predicted_input import expected
from edgeq.pipeline.dependencies import arithmetic
from edgeq.pipeline.memo import Memo
from edgeq.pipeline.schedule import Say
from edgeq.quantize.calibration import Calibration
from edgeq.samples.decode import Pixels, Progress, decode, pixel_facts_of
from edgeq.samples.labels import LabelSet, label_set
from edgeq.samples.lint import Lint, PixelFacts, lint, pixel_facts
from edgeq.samples.pairs import load_pairs
from edgeq.samples.sets import ROLES, ImageSet, Photo, Role, find_set, load_set, overlap
from edgeq.samples.stream import Stream
from edgeq.store.cached import keep
from edgeq.store.content import Store
from edgeq.store.digests import Digests
from edgeq.tasks.inside import Inside, disagreement, label_notes, read_inside
from edgeq.tasks.recognition import KnownClasses, Reading, recognize
from edgeq.tflite.metadata import contradiction
from edgeq.tflite.model_file import read_model

MOST_COMPARED = 200
"""Evaluation photographs that calibration is compared with; their mean is known well enough."""


@dataclass(frozen=True)
class NamedImages:
    """The photographs that a spec names for one role of a model.

    Attributes:
        source: As written, None where none is named.
        labels: The labels file, None where none is named.
        limit: At most so many, None for all.
        table: The table of the spec that names them.
    """

    source: str | None
    labels: str | None
    limit: int | None
    table: str


def named_images(spec: Spec, model: str, role: Role) -> NamedImages:
    """Return the photographs that a spec names for a role: the model's own over the shared."""
    own, shared = spec.models[model].images or Images(), spec.images
    return NamedImages(
        spec.images_of(model, role),
        # A labels file belongs to the photographs that it was named beside.
        own.labels if getattr(own, role) else own.labels or shared.labels,
        getattr(own, f"max_{role}") or getattr(shared, f"max_{role}"),
        f"[{key_text('models', model, 'images')}]" if getattr(own, role) else "[images]",
    )


class ModelInputs:
    """The inputs of one model, each made when it is first asked for.

    Args:
        name: Name of the model in the spec.
        spec: The spec.
        store: Where what is made is kept.
        say: Told what is going on, one line at a time.
        keeps: Whether errors are kept at the moment, see ``Once``.
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
        self._loaded: Memo[str, ImageSet | None] = Memo(keeps)
        self._sets: Memo[str, ImageSet | None] = Memo(keeps)
        self._samples: Memo[str, ImageSet] = Memo(keeps)
        self._streams: Memo[tuple[Preprocessing, tuple[int, int], str], Stream] = Memo(keeps)
        self._lint: Memo[str, Lint] = Memo(keeps)
        self._reading: Memo[str, Reading] = Memo(keeps)
        self.say = say

    @property
    def baseline(self) -> FloatModel:
        """The float model; see ``load_float_model`` for its errors."""
        return self._baseline.get(self.name, self._load_baseline)

    def _load_baseline(self) -> FloatModel:
        self.say(f"{self.name}: preparing the baseline")
        return load_float_model(self.name, self.model, self.spec, self.store)

    @property
    def labels(self) -> LabelSet | None:
        """Names of the baseline's classes, None where nothing is known."""
        if self.baseline.labels is None:
            return self._inside_baseline(self.baseline).labels
        return label_set(self.baseline.labels, self.spec.root)

    @property
    def reading(self) -> Reading:
        """How the outputs of the baseline, and so of its variants, are read.

        Raises:
            SpecError: The spec names an output that is not there, or holds no class scores.
            EdgeqError: The baseline can't be made, or its labels can't be read.
        """
        return self._reading.get(self.name, self._read_outputs)

    def _read_outputs(self) -> Reading:
        labels = self.labels

        def count() -> int | None:
            images = self._sets.done("evaluation") or self._load("evaluation")
            labelled = images is not None and images.labelled
            return int(images.labels().max()) + 1 if images is not None and labelled else None

        return recognize(
            read_model(self.baseline.path),
            KnownClasses(
                outputs=None if labels is None else labels.outputs,
                label_set="" if labels is None else labels.name,
                count=count,
            ),
            task=self.model.task,
            output=self.model.output,
            where=f"{self.spec.origin}: {key_text('models', self.name)}",
        )

    def labels_of(self, variant: str) -> LabelSet | None:
        """Return the label set of a variant, which a ready-made one may bring or declare itself."""
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
        """Return what the baseline's file says about itself; nothing if it was made.

        Raises:
            ModelError: The file can't be read.
        """
        original = baseline.original
        if original is None:
            return Inside(baseline.source)
        if self.model.signature is not None and baseline.path != original.copy:
            return Inside(original.path.name)  # what it says is about its first graph
        return self._inside(original.copy, original.path.name)

    def _inside(self, path: Path, file: str) -> Inside:
        return self._files.get(path, lambda: read_inside(path, file))

    def _inside_variant(self, variant: str) -> Inside:
        """Return what a ready-made file says about itself; nothing if it can't be read.

        Taking the variant shows what is wrong with it.
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
        """Return what was assumed about labels and input where they were asked for, in sentences.

        What could not be read is left out: who asked for it was told.
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
        images = self._sets.done("evaluation")
        return (*notes, *(() if images is None else images.notes))

    def _variant_notes(self, name: str, file: str) -> Iterator[str]:
        inside = self._files.done(self.spec.path(file))
        if inside is None:
            return
        declared = self.spec.variants[name]
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
        """Return the preprocessing of a variant, which the spec may declare for it alone."""
        return self.own_preprocessing(variant) or self.baseline.preprocessing

    def input_size_of(self, variant: str) -> tuple[int, int]:
        """Return height and width of a variant's input, which the spec may declare for it alone."""
        declared = self.spec.variants.get(variant)
        if declared is None or declared.input_size is None:
            return self.baseline.input_size
        return declared.input_size

    def own_preprocessing(self, variant: str) -> Preprocessing | None:
        """Return the preprocessing of a variant alone, None if it is fed like its baseline.

        The spec declares it; or the metadata of a ready-made file, if the spec says nothing about
        preprocessing.
        """
        declared = self.spec.variants.get(variant)
        if declared is None:
            return None
        if declared.preprocessing is not None:
            where = f"variants.{variant}.preprocessing"
            return find_preprocessing(declared.preprocessing, where=where)
        own = self._inside_variant(variant).normalization
        if own is None or not self._takes_inside(variant):
            return None
        return msgspec.structs.replace(self.baseline.preprocessing, mean=own.mean, std=own.std)

    def _takes_inside(self, variant: str) -> bool:
        """Return whether a variant is fed as the metadata of its own file says."""
        declared = self.spec.variants[variant]
        if declared.preprocessing is not None or self.model.preprocessing is not None:
            return False
        wanted, own = self.baseline.preprocessing, self._inside_variant(variant).normalization
        return own is not None and (own.mean, own.std) != (wanted.mean, wanted.std)

    @property
    def evaluation(self) -> ImageSet | None:
        """The evaluation set, None where the spec names none.

        It has no labels if they are of other classes than the model's.
        """
        if named_images(self.spec, self.name, "evaluation").source is None:
            return None
        return self._sets.get("evaluation", self._read_evaluation)

    def _read_evaluation(self) -> ImageSet | None:
        images = self._load("evaluation")
        if images is None or not images.labelled:
            return images
        reading = self.reading
        return images.of_classes(reading.classes) if reading.classes else images

    def require_evaluation(self) -> ImageSet:
        """Return the evaluation set.

        Raises:
            ImageError: The spec names none.
        """
        images = self.evaluation
        if images is None:
            raise ImageError("no evaluation set is named", where=self.spec.origin)
        return images

    def own_samples(self, variant: str) -> ImageSet | None:
        """Return the samples that the spec names for a variant alone, None if it names none.

        Raises:
            ImageError: There is no evaluation set, or they do not pair with it.
        """
        declared = self.spec.variants.get(variant)
        source = None if declared is None else declared.evaluation
        if source is None:
            return None
        return self._samples.get(variant, lambda: self._read_samples(variant, source))

    def _read_samples(self, variant: str, source: str) -> ImageSet:
        images, named = self.require_evaluation(), named_images(self.spec, self.name, "evaluation")
        every = None
        if named.source is not None and named.limit is not None:
            files = find_set(
                named.source,
                images.role,
                root=self.spec.root,
                labels=named.labels,
                label_set=self.labels,
            )
            every = tuple(file.name for file in files)
        digests = Digests(self.store.root)
        samples = load_pairs(
            source,
            images,
            root=self.spec.root,
            where=f"{self.spec.origin}: {key_text('variants', variant, 'evaluation')}",
            every=every,
            digest=digests.of,
        )
        digests.keep()
        return samples

    @property
    def calibration_set(self) -> ImageSet | None:
        """The calibration set, None where the spec names none."""
        if named_images(self.spec, self.name, "calibration").source is None:
            return None
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
            self._refuse_overlap(images, self.evaluation, f"images of {self.name!r}")
        preprocessing = self.baseline.preprocessing
        return Calibration(images, self._decode(images, preprocessing), preprocessing)

    def calibration_apart_from(self, samples: ImageSet | None, key: str) -> Calibration | None:
        """Return the calibration set, decoded for the baseline.

        Args:
            samples: The samples of a variant's own that it must not share, None if it has none.
            key: Where the spec names them.

        Raises:
            ImageError: It shares a photograph with the evaluation set or with these samples.
        """
        calibration = self.calibration
        if calibration is not None and samples is not None:
            self._refuse_overlap(calibration.images, samples, key)
        return calibration

    @property
    def calibration_ends(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Smallest and largest pixel of each channel of the calibration set, ``(3,)`` each.

        Raises:
            ImageError: There is no calibration set, or it can't be decoded.
        """
        images = self.calibration_set
        if images is None:
            raise ImageError("no calibration set is named", where=self.spec.origin)
        pixels = self._decode(images, self.baseline.preprocessing).array()
        ends = [(one.min(axis=(0, 1)), one.max(axis=(0, 1))) for one in pixels]
        least, greatest = (np.stack(some) for some in zip(*ends, strict=True))
        return least.min(axis=0), greatest.max(axis=0)

    @property
    def calibration_lint(self) -> Lint | None:
        """What is odd about the calibration set, None where the spec names none."""
        images = self.calibration_set
        if images is None:
            return None

        def look() -> Lint:
            preprocessing = self.baseline.preprocessing
            other = None if self.evaluation is None else self.stream(preprocessing)

            def make() -> Lint:
                found = _facts_of(self._decode(images, preprocessing))
                return lint(images, found, None if other is None else _facts_of_some(other))

            facts = {
                "calibration": [images.sha256, [photo.name for photo in images.photos]],
                "evaluation": None if other is None else other.images.content_sha256,
                "pixels": pixel_facts_of(preprocessing, self.baseline.input_size),
                **arithmetic(),
            }
            return keep(self.store, "lint", facts, make, Lint)

        return self._lint.get(self.name, look)

    def known_lint(self) -> Lint | None:
        """Return what is odd about the calibration set where it was asked for before."""
        return self._lint.done(self.name)

    def recalibrate(self, photos: tuple[Photo, ...]) -> None:
        """Put other photographs into the calibration set, before anything was asked of it."""
        images = ModelInputs(self.name, self.spec, self.store, self.say).calibration_set
        if images is None:
            raise ImageError("no calibration set is named", where=self.spec.origin)
        self._sets.get(images.role, lambda: replace(images, photos=photos))

    def relabel(self, labels: npt.NDArray[np.int64]) -> None:
        """Put other labels on the evaluation set, before anything was asked of it.

        Args:
            labels: Class indices, shape ``(n,)``.
        """
        images = ModelInputs(self.name, self.spec, self.store, self.say).evaluation
        if images is None:
            raise ImageError("no evaluation set is named", where=self.spec.origin)
        photos = tuple(
            replace(photo, label=int(label))
            for photo, label in zip(images.photos, labels, strict=True)
        )
        self._sets.get(images.role, lambda: replace(images, photos=photos))

    def known_baseline(self) -> FloatModel | None:
        """Return the baseline where it was asked for before."""
        return self._baseline.done(self.name)

    def refuse(self, error: EdgeqError) -> None:
        """Let the baseline not be made, for a reason that is known beforehand."""
        self._baseline.fail(self.name, error)

    @property
    def baseline_error(self) -> EdgeqError | None:
        """Why there is no baseline, None where there is one or nobody asked."""
        return self._baseline.error(self.name)

    def known_reading(self) -> Reading | None:
        """Return how outputs are read where it was asked for before."""
        return self._reading.done(self.name)

    def known_sets(self) -> tuple[ImageSet, ...]:
        """Return the sets that were asked for before."""
        found = (self._sets.done(role) for role in ROLES)
        return tuple(images for images in found if images is not None)

    def stream(self, preprocessing: Preprocessing) -> Stream:
        """Return the baseline's evaluation set, to be decoded at its input size.

        Raises:
            ImageError: There is no evaluation set.
        """
        images = self.require_evaluation()
        return self.stream_of(images, preprocessing, self.baseline.input_size)

    def stream_of(
        self, images: ImageSet, preprocessing: Preprocessing, size: tuple[int, int]
    ) -> Stream:
        """Return an evaluation set, to be decoded in some way.

        Args:
            images: The set.
            preprocessing: The way.
            size: Height and width.
        """
        telling = self._telling(images.role)
        return self._streams.get(
            (preprocessing, size, images.content_sha256),
            lambda: Stream(images, preprocessing, size, self.store, telling),
        )

    def decode_ahead(self, roles: Sequence[Role]) -> None:
        """Decode photographs for the input that the baseline is expected to take.

        The baseline may still be exported meanwhile. Where the expectation is wrong they are
        decoded once more, when they are asked for.

        Raises:
            EdgeqError: A set can't be used, which who asks for it will be told again.
        """
        guess = expected(self.name, self.model, self.spec)
        if guess is None:
            return
        for role in roles:
            images = self._read_set(role, label_set(guess.labels, self.spec.root))
            if images is None:
                continue
            how = (images, guess.preprocessing, guess.input_size, self.store, self._telling(role))
            if role == "calibration":
                decode(*how)
            else:
                Stream(*how).decode_all()

    def _decode(self, images: ImageSet, preprocessing: Preprocessing) -> Pixels:
        size = self.baseline.input_size
        return decode(images, preprocessing, size, self.store, self._telling(images.role))

    def _telling(self, role: Role) -> Progress:
        def progress(done: int, total: int) -> None:
            self.say(f"{self.name}: decoding {role} images, {done} of {total}")

        return progress

    def _load(self, role: Role) -> ImageSet | None:
        """Return a set as it is read, whatever classes its labels count in."""
        return self._loaded.get(role, lambda: self._read_set(role, self.labels))

    def _read_set(self, role: Role, labels: LabelSet | None) -> ImageSet | None:
        named = named_images(self.spec, self.name, role)
        if named.source is None:
            return None
        digests = Digests(self.store.root)
        images = load_set(
            named.source,
            role,
            root=self.spec.root,
            labels=named.labels,
            label_set=labels,
            limit=named.limit,
            named_in=named.table,
            digest=digests.of,
        )
        digests.keep()
        return images

    def _refuse_overlap(self, calibration: ImageSet, evaluation: ImageSet, key: str) -> None:
        shared = overlap(calibration, evaluation)
        if shared:
            raise ImageError(
                f"{len(shared)} of {len(calibration.photos)} calibration images are evaluation "
                f"images too, for example {shared[0][0]}",
                where=f"{self.spec.origin}: {key}",
                remedy="Take them out of one of the two sets: a variant must be judged on "
                "photographs that it was not calibrated on",
            )


@functools.lru_cache(maxsize=16)
def _facts_of(pixels: Pixels) -> PixelFacts:
    """Look at photographs; they are addressed by content, so that several runs look once."""
    return pixel_facts(pixels.array())


def _facts_of_some(photographs: Stream) -> PixelFacts:
    """Look at photographs, evenly chosen where there are more than ``MOST_COMPARED``."""
    return pixel_facts(photographs.every(-(-photographs.shape[0] // MOST_COMPARED)))
