from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.load import spec_sha256
from edgeq.config.structs import Model, ReadyVariant, Spec
from edgeq.io.files import sha256_bytes
from edgeq.record.provenance import RecordedLabels
from edgeq.record.structs import ModelRecord, RunRecord, VariantRecord, summarize
from edgeq.results.bundling import class_names, is_outdated, variant_files

CONTENT = b"a model"
KEY = "net/int8"


def spec(root: Path, **changes: object) -> Spec:
    values: dict[str, object] = {"models": {"net": Model(source="net.tflite")}, **changes}
    return Spec(root=root, origin="edgeq.toml", **values)  # type: ignore[arg-type]


def record(*, file: str = "", name: str = "int8", labels: str | None = None) -> RunRecord:
    variant = VariantRecord(
        name=name, method="int8", sha256=sha256_bytes(CONTENT), bytes=len(CONTENT), file=file
    )
    model = ModelRecord(
        name="net",
        source="net.tflite",
        trained=True,
        baseline=VariantRecord(name="baseline", method="float"),
        variants=(variant, VariantRecord(name="never-made", method="int8", error="failed")),
        labels=None if labels is None else RecordedLabels(name=labels, count=2),
    )
    return RunRecord(
        edgeq="0.1.0",
        started="2026-11-23T00:00:00+00:00",
        duration_s=1.0,
        spec_sha256="",
        models=(model,),
        summary=summarize((), ()),
    )


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_file_is_where_the_record_says(tmp_path: Path) -> None:
    file = put(tmp_path / "made" / "model.tflite")
    assert variant_files(record(file="made/model.tflite"), spec(tmp_path)) == {KEY: file}


def test_a_ready_made_file_outside_the_root_is_where_the_spec_says(tmp_path: Path) -> None:
    file = put(tmp_path / "elsewhere" / "vendor.tflite")
    ready = {"vendor": ReadyVariant(model="net", file=str(file))}
    found = variant_files(
        record(file="vendor.tflite", name="vendor"), spec(tmp_path / "root", variants=ready)
    )
    assert found == {"net/vendor": file}


def test_a_file_is_found_in_the_store_by_its_content(tmp_path: Path) -> None:
    put(tmp_path / "store" / "variants" / "a" / "model.tflite", b"another")
    put(tmp_path / "store" / "variants" / "b" / "model.tflite", b"A MODEL")
    file = put(tmp_path / "store" / "variants" / "c" / "model.tflite")
    kept = spec(tmp_path / "root", store=str(tmp_path / "store"))
    assert variant_files(record(file="model.tflite"), kept) == {KEY: file}


def test_the_judged_file_in_the_store_goes_before_a_changed_one(tmp_path: Path) -> None:
    changed = put(tmp_path / "made" / "model.tflite", b"changed")
    assert variant_files(record(file="made/model.tflite"), spec(tmp_path)) == {KEY: changed}
    judged = put(tmp_path / ".edgeq" / "variants" / "a" / "model.tflite")
    assert variant_files(record(file="made/model.tflite"), spec(tmp_path)) == {KEY: judged}


def test_a_file_that_is_gone_is_left_out(tmp_path: Path) -> None:
    assert variant_files(record(file="made/model.tflite"), spec(tmp_path)) == {}


def test_labels_are_the_models_and_a_ready_made_variants_own(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n", encoding="utf-8")
    (tmp_path / "own.txt").write_text("background\nkatze\nhund\n", encoding="utf-8")
    ready = {"vendor": ReadyVariant(model="net", file="v.tflite", labels="own.txt")}
    found = record(name="vendor", labels="names.txt")
    assert class_names(found, spec(tmp_path, variants=ready)) == {
        "net": ("cat", "dog"),
        "net/vendor": ("katze", "hund"),
    }


def test_a_model_without_labels_has_none(tmp_path: Path) -> None:
    assert class_names(record(), spec(tmp_path)) == {}


@pytest.mark.parametrize("confidence", [0.95, 0.9])
def test_a_record_of_another_spec_is_outdated(tmp_path: Path, confidence: float) -> None:
    judged = RunRecord(
        edgeq="0.1.0",
        started="",
        duration_s=1.0,
        spec_sha256=spec_sha256(spec(tmp_path)),
        summary=summarize((), ()),
    )
    assert is_outdated(judged, spec(tmp_path, confidence=confidence)) is (confidence != 0.95)
