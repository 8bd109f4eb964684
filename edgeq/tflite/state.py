"""Operators that make outputs or times depend on conditions, earlier inputs or chance."""

from __future__ import annotations

from edgeq.tflite.model_file import ModelFile

_NAMES = frozenset(
    {"WHILE", "IF", "CALL", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}
    | {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "HASHTABLE"}
    | {"HASHTABLE_IMPORT", "HASHTABLE_LOOKUP", "STABLEHLO_WHILE"}
    | {"STABLEHLO_CASE", "STABLEHLO_RNG_BIT_GENERATOR", "STABLEHLO_COMPOSITE"}
)


def unsettled(model: ModelFile) -> tuple[str, ...]:
    """Return the sorted names of a file's conditional, stateful and random operators."""
    return tuple(sorted(model.operator_names & _NAMES))
