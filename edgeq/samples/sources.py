"""Sources of photographs other than folders: rows that packages add, one per prefix.

A source ``PREFIX:ARGUMENT`` in the spec is looked up by its prefix. ``sample:`` is edgeq's own row;
others come from the entry points ``edgeq.samples``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from edgeq.config.structs import Samples
from edgeq.errors import EdgeqError, ImageError, MissingExtraError
from edgeq.registry import Extensible, Registry
from edgeq.samples.folders import IMAGES_TABLE, SampleFile

EXTRA = "samples"


@dataclass(frozen=True)
class Sample:
    """The photographs of one package.

    Attributes:
        summary: What they are, for people.
        folder: Their folder inside the package.
        pattern: Full match of their file names; the group ``label`` is the class index.
    """

    summary: str
    package: str
    folder: str
    pattern: str
    count: int


Role = Literal["calibration", "evaluation"]
ROLES: tuple[Role, ...] = ("calibration", "evaluation")


@dataclass(frozen=True)
class NamedSet:
    """A set of samples as it is named, before anything of it is read.

    Attributes:
        source: A folder; ``"sample:NAME"``, photographs that a package of the ``samples`` extra
            contains; or ``"data:NAME"``, the folder ``$EDGEQ_DATA/NAME/ROLE``. Of arrays, a file,
            ``"package.module:function"``, or ``"PREFIX:ARGUMENT"`` of a registered source.
        role: What the set is for. It selects the photographs of a sample, and the rows of a labels
            file that has a ``split`` column.
        root: Folder that relative paths start from.
        labels: A labels file with classes (see ``edgeq.samples.folders``); None for one that lies
            beside the samples. Registered sources have their own labels.
        limit: Maximum number of samples, the first by name or row; None for all.
        table: The table of the spec that names the source, for errors.
        others: Labels other than classes: boxes, masks, values, ...; None without any.
        arrays: The model's table of samples if they are arrays, None for photographs.
    """

    source: str
    role: Role
    root: Path
    labels: str | None = None
    limit: int | None = None
    table: str = IMAGES_TABLE
    others: Path | None = None
    arrays: Samples | None = None

    @property
    def labels_file(self) -> Path | None:
        """The labels file that is named."""
        return None if self.labels is None else self.root / Path(self.labels).expanduser()


SAMPLES: Registry[dict[Role, Sample]] = Registry(
    "sample",
    [
        (
            "imagenet",
            {
                "evaluation": Sample(
                    "20 photographs labelled with ImageNet classes",
                    *("foolbox", "data", r"imagenet_\d+_(?P<label>\d+)\.jpg", 20),
                ),
                # Calibration with these works as well as with ImageNet photographs: int8
                # EfficientNet-Lite0 agreed with its baseline on 0.978 of 500 photographs, compared
                # with 0.976 after calibration on 100 photographs of ImageNet; EfficientNetV2-B0 on
                # 0.962, compared with 0.968.
                "calibration": Sample(
                    "20 CIFAR-10 pictures of 32 x 32 pixels, enlarged",
                    *("foolbox", "data", r"cifar10_\d+_\d+\.png", 20),
                ),
            },
        ),
        (
            "cifar10",
            {
                "evaluation": Sample(
                    "20 labelled CIFAR-10 pictures",
                    *("foolbox", "data", r"cifar10_\d+_(?P<label>\d+)\.png", 20),
                ),
                # Different classes, but images made in the same way.
                "calibration": Sample(
                    "20 CIFAR-100 pictures", *("foolbox", "data", r"cifar100_\d+_\d+\.png", 20)
                ),
            },
        ),
    ],
)


def find_sample(name: str, role: Role) -> list[SampleFile]:
    """Return the photographs of a sample with their labels, in any order.

    Raises:
        MissingExtraError: The package that contains them is not installed.
        ImageError: The package does not contain the expected photographs.
        SpecError: There is no sample of that name.
    """
    where = f"sample:{name}"
    sample = SAMPLES.get(name, where=where)[role]
    package = find_spec(sample.package)
    if package is None or not package.submodule_search_locations:
        raise MissingExtraError(sample.package, extra=EXTRA, needed_for=f"the {role} set {where!r}")
    folder = Path(package.submodule_search_locations[0], sample.folder)
    pattern = re.compile(sample.pattern)
    files = []
    for path in folder.glob("*"):
        match = pattern.fullmatch(path.name)
        if match is not None:
            label = match.groupdict().get("label")
            files.append(SampleFile(path, path.name, None if label is None else int(label)))
    if len(files) != sample.count:
        raise ImageError(
            f"holds {len(files)} of the {sample.count} photographs of {where}",
            where=folder,
            remedy=f"Install it again: pip install --force-reinstall {sample.package}",
        )
    return files


_REMEDY = "Correct the source in the spec, or the package that registers it"


@dataclass(frozen=True)
class SampleSource:
    """A source of photographs.

    Attributes:
        name: The prefix by which a spec names it.
        summary: What it is, in a few words.
        find: Returns the photographs of an argument (the text after the colon) for a role,
            ``"calibration"`` or ``"evaluation"``, in any order. They have not been read yet. None
            if it has arrays only.
        arrays: Returns samples that are arrays, each with a label or without, as a function that
            the spec names returns them. None if it has photographs only.
    """

    name: str
    summary: str
    find: Callable[[str, Role], Iterable[SampleFile]] | None = None
    arrays: Callable[[str, Role], Iterable[object]] | None = None


SOURCES: Extensible[SampleSource] = Extensible(
    "sample source",
    SampleSource,
    "edgeq.samples",
    [SampleSource("sample", "photographs that small packages carry", find_sample)],
)


def find_named(source: str, role: Role) -> list[SampleFile] | None:
    """Return the photographs of a registered source, or None if the source is a folder.

    Raises:
        ImageError: The row's code fails or returns nothing, or two photographs have the same name.
        MissingExtraError: A package that the row needs is not installed.
    """
    prefix, separator, argument = source.partition(":")
    if not separator or prefix not in SOURCES:
        return None
    find = SOURCES.get(prefix).find
    if find is None:
        raise ImageError(
            f"the sample source {prefix!r} has arrays, not photographs",
            where=source,
            remedy="Name it as `samples` of a model that takes arrays",
        )
    try:
        files = list(find(argument, role))
    except EdgeqError:
        raise
    except Exception as error:  # a row's code may raise anything
        raise ImageError(
            f"the sample source {prefix!r} failed: {type(error).__name__}: {error}",
            where=source,
            remedy=_REMEDY,
        ) from error
    _check(files, source, role)
    return files


def _check(files: list[SampleFile], source: str, role: Role) -> None:
    if not files:
        raise ImageError(f"holds no {role} photograph", where=source, remedy=_REMEDY)
    names: set[str] = set()
    for file in files:
        if not isinstance(file, SampleFile):
            raise ImageError(
                f"returned {file!r}, not an edgeq.SampleFile", where=source, remedy=_REMEDY
            )
        if file.name in names:
            raise ImageError(f"names two photographs {file.name!r}", where=source, remedy=_REMEDY)
        names.add(file.name)
