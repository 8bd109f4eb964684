from __future__ import annotations

import runpy
import sys
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from edgeq.record import json_schema
from edgeq.record import structs as records
from edgeq.record.structs import RunRecord
from tests.unit.history.figures import run
from tests.unit.report.records import full_record, record


def kept() -> Any:
    return msgspec.json.decode(json_schema.FILE.read_bytes())


def told(of: RunRecord) -> Any:
    return msgspec.json.decode(records.to_json(of))


def test_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "argv", ["json_schema", "-"])
    runpy.run_path(json_schema.__file__, run_name="__main__")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == json_schema.FILE.read_bytes()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(kept())


@pytest.mark.parametrize("one", [full_record(), run(), record((), ())])
def test_records_are_valid(one: RunRecord) -> None:
    Draft202012Validator(kept()).validate(told(one))


@pytest.mark.parametrize(
    ("key", "value"), [("schema", "edgeq.run/9"), ("cases", [{"id": "a"}]), ("duration_s", "long")]
)
def test_what_is_no_record_is_refused(key: str, value: object) -> None:
    assert not Draft202012Validator(kept()).is_valid({**told(run()), key: value})


def test_a_record_without_a_schema_is_refused() -> None:
    bare = told(run())
    del bare["schema"]
    assert not Draft202012Validator(kept()).is_valid(bare)


def is_number(schema: Any) -> bool:
    """Return whether a property holds numbers, itself or in a list or table."""
    if schema.get("type") in {"number", "integer"}:
        return True
    inner = [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if schema.get(key)]
    return any(is_number(one) for one in inner if isinstance(one, dict))


def test_every_number_is_described() -> None:
    described = {
        f"{kind}.{name}": schema.get("description", "")
        for kind, definition in kept()["$defs"].items()
        for name, schema in definition.get("properties", {}).items()
        if is_number(schema)
    }
    assert len(described) > 150
    assert [name for name, text in described.items() if not text.endswith(".")] == []
    beside = ("Its ", "The same", "Of ", "How many")  # what says nothing by itself
    assert [name for name, text in described.items() if text.startswith(beside)] == []
    assert "higher is better" in described["Rate.value"]
    assert described["RecordedMemory.peak"].startswith("Most bytes")


def test_no_table_of_the_record_is_open_but_what_others_fill() -> None:
    open_ = {
        f"{kind}.{name}"
        for kind, definition in kept()["$defs"].items()
        for name, schema in definition.get("properties", {}).items()
        for one in (schema, *schema.get("anyOf", ()))
        if one.get("type") == "object"
        and not one.get("additionalProperties")
        and "maxProperties" not in one
    }
    assert open_ == {"CaseRecord.evidence", "Manifest.parameters"}


def test_a_section_that_was_not_measured_is_an_empty_object() -> None:
    plain = told(run())
    assert plain["models"][0]["baseline"]["agreement"] == {}
    plain["models"][0]["baseline"]["agreement"] = {"top1": 1.0}
    assert not Draft202012Validator(kept()).is_valid(plain)
