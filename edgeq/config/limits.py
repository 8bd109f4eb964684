"""Limits for one variant, in order of precedence: itself, its method, every variant, presets."""

from __future__ import annotations

from edgeq.config.gate import default_limits
from edgeq.config.gates import GATES
from edgeq.config.measures import measure_limits, measure_of
from edgeq.config.methods import METHODS
from edgeq.config.presets import DEFAULT_LIMITS, UNCLAIMED_LIMITS
from edgeq.config.structs import Limits, Spec
from edgeq.config.target_kinds import LOCAL


def limits_for(spec: Spec, variant: str, method: str | None, *, model: str | None = None) -> Limits:
    """Return the limits that apply to a variant, by gate.

    ``method`` is None for a ready-made variant that claims none. The model's own measures set
    limits too.
    """
    limits: Limits = {} if model is None else measure_limits(spec, model)
    if spec.default_gates:
        limits |= UNCLAIMED_LIMITS if method is None else DEFAULT_LIMITS.get(method, {})
        limits |= {} if method is None else METHODS.get(method).limits
        elsewhere = any(name != LOCAL for name in spec.targets.use)
        rows = {name: gate for name, gate in GATES if elsewhere or not gate.elsewhere}
        limits |= default_limits(rows, method)
    scopes = ["", *([method] if method else []), *([variant] if variant != method else [])]
    for scope in scopes:
        limits |= spec.gates.limits(scope)
        for gate in spec.gates.off.get(scope, ()):
            limits.pop(gate, None)
    return {
        name: limit
        for name, limit in limits.items()
        if _is_asked(spec, name) and _has_measure(spec, name, model)
    }


def _has_measure(spec: Spec, gate: str, model: str | None) -> bool:
    """Return whether a model has the measure that a gate is about; True for all other gates."""
    if model is None or not GATES.get(gate).declared:
        return True
    return measure_of(gate) in spec.models[model].measures


def _is_asked(spec: Spec, gate: str) -> bool:
    """Return whether the spec includes gates of this kind; proofs and predictions always count."""
    return GATES.get(gate).marker not in spec.without


def asked_for(spec: Spec, variant: str, method: str | None) -> frozenset[str]:
    """Return the gates whose limit for a variant the spec itself sets, as opposed to a preset."""
    own = (spec.gates.limits(scope) for scope in ("", method or "", variant))
    declared = (name for name, gate in GATES if gate.declared)
    return frozenset(declared).union(*own)
