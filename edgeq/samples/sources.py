"""Sources of photographs other than folders: rows that packages add, one per prefix.

A source ``PREFIX:ARGUMENT`` in the spec is looked up by its prefix. ``sample:`` is edgeq's own row;
others come from the entry points ``edgeq.samples``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgeq.errors import EdgeqError, ImageError
from edgeq.registry import Extensible
from edgeq.samples.folders import SampleFile
from edgeq.samples.packaged import Role, find_sample

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

    Args:
        source: Source as the spec names it.
        role: What the set is for.

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
