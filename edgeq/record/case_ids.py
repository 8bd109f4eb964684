"""Ids of cases: ``MODEL/VARIANT/GATE``, and ``MODEL/VARIANT/GATE@TARGET`` on other targets."""

from __future__ import annotations

from typing import NamedTuple

from edgeq.config.target_kinds import LOCAL

OWN_TEST = "::"
"""Separator that marks the gate of a user's own test, for example ``test_own::test_mine``."""


class CaseId(NamedTuple):
    """The parts of a case's id.

    Attributes:
        model: The model's name.
        variant: The variant's name within its model, with ``@TARGET`` on other targets.
        gate: The gate's name.
        target: Name of the target.
    """

    model: str
    variant: str
    gate: str
    target: str = LOCAL


def name_on(name: str, target: str) -> str:
    """Return the name of a variant or a case on a target; on this machine it is the plain name."""
    return name if target == LOCAL else f"{name}@{target}"


def case_id(model: str, variant: str, gate: str, target: str = LOCAL) -> str:
    """Return the id of a case.

    ``variant`` is the variant's name within its model, without the target.
    """
    return name_on(f"{model}/{variant}/{gate}", target)


def parsed(text: str) -> CaseId:
    """Return the parts of a case's id; those that it lacks are empty."""
    model, _, rest = text.partition("/")
    variant, _, gate = rest.rpartition("/")
    if OWN_TEST in gate:  # its parameters may have an ``@``
        return CaseId(model, variant, gate)
    gate, _, target = gate.partition("@")
    return CaseId(model, name_on(variant, target or LOCAL), gate, target or LOCAL)
