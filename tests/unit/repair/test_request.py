from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.config.load import parse
from edgeq.config.structs import Spec
from edgeq.errors import SpecError
from edgeq.repair.request import Request, of_variant


def spec(**variant: str) -> Spec:
    table: dict[str, Any] = {
        "methods": [],
        "models": {"net": {"source": "net.tflite"}, "other": {"source": "other.tflite"}},
        "variants": {"theirs": {"model": "net", "file": "theirs.tflite", **variant}},
    }
    return parse(table, root=Path(), origin=Path("edgeq.toml"))


def test_next_to_calibrated_ranges_no_other_calibrated_precision_is_tried() -> None:
    assert Request(start="int8_float_io").precisions == (
        "int8",
        "weight_only_int8",
        "weight_only_int4",
        "float16",
    )
    assert "int8" not in Request(start="int16x8", aim="latency").precisions
    assert "int8" not in Request().precisions


def test_a_method_with_one_scale_per_layer_becomes_that_with_one_per_channel() -> None:
    request = Request(start="int8_per_tensor")
    assert (request.method, request.base) == ("int8", "int8")


def test_a_ready_made_variant_stands_for_its_method() -> None:
    request = of_variant(Request(start="theirs"), spec(method="int8"), "net")
    assert (request.start, request.variant) == ("int8", "theirs")
    plain = Request(start="int8")
    assert of_variant(plain, spec(method="int8"), "net") == plain


def test_a_variant_that_claims_no_method_is_refused() -> None:
    with pytest.raises(SpecError, match="theirs claims no method"):
        of_variant(Request(start="theirs"), spec(), "net")


def test_a_variant_of_another_model_is_refused() -> None:
    with pytest.raises(SpecError, match="theirs is a variant of net, not of other"):
        of_variant(Request(start="theirs"), spec(method="int8"), "other")
