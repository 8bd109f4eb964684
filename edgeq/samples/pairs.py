"""Matches a variant's own samples to a set's photographs by name: same scenes, other pixels.

A device's camera pipeline, another JPEG quality or a colour conversion gives different pixels of
the same scene. Labels and groups are facts about the scene, so they come from the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from edgeq.errors import ImageError
from edgeq.io.files import sha256_file
from edgeq.samples.folders import SampleFile, list_photos
from edgeq.samples.sets import ImageSet, Role, folder_of, hashed
from edgeq.samples.sources import find_named
from edgeq.words import names, plural


def load_pairs(
    source: str,
    images: ImageSet,
    *,
    root: Path,
    where: str,
    every: Iterable[str] | None = None,
    digest: Callable[[Path], str] = sha256_file,
) -> ImageSet:
    """Load the counterparts of a set's photographs, in its order, with its labels and groups.

    Args:
        source: A folder, ``"sample:NAME"`` or ``"data:NAME"``, as for ``load_set``.
        images: The set.
        root: Folder that relative paths start from.
        where: The key that names the source, for errors.
        every: As for ``match``.
        digest: Returns the sha256 of a file; called in several threads.

    Raises:
        ImageError: A photograph on either side has no counterpart or several, or the source or a
            file can't be used.
        MissingExtraError: The sample's package is not installed.
    """
    files = find_samples(source, images.role, root=root, where=where)
    counterparts = match([photo.name for photo in images.photos], files, where=where, every=every)
    pairs = [
        SampleFile(files[name], name, photo.label, photo.group)
        for name, photo in zip(counterparts, images.photos, strict=True)
    ]
    return replace(images, source=source, photos=hashed(pairs, digest))


def find_samples(source: str, role: Role, *, root: Path, where: str) -> dict[str, Path]:
    """Return the photographs of a source by name; none is read.

    Raises:
        ImageError: The source can't be used.
        MissingExtraError: The sample's package is not installed.
    """
    named = find_named(source, role)
    if named is not None:
        return {item.name: item.path for item in named}
    return list_photos(folder_of(source, role, root), f"Correct `{where}`")


def match(
    photographs: Sequence[str],
    samples: Iterable[str],
    *,
    where: str,
    every: Iterable[str] | None = None,
) -> tuple[str, ...]:
    """Find the sample of the same scene for each photograph; their names differ only in the ending.

    Args:
        photographs: Names of the set's photographs.
        samples: Names of the variant's own samples.
        where: The key that names them, for errors.
        every: If the set was limited, names of all photographs that it was chosen from. Samples of
            those that were not chosen are allowed and ignored.

    Raises:
        ImageError: One side has a photograph that the other lacks, or two of one scene.
    """
    scenes = _by_scene(photographs, "the evaluation set", where)
    own = _by_scene(samples, "the variant's samples", where)
    allowed = scenes if every is None else {*scenes, *map(scene_of, every)}
    absent = sorted(name for scene, name in scenes.items() if scene not in own)
    strange = sorted(name for scene, name in own.items() if scene not in allowed)
    problems = [
        f"{plural(len(unpaired), noun)} without a counterpart {place}: {names(unpaired)}"
        for unpaired, noun, place in (
            (absent, "evaluation photograph", "here"),
            (strange, "photograph", "in the evaluation set"),
        )
        if unpaired
    ]
    if problems:
        raise ImageError(
            "; ".join(problems),
            where=where,
            remedy="Both need the same scenes under the same names, with any ending: "
            "evaluation/a/1.png and camera/a/1.jpg",
        )
    return tuple(own[scene] for scene in scenes)


def scene_of(name: str) -> str:
    """Return what names of one scene have in common: the path in the set without its ending."""
    return PurePosixPath(name).with_suffix("").as_posix()


def _by_scene(photographs: Iterable[str], what: str, where: str) -> dict[str, str]:
    by_scene: dict[str, str] = {}
    for name in photographs:
        before = by_scene.setdefault(scene_of(name), name)
        if before != name:
            raise ImageError(
                f"{before!r} and {name!r} of {what} differ only in their endings, so it is unclear "
                "which one to use",
                where=where,
                remedy="Rename one of them on both sides",
            )
    return by_scene
