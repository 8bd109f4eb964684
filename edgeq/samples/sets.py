"""Loads sets of photographs: the calibration set and the evaluation set."""

from __future__ import annotations

import base64
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.presets import DATA_VARIABLE
from edgeq.errors import ImageError, reason_of
from edgeq.io.files import sha256_bytes, sha256_file
from edgeq.samples.arrays import ArrayFile, StoredArrays, find_arrays, row_of
from edgeq.samples.folders import Photographs, SampleFile, find_photos
from edgeq.samples.labels import LabelSet
from edgeq.samples.photo import MAX_BYTES
from edgeq.samples.sources import ROLES, NamedSet, Role, find_named
from edgeq.words import size

__all__ = [
    "ROLES",
    "Counted",
    "ImageSet",
    "NamedSet",
    "Photo",
    "Role",
    "count_photos",
    "find_set",
    "folder_of",
    "foreign",
    "hashed",
    "load_arrays",
    "load_set",
    "overlap",
    "read_keys",
    "refuse_shared",
    "require_classes",
]

AT_ONCE = 256
FOREIGN = 0.5
"""Share of labels beyond a model's classes above which the labels belong to other classes."""

KEY_BYTES = 6
"""Length of an image's key in bytes; a multiple of 3, so that base64 needs no padding."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One sample of a set, a photograph or a row of an array. Sets can be large, so this is small.

    Attributes:
        file: The file, as text: a ``Path`` takes ten times the memory.
        name: Path relative to the set's folder, with ``/``; ``row 7`` of an array.
        sha256: Hash of the file's content when the set was loaded; of an array, of the row.
        label: Class index from 0 in the data set's own numbering, or None if unlabelled.
        group: Shared with other crops of the same photograph, or None if not given.
    """

    file: str
    name: str
    sha256: str
    label: int | None
    group: str | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.file)


@dataclass(frozen=True)
class ImageSet:
    """Photographs in a fixed order (by name).

    There is at least one. ``notes`` are assumptions about their labels, in sentences; ``arrays``
    says where the samples lie if they are arrays.
    """

    role: Role
    source: str
    photos: tuple[Photo, ...]
    notes: tuple[str, ...] = ()
    arrays: ArrayFile | None = None

    @cached_property
    def sha256(self) -> str:
        """Hash of contents, labels and order; paths and names are not included."""
        return _digest([(photo.sha256, photo.label) for photo in self.photos])

    @cached_property
    def content_sha256(self) -> str:
        """Hash of contents and order only, for what does not depend on labels."""
        return _digest([photo.sha256 for photo in self.photos])

    @cached_property
    def keys(self) -> str:
        """Keys of all images with their labels, in order, joined as base64.

        Two sets share the images whose keys they share. ``KEY_BYTES`` bytes of a hash are enough:
        among 50,000 images, two have the same key in one of 200,000 sets.
        """
        digests = (
            hashlib.sha256(msgspec.json.encode((photo.sha256, photo.label))).digest()
            for photo in self.photos
        )
        return base64.b64encode(b"".join(digest[:KEY_BYTES] for digest in digests)).decode()

    @property
    def labelled(self) -> bool:
        """Whether every photograph has a label."""
        return all(photo.label is not None for photo in self.photos)

    def labels(self) -> npt.NDArray[np.int64]:
        """Return the class indices, shape ``(n,)``.

        Raises:
            ImageError: A photograph has no label.
        """
        indices: list[int] = []
        for photo in self.photos:
            if photo.label is None:
                raise ImageError(
                    f"the {self.role} photograph {photo.name!r} has no label",
                    where=self.source,
                    remedy="Add a labels.csv, or sort the photographs into one folder per class",
                )
            indices.append(photo.label)
        return np.array(indices, np.int64)

    def groups(self) -> tuple[tuple[str, str], ...]:
        """Return what each image shares with other crops of its photograph: group or content."""
        return tuple(
            ("content", photo.sha256) if photo.group is None else ("group", photo.group)
            for photo in self.photos
        )

    def require_classes(self, classes: int) -> None:
        """Check the labels against a model's number of classes.

        Raises:
            ImageError: A label is ``classes`` or more.
        """
        require_classes(self.photos, classes, self.source)

    def of_classes(self, classes: int) -> ImageSet:
        """Return the set for a model, without labels if they belong to other classes.

        If only some labels are beyond the model's classes (off by one, or from a wrong row), that
        is a mistake and they stay. If most are, they belong to other classes, such as ImageNet's
        for a model with two classes.
        """
        if not self.labelled:
            return self
        note = foreign(self.source, self.labels().tolist(), classes)
        if note is None:
            return self
        photos = tuple(replace(photo, label=None) for photo in self.photos)
        return replace(self, photos=photos, notes=(note,))


