"""Sources of float models that other packages add: one row per prefix.

A source ``PREFIX:ARGUMENT`` in the spec is looked up by its prefix among the rows of the entry
points ``edgeq.models``. A row writes a float ``.tflite`` file in the converter's child process, so
that its imports never reach pytest's process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import EdgeqError, ModelError
from edgeq.registry import Extensible


@dataclass(frozen=True)
class ModelSource:
    """A source of float models.

    Attributes:
        name: The prefix by which a spec names it.
        summary: What it is, in a few words.
        export: Writes the model of an argument (the text after the colon) to a path, as a float
            ``.tflite`` file with a batch of 1. Called in a child process.
        depends: Returns a text that changes whenever the exported model would, for example the
            version of a package and the hash of a file. The export is then kept. Called in this
            process, so it must not import anything heavy. If None, every run exports the model.
    """

    name: str
    summary: str
    export: Callable[[str, Path], object]
    depends: Callable[[str], str] | None = None


SOURCES: Extensible[ModelSource] = Extensible("model source", ModelSource, "edgeq.models", [])


def find_source(text: str) -> tuple[ModelSource, str] | None:
    """Return a source's row and argument, or None if no row has the prefix."""
    prefix, separator, argument = text.partition(":")
    if not separator or prefix not in SOURCES:
        return None
    return SOURCES.get(prefix), argument


def content_of(text: str) -> str | None:
    """Return what the exported model depends on besides the row, or None if unknown.

    Raises:
        ModelError: The row's code fails.
    """
    named = find_source(text)
    if named is None or (depends := named[0].depends) is None:
        return None
    with _others_code(text):
        return str(depends(named[1]))


def write(text: str, path: Path) -> None:
    """Write a source's float file; called in the export child.

    Raises:
        ModelError: The row is gone, fails or writes no file.
    """
    named = find_source(text)
    if named is None:
        raise ModelError("no package registers this source", where=text, remedy=_REMEDY)
    source, argument = named
    with _others_code(text):
        source.export(argument, path)
    if not path.is_file():
        raise ModelError("wrote no .tflite file", where=text, remedy=_REMEDY)


_REMEDY = "Correct the source in the spec, or the package that registers it"


@contextmanager
def _others_code(text: str) -> Iterator[None]:
    """Convert exceptions from a row's own code to errors that name the source."""
    try:
        yield
    except EdgeqError:
        raise
    except Exception as error:  # a row's code may raise anything
        raise ModelError(
            f"failed: {type(error).__name__}: {error}", where=text, remedy=_REMEDY
        ) from error
