"""Finds limits that no variant can meet at the same time."""

from __future__ import annotations

from collections.abc import Iterator

from edgeq.config.limits import limits_for
from edgeq.config.methods import choose
from edgeq.config.structs import Spec
from edgeq.errors import SpecError

_LEAST = 1e-9


def check_limits(spec: Spec) -> None:
    """Refuse limits that contradict each other.

    Most gates limit different things, or the same thing from one side. A required rise in accuracy
    is the exception: accuracy can rise only by the share of images whose predicted class changes.

    Raises:
        SpecError: No variant could meet both limits.
    """
    for variant, method in _variants(spec):
        limits = limits_for(spec, variant, method)
        rise = -limits.get("accuracy_drop", 0.0)
        changes = 1.0 - limits.get("top1_agreement", 0.0)
        if rise > changes + _LEAST:
            raise SpecError(
                f"accuracy_drop = {-rise:g} and top1_agreement = {1.0 - changes:g} contradict each "
                f"other for {variant!r}: accuracy must rise by {rise:g}, and no more than "
                f"{changes:g} of the predictions may change",
                where=f"{spec.origin}: gates",
                remedy="Loosen one of them",
            )


def _variants(spec: Spec) -> Iterator[tuple[str, str | None]]:
    for model in spec.models:
        for text in spec.methods_of(model):
            yield text, choose(text, engine=spec.engine).method
    for name, own in spec.variants.items():
        by_method = own.file is None and own.method is not None
        yield name, choose(own.method or "", engine=spec.engine).method if by_method else own.method