@dataclass(frozen=True)
class Counted:
    """What is known of a set unread: the class indices of the photographs with a label."""

    photographs: int
    labels: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def labelled(self) -> bool:
        """Whether all photographs have a label."""
        return len(self.labels) == self.photographs


def foreign(source: str, labels: Sequence[int], classes: int) -> str | None:
    """Return a note if labels belong to other classes than the model's, otherwise None."""
    beyond = sum(label >= classes for label in labels)
    if beyond <= len(labels) * FOREIGN:
        return None
    return (
        f"{source}: {beyond:,} of {len(labels):,} labels are beyond the model's {classes} classes: "
        "they belong to other classes and are not used. To have accuracy judged, provide labels in "
        "the model's own classes"
    )


def require_classes(photos: Iterable[Photo | SampleFile], classes: int, source: str) -> None:
    """Check that all labels are below a number of classes.

    Raises:
        ImageError: A label is ``classes`` or more.
    """
    for photo in photos:
        if photo.label is not None and photo.label >= classes:
            raise ImageError(
                f"the label of {photo.name!r} is {photo.label}, but there are {classes} "
                f"classes (0 to {classes - 1})",
                where=source,
                remedy="Correct the labels, or name the label set that they refer to",
            )


def load_set(
    named: NamedSet,
    classes: LabelSet | None = None,
    *,
    digest: Callable[[Path], str] = sha256_file,
) -> ImageSet:
    """Find and hash the photographs of a set.

    Labels are checked against ``classes``; ``digest`` is called in several threads.

    Raises:
        ImageError: The source, a label or a file can't be used.
        MissingExtraError: The sample's package is not installed.
    """
    files = _find(named, classes)
    chosen = sorted(files.photos, key=lambda item: item.name)[: named.limit]
    notes = tuple(f"{named.source}: {note}" for note in files.notes)
    return _required(ImageSet(named.role, named.source, hashed(chosen, digest), notes), classes)


def load_arrays(named: NamedSet, stored: StoredArrays, classes: LabelSet | None = None) -> ImageSet:
    """Return a set of arrays that were stored, with labels checked against classes.

    Raises:
        ImageError: A label can't be used.
    """
    files = find_arrays(named, classes, stored)
    photos = tuple(
        Photo(str(item.path), item.name, stored.digests[row_of(item.name)], item.label, item.group)
        for item in files.photos[: named.limit]
    )
    return _required(ImageSet(named.role, named.source, photos, stored.notes, stored.file), classes)


def _required(images: ImageSet, label_set: LabelSet | None) -> ImageSet:
    if label_set is not None:
        images.require_classes(label_set.classes)
    return images


