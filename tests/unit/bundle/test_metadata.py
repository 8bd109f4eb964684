from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from edgeq.bundle.metadata import describe, portable
from edgeq.bundle.select import MEASURES, select
from edgeq.config.structs import Preprocessing
from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.feeding import Difference, Feeding, OwnSamples
from edgeq.record.ship_decision import answered
from edgeq.record.structs import RunRecord, VariantRecord
from edgeq.tflite.model_file import read_model
from tests.unit.bundle import packages
from tests.unit.report import records


def described(made: packages.Made, record: RunRecord | None = None) -> dict[str, Any]:
    run = made.record if record is None else record
    chosen = next(one for one in select(run, unproven=True)[0] if one.variant.name == "int8")
    found = describe(
        run,
        chosen,
        read_model(made.files[chosen.key]),
        root=made.root,
        labels=packages.LABELS,
    ).metadata
    return dict(json.loads(json.dumps(found)))


def unanswered(record: RunRecord) -> tuple[VariantRecord, ...]:
    """Return the variants of a record's model without the answers that its cases gave."""
    variants = record.models[0].variants
    return tuple(msgspec.structs.replace(variant, answer=None) for variant in variants)


def test_everything_found_is_said(tmp_path: Path) -> None:
    found = described(packages.make(tmp_path))
    assert found["file"]["bytes"] > 0
    assert found["baseline"] == {"bytes": records.BASELINE_BYTES, "sha256": "cd" * 32}
    assert found["size_ratio"] == found["file"]["bytes"] / records.BASELINE_BYTES
    assert found["agreement"]["top1"] == 0.982
    assert found["latency"]["ratio_interval"]
    assert found["verdicts"][0]["status"] == "PASS"
    assert found["toolchain"]["ai-edge-litert"] == "2.3.0"
    assert found["inputs"] == [
        {
            "name": "input",
            "shape": [1, 6, 8, 3],
            "shape_signature": [1, 6, 8, 3],
            "dtype": "int8",
            "scale": 1.0,
            "zero_point": -128,
        }
    ]
    assert found["outputs"][0]["scale"] == 1 / 256


def test_what_was_not_measured_is_named(tmp_path: Path) -> None:
    found = described(packages.make(tmp_path))
    assert found["not_measured"] == ["size", "operators", "accuracy", "figures", "memory"]
    assert [name for name in MEASURES if found[name] is None] == found["not_measured"]


def test_single_images_stay_out(tmp_path: Path) -> None:
    found = described(packages.make(tmp_path))
    assert "flips" not in found["agreement"]
    assert "worst_images" not in found["agreement"]
    assert found["agreement"]["top1_interval"]


def test_what_lets_pass_is_a_warning(tmp_path: Path) -> None:
    made = packages.make(tmp_path)
    cases = (
        *made.record.cases,
        records.case("int8", "accuracy_drop", Verdict.INCONCLUSIVE, reason="either side"),
        records.case("int8", "worst_cosine", Verdict.MISSING, reason="random", declared=True),
    )
    record = records.record(unanswered(made.record), cases)
    assert described(made, record)["warnings"] == [
        "accuracy_drop: INCONCLUSIVE; either side",
        "worst_cosine: MISSING; random",
    ]


def test_what_was_accepted_of_another_feeding_is_a_warning(tmp_path: Path) -> None:
    made = packages.make(tmp_path)
    change = Change(
        id=f"{records.MODEL}/int8/top1_agreement",
        model=records.MODEL,
        method="int8",
        gate="top1_agreement",
        kind=ChangeKind.INCONCLUSIVE,
        reason="the variant is fed otherwise",
    )
    others = (
        msgspec.structs.replace(change, method="float16"),
        msgspec.structs.replace(change, kind=ChangeKind.INCOMPARABLE),
    )
    model = msgspec.structs.replace(made.record.models[0], variants=unanswered(made.record))
    record = answered(
        msgspec.structs.replace(made.record, models=(model,), changes=(change, *others))
    )
    assert described(made, record)["warnings"] == [
        "top1_agreement: inconclusive against the accepted record; the variant is fed otherwise"
    ]


def test_no_absolute_path_and_no_time_of_the_run(tmp_path: Path) -> None:
    made = packages.make(tmp_path)
    text = json.dumps(described(made))
    assert str(tmp_path) not in text
    assert str(records.ROOT) not in text
    assert made.record.started not in text
    found = described(made)
    assert found["made_from"]["calibration"]["source"] == "data/calibration"
    assert found["verdicts"][0]["reason"] == "read from .edgeq/int8.tflite"


def test_portable() -> None:
    root = Path("/home/someone/project")
    assert portable("/home/someone/project/a/b", root) == "a/b"
    assert portable("/other/place/c.tflite", root) == "c.tflite"
    assert portable({"a": ["/other/d", 3, None]}, root) == {"a": ["d", 3, None]}
    assert portable("keras:EfficientNetV2B0", root) == "keras:EfficientNetV2B0"


def test_how_a_variant_is_fed_is_its_own(tmp_path: Path) -> None:
    made = packages.make(tmp_path)
    assert described(made)["feeding"] is None
    own = Preprocessing(filter="nearest", mean=(1.0, 2.0, 3.0))
    feeding = Feeding(
        differences=(Difference(what="filter", variant="nearest", baseline="bicubic"),),
        samples=OwnSamples(source=str(tmp_path / "camera"), count=9, sha256="ab"),
    )
    model = made.record.models[0]
    variants = tuple(
        msgspec.structs.replace(one, preprocessing=own, feeding=feeding) for one in model.variants
    )
    models = (msgspec.structs.replace(model, variants=variants),)
    found = described(made, msgspec.structs.replace(made.record, models=models))
    assert found["preprocessing"]["filter"] == "nearest"
    assert found["preprocessing"]["mean"] == [1.0, 2.0, 3.0]
    assert found["preprocessing"]["steps"][-4].endswith("NEAREST")
    assert found["feeding"]["sentence"] == (
        "on samples of its own: 9 photographs of camera; fed otherwise than the baseline: filter "
        "nearest, baseline bicubic"
    )
    assert found["feeding"]["samples"] == {"source": "camera", "count": 9, "sha256": "ab"}


def test_a_model_that_takes_arrays_has_no_preprocessing(tmp_path: Path) -> None:
    made = packages.make(tmp_path)
    (model,) = made.record.models
    arrays = msgspec.structs.replace(model, arrays=True, preprocessing=None)
    record = msgspec.structs.replace(made.record, models=(arrays,))
    assert described(made, record)["preprocessing"] is None
