"""What a user asks of a repair, and the precisions that may be tried for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgeq.config.methods import METHODS
from edgeq.config.structs import Precision, Spec
from edgeq.config.tables import key_text
from edgeq.errors import SpecError
from edgeq.registry import unknown
from edgeq.repair.goals import Goal
from edgeq.repair.table import Aim

USUAL: Precision = "int8"
"""The method that a repair starts from by default: the one that fails most often."""

BORDERS: dict[str, Precision] = {"int8_float_io": "int8", "int8_uint8_io": "int8"}
"""Methods that differ from a precision of units only in the model's input and output."""

FLOAT_OUTPUTS = {"int8": "int8_float_io", "int8_uint8_io": "int8_float_io"}
"""Methods that do the same as others, but with float32 inputs and outputs."""

BY_SIZE: tuple[Precision, ...] = ("weight_only_int8", "weight_only_int4", "float16")
"""Precisions that are tried if size is minimized, in the order in which they are measured. Others
store as many bits a weight as ``weight_only_int8``, and compute less exactly."""

BY_TIME: tuple[Precision, ...] = ("int8", "weight_only_int8", "dynamic_range")
"""Precisions that are tried if latency is minimized. Those that compute in float32 are left out, as
they are no faster."""


@dataclass(frozen=True)
class Request:
    """The user's request for a repair.

    Attributes:
        model: Name of the model; None for the only model of the spec.
        start: The method to keep for as many units as possible; None for no preference. A method
            with one scale per layer is replaced by that with one per channel.
        variant: Name of the ready-made variant that the start is the method of; None if it is a
            method's own.
        goals: Goals in addition to the gates, which must pass in any case.
        aim: What to minimize.
        budget_s: Seconds that the repair may take; None for no limit. At least one candidate is
            judged, however long that takes.
    """

    model: str | None = None
    start: str | None = None
    variant: str | None = None
    goals: tuple[Goal, ...] = ()
    aim: Aim = "size"
    budget_s: float | None = None

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The precisions that units may have, in the order in which they are measured.

        Next to a method with calibrated ranges no other such precision is tried.
        """
        usual = BY_TIME if self.aim == "latency" else BY_SIZE
        start = precision_of(self.method)
        if start is None:
            return usual
        calibrated = {"int8", "int16x8"} - {start}
        return tuple(dict.fromkeys(name for name in (start, *usual) if name not in calibrated))

    @property
    def method(self) -> str | None:
        """The method of which as much as possible stays: the start, or what is finer than it."""
        return None if self.start is None else METHODS.get(self.start).finer or self.start

    @property
    def base(self) -> Precision | None:
        """The precision of the variant's method if it is fixed, None if the mix decides.

        For latency it is always fixed, as times are only known relative to one method.
        """
        return precision_of(self.method) or (USUAL if self.aim == "latency" else None)


def model_of(spec: Spec, name: str | None) -> str:
    """Return the name of the model to repair.

    Raises:
        SpecError: There is no such model, or no model is named and the spec has several.
    """
    if name is None and len(spec.models) == 1:
        return next(iter(spec.models))
    if name is None:
        raise SpecError(
            "the spec has several models",
            where=spec.origin,
            remedy=f"Name one of them: edgeq repair {next(iter(spec.models))}",
        )
    if name not in spec.models:
        raise unknown("model", name, spec.models, where=spec.origin)
    return name


def of_variant(request: Request, spec: Spec, model: str) -> Request:
    """Return a request that starts from the method of a ready-made variant if it names one.

    Raises:
        SpecError: The variant is another model's, or claims no method.
    """
    name = request.start or ""
    variant = spec.variants.get(name)
    if variant is None or variant.file is None:
        return request
    if variant.model != model:
        raise SpecError(f"{name} is a variant of {variant.model}, not of {model}", where="--from")
    if variant.method is None:
        raise SpecError(
            f"{name} claims no method",
            where="--from",
            remedy=f"Add `method` to [{key_text('variants', name)}], or name a method",
        )
    return replace(request, start=variant.method, variant=name)


def precision_of(method: str | None) -> Precision | None:
    """Return the precision that a method gives to units; None for None.

    Raises:
        SpecError: There is no such method, or it can't be applied to single units.
    """
    if method is None:
        return None
    METHODS.get(method, where="--from")
    every: tuple[Precision, ...] = (*BY_SIZE, *BY_TIME, "int16x8")
    known: dict[str, Precision] = {name: name for name in every} | BORDERS
    if method not in known:
        raise SpecError(
            f"units can't be made by {method} one by one",
            where="--from",
            remedy=f"Start from one of {', '.join(sorted(known))}",
        )
    return known[method]