def hashed(files: Sequence[SampleFile], digest: Callable[[Path], str]) -> tuple[Photo, ...]:
    """Hash photographs, keeping their order.

    Raises:
        ImageError: A photograph can't be read.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = [
            photo  # in batches, because each queued task takes memory
            for start in range(0, len(files), AT_ONCE)
            for photo in pool.map(partial(_hash, digest), files[start : start + AT_ONCE])
        ]
    return tuple(
        Photo(str(item.path), item.name, digest, item.label, item.group)
        for item, digest in zip(files, digests, strict=True)
    )


def find_set(named: NamedSet, classes: LabelSet | None = None) -> tuple[SampleFile, ...]:
    """Return all samples of a set in their order, whatever its limit; none is read.

    Raises:
        ImageError: The source or a label can't be used.
        MissingExtraError: The sample's package is not installed.
    """
    files = _find(named, classes).photos
    return tuple(files if named.arrays else sorted(files, key=lambda item: item.name))


def count_photos(named: NamedSet, classes: LabelSet | None = None) -> Counted:
    """Count the samples of a set, whatever its limit; none is read.

    Raises:
        ImageError: The source or a label can't be used.
        MissingExtraError: The sample's package is not installed.
    """
    files = _find(named, classes)
    labels = [item.label for item in files.photos]
    return Counted(
        len(labels),
        tuple(label for label in labels if label is not None),
        tuple(f"{named.source}: {note}" for note in files.notes),
    )


def read_keys(text: str, count: int) -> npt.NDArray[np.uint64]:
    """Decode ``ImageSet.keys`` to numbers, shape ``(count,)``.

    Raises:
        ValueError: The text is not the keys of that many images.
    """
    content = base64.b64decode(text, validate=True)
    if len(content) != KEY_BYTES * count:
        raise ValueError(f"{len(content)} bytes are not the keys of {count} images")
    wide = np.zeros((count, 8), np.uint8)
    wide[:, -KEY_BYTES:] = np.frombuffer(content, np.uint8).reshape(count, KEY_BYTES)
    return wide.view(">u8")[:, 0].astype(np.uint64)


def refuse_shared(calibration: int, shared: Sequence[str], where: str) -> None:
    """Refuse a calibration set that shares images with the samples that variants are judged on.

    ``calibration`` is the number of calibration images, ``shared`` has the names of those in both.

    Raises:
        ImageError: Some are.
    """
    if shared:
        raise ImageError(
            f"{len(shared)} of {calibration} calibration images are evaluation images too, "
            f"for example {shared[0]}",
            where=where,
            remedy="Take them out of one of the two sets: a variant must be judged on photographs "
            "that it was not calibrated on",
        )


def overlap(a: ImageSet, b: ImageSet) -> tuple[tuple[str, str], ...]:
    """Return pairs of names in ``a`` and ``b`` whose photographs have the same content."""
    names = defaultdict(list)
    for photo in b.photos:
        names[photo.sha256].append(photo.name)
    return tuple((photo.name, other) for photo in a.photos for other in names[photo.sha256])


def _find(named: NamedSet, classes: LabelSet | None) -> Photographs:
    if named.arrays is not None:
        return find_arrays(named, classes)
    registered = find_named(named.source, named.role)
    if registered is not None:
        return Photographs(registered)
    return find_photos(
        folder_of(named.source, named.role, named.root),
        named.role,
        labels_file=named.labels_file,
        classes=classes,
        named_in=named.table,
    )


def folder_of(source: str, role: Role, root: Path) -> Path:
    """Return the folder that a source names, unless a package provides it.

    Raises:
        ImageError: The source needs ``$EDGEQ_DATA``, which is not set.
    """
    kind, separator, name = source.partition(":")
    if not separator or kind != "data":
        return root / Path(source).expanduser()
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        raise ImageError(
            f"the environment variable {DATA_VARIABLE} is not set",
            where="data:",
            remedy="Set it to the folder that holds the data sets, or name a folder instead",
        )
    return Path(value, name, role)


def _hash(digest: Callable[[Path], str], item: SampleFile) -> str:
    try:
        if not item.path.is_file():
            problem = "not a regular file" if item.path.exists() else "a broken symbolic link"
            raise ImageError(f"is {problem}", where=item.path, remedy="Replace or remove it")
        if item.path.stat().st_size > MAX_BYTES:
            raise ImageError(
                f"is larger than {size(MAX_BYTES)}, too large for a photograph",
                where=item.path,
                remedy="Replace or remove it",
            )
        return digest(item.path)
    except OSError as error:
        raise ImageError(
            f"can't be read: {reason_of(error)}",
            where=item.path,
            remedy="Check the file and its permissions",
        ) from error


def _digest(value: object) -> str:
    return sha256_bytes(msgspec.json.encode(value))
