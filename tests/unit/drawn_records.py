"""Records of any content, drawn by the types of their fields."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.measure.tensors import Fit, Steps
from edgeq.record.challenge import FaultAnswer, summed
from edgeq.record.change import Change, ChangeKind, Previous
from edgeq.record.feeding import Difference, Feeding, OwnSamples
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, Summary, VariantRecord
from edgeq.record.thumbnails import Picture, Sheet

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
FACTS = st.dictionaries(TEXT, JSON, max_size=3)


def structs(kind: type[msgspec.Struct], **given_: st.SearchStrategy[Any]) -> Any:
    """Return a strategy for a struct: drawn by the types of its fields."""
    fields = {f.name: f for f in msgspec.structs.fields(kind)}
    drawn = {
        name: given_[name] if name in given_ else _of(field.type)
        for name, field in fields.items()
        if name != "schema"
    }
    return st.builds(kind, **drawn)


def _of(kind: Any) -> st.SearchStrategy[Any]:
    known: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXT,
        int: WHOLE,
        bool: st.booleans(),
        float: NUMBERS,
        str | None: st.none() | TEXT,
        float | None: st.none() | NUMBERS,
        tuple[float, float] | None: st.none() | st.tuples(NUMBERS, NUMBERS),
        tuple[Picture, ...]: st.lists(st.builds(Picture, image=WHOLE, sha256=TEXT), max_size=2).map(
            tuple
        ),
        tuple[Sheet, ...]: st.lists(SHEETS, max_size=2).map(tuple),
        tuple[Fit, ...]: st.lists(FITS, max_size=2).map(tuple),
        Feeding | None: st.none() | FEEDINGS,
        tuple[str, ...]: st.lists(TEXT, max_size=2).map(tuple),
        Verdict: st.sampled_from(Verdict),
        ShipDecision | None: st.none() | st.sampled_from(ShipDecision),
        ChangeKind: st.sampled_from(ChangeKind),
        dict[str, object]: FACTS,
    }
    return known[kind]


SHEETS = st.builds(
    Sheet,
    role=TEXT,
    images=WHOLE,
    places=st.lists(WHOLE, max_size=2).map(tuple),
    columns=WHOLE,
    tile=st.tuples(WHOLE, WHOLE),
    sha256=TEXT,
)
FITS = st.builds(
    Fit,
    output=WHOLE,
    name=TEXT,
    shape=st.lists(WHOLE, max_size=2).map(tuple),
    images=WHOLE,
    confidence=NUMBERS,
    nonfinite_images=WHOLE,
    baseline_nonfinite_images=WHOLE,
    constant=st.booleans(),
    baseline_constant=st.booleans(),
    error=st.none() | NUMBERS,
    error_interval=st.none() | st.tuples(NUMBERS, NUMBERS),
    steps=st.none() | st.builds(Steps, step=NUMBERS, whole=NUMBERS),
)
FEEDINGS = st.builds(
    Feeding,
    differences=st.lists(
        st.builds(Difference, what=TEXT, variant=TEXT, baseline=TEXT), max_size=2
    ).map(tuple),
    samples=st.none() | st.builds(OwnSamples, source=TEXT, count=WHOLE, sha256=TEXT),
    normalizes=st.booleans(),
)
VARIANTS = structs(VariantRecord)
FAULT = FaultAnswer(
    model="net", variant="int8", name="one", place="file", severity="low", verdict="missed"
)
MODELS = structs(ModelRecord, baseline=VARIANTS, variants=st.lists(VARIANTS, max_size=2).map(tuple))
RECORDS: st.SearchStrategy[RunRecord] = structs(
    RunRecord,
    models=st.lists(MODELS, max_size=2).map(tuple),
    cases=st.lists(structs(CaseRecord), max_size=2).map(tuple),
    changes=st.lists(structs(Change), max_size=2).map(tuple),
    previous=st.none()
    | structs(Previous, changes=st.lists(structs(Change), max_size=2).map(tuple)),
    challenge=st.none() | st.builds(summed, st.just((FAULT,)), st.just(()), started=TEXT),
    summary=structs(Summary),
)
