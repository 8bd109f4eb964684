"""The published JSON Schema of the record: made from the structs, kept as a file of the package.

``python -m edgeq.record.json_schema`` rewrites the file after a struct has changed.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec

from edgeq.io.files import write_bytes
from edgeq.record.structs import SCHEMA, RunRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = Path(__file__).with_name("run.schema.json")


def run_schema() -> bytes:
    """Return the schema of ``run.json`` as indented JSON (draft 2020-12)."""
    found = msgspec.json.schema(RunRecord, schema_hook=_anything)
    for definition in found["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    record = found["$defs"][RunRecord.__name__]
    record["properties"]["schema"] = {"const": SCHEMA}
    record["required"] = ["schema", *record["required"]]
    schema = {"$schema": DIALECT, "title": f"The record of a run, {SCHEMA}", **found}
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def _anything(_: type) -> dict[str, object]:
    """Return the schema of ``object``: facts hold whatever was measured."""
    return {"description": "Whatever was measured"}


if __name__ == "__main__":
    write_bytes(FILE, run_schema())
