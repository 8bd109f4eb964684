from __future__ import annotations

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
