"""Finds names that would collide where they are used: in files, folders and test ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from edgeq.config.structs import Spec
from edgeq.config.tables import key_text
from edgeq.errors import SpecError

LONGEST = 100
"""Maximum length of a name: file names have at most 255 characters, with endings and hashes."""

_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows reserves for devices, with any ending."""


def check_names(spec: Spec, methods: Mapping[str, Collection[str]]) -> None:
    """Check that the names of models, variants and targets do not collide.

    File systems of Windows and macOS ignore case, and a test is called ``MODEL-VARIANT``.

    Args:
        spec: The spec; each of its names is valid by itself.
        methods: Names of the variants that methods make, by model.

    Raises:
        SpecError: A name can't be a file name on every system, or two names collide.
    """
    named = (
        ("models", list(spec.models)),
        ("variants", list(spec.variants)),
        ("targets", list(spec.targets.declared)),
    )
    for kind, names in named:
        for name in names:
            _check_file_name(name, f"{spec.origin}: {key_text(kind, name)}")
    _check_distinct([(name, f"the model {name!r}") for name in spec.models], spec.origin, "files")
    targets = [(name, f"the target {name!r}") for name in spec.targets.declared]
    _check_distinct(targets, spec.origin, "files")
    pairs = list(_pairs(spec, methods))
    for model in spec.models:
        own = [(variant, f"the variant {variant!r}") for name, variant in pairs if name == model]
        _check_distinct(own, spec.origin, f"files of {model!r}")
    ids = [(f"{model}-{variant}", f"{model}/{variant}") for model, variant in pairs]
    _check_distinct(ids, spec.origin, "ids of tests")


def _pairs(spec: Spec, methods: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    """Yield the model and variant of everything that is tested."""
    for model in spec.models:
        ready = [name for name, ready_made in spec.variants.items() if ready_made.model == model]
        for variant in (*sorted(methods[model]), *ready):
            yield model, variant


def _check_file_name(name: str, where: str) -> None:
    if len(name) > LONGEST:
        raise SpecError(
            f"a name of {len(name)} characters is too long for a file",
            where=where[:LONGEST],
            remedy=f"Use at most {LONGEST}",
        )
    if name.endswith(".") or _DEVICE.fullmatch(name):
        raise SpecError(
            "is not a valid file name on every system", where=where, remedy="Choose another name"
        )


def _check_distinct(names: list[tuple[str, str]], where: str, used: str) -> None:
    """Refuse names that differ only in case.

    Args:
        names: Pairs of a name and a description of what it names.
        where: Where the names are set.
        used: Where they would collide.
    """
    seen: dict[str, str] = {}
    for name, what in names:
        other = seen.setdefault(name.casefold(), what)
        if other != what:
            raise SpecError(
                f"{other} and {what} collide in {used}, where both are {name.casefold()!r}",
                where=where,
                remedy="Rename one of them; upper and lower case make no difference",
            )
