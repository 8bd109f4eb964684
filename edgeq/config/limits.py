"""The limits that hold for one variant: presets, then every, then its method, then itself."""

from __future__ import annotations

from edgeq.config.gate import default_limits
from edgeq.config.gates import GATES
from edgeq.config.methods import METHODS
from edgeq.config.presets import DEFAULT_LIMITS, UNCLAIMED_LIMITS
from edgeq.config.structs import Limits, Spec


def limits_for(spec: Spec, variant: str, method: str | None) -> Limits:
    """Return the limits by gate that hold for a variant.

    Args:
        spec: The spec.
        variant: The variant's name.
        method: Name of its method, None for a ready-made one that claims none.
    """
    limits: Limits = {}
    if spec.default_gates:
        limits |= UNCLAIMED_LIMITS if method is None else DEFAULT_LIMITS.get(method, {})
        limits |= {} if method is None else METHODS.get(method).limits
        limits |= default_limits(dict(GATES), method)
    scopes = ["", *([method] if method else []), *([variant] if variant != method else [])]
    for scope in scopes:
        limits |= spec.gates.limits(scope)
        for gate in spec.gates.off.get(scope, ()):
            limits.pop(gate, None)
    return {name: limit for name, limit in limits.items() if _is_asked(spec, name)}


def _is_asked(spec: Spec, gate: str) -> bool:
    """Return whether the spec asks for a gate of that kind, proofs and predictions always."""
    return GATES.get(gate).marker not in spec.without


def is_asked_for(spec: Spec, gate: str, variant: str, method: str | None) -> bool:
    """Return whether the spec itself sets a limit, rather than a preset.

    Args:
        spec: The spec.
        gate: Name of the gate.
        variant: The variant's name.
        method: Name of its method, None for a ready-made one that claims none.
    """
    return any(gate in spec.gates.limits(scope) for scope in ("", method or "", variant))
