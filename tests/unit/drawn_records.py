"""Records of any content, drawn by the types of their fields."""

from __future__ import annotations

import enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from edgeq.record.challenge import FaultAnswer, summed
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
MOST = 1
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: WHOLE,
    bool: st.booleans(),
    float: NUMBERS,
    NoneType: st.none(),
    Any: JSON,
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def structs(kind: type[msgspec.Struct], **given_: st.SearchStrategy[Any]) -> Any:
    """Return a strategy for a struct: drawn by the types of its fields."""
    drawn = {
        field.name: given_[field.name] if field.name in given_ else _of(field.type)
        for field in msgspec.structs.fields(kind)
        if field.name != "schema"
    }
    return st.builds(kind, **drawn)


def _of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of type
    origin, args = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if origin in {Union, UnionType}:
        return st.one_of(*map(_of, args)).map(_known)
    if origin is Literal:
        return st.sampled_from(args)
    if origin is dict:
        return st.dictionaries(_of(args[0]), _of(args[1]), max_size=MOST)
    if origin is tuple and args[1:] == (...,):
        return st.lists(_of(args[0]), max_size=MOST).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_of, args))
    return st.sampled_from(kind) if issubclass(kind, enum.Enum) else structs(kind)


def _known(value: Any) -> Any:
    """Return None for a section that holds nothing: JSON does not tell it from one that is not."""
    is_section = isinstance(value, msgspec.Struct) and value.__struct_config__.omit_defaults
    return None if is_section and not msgspec.to_builtins(value) else value


def _read(variant: VariantRecord) -> VariantRecord:
    """Return a variant as it is read: a preprocessing in its manifest is its own."""
    stated = None if variant.manifest is None else variant.manifest.preprocessing
    return msgspec.structs.replace(variant, preprocessing=variant.preprocessing or stated)


VARIANTS = structs(VariantRecord).map(_read)
FAULT = FaultAnswer(
    model="net", variant="int8", name="one", place="file", severity="low", verdict="missed"
)
MODELS = structs(ModelRecord, baseline=VARIANTS, variants=st.lists(VARIANTS, max_size=2).map(tuple))
RECORDS: st.SearchStrategy[RunRecord] = structs(
    RunRecord,
    models=st.lists(MODELS, max_size=2).map(tuple),
    cases=st.lists(structs(CaseRecord), max_size=2).map(tuple),
    challenge=st.none() | st.builds(summed, st.just((FAULT,)), st.just(()), started=TEXT),
)
