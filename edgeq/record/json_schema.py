"""The published JSON Schema of the record, generated from the structs.

``python -m edgeq.record.json_schema -`` prints it. In the repository it is a file too, for readers
and for reviews; run the command without ``-`` to regenerate the file after changing a struct. The
descriptions of the fields come from the ``Attributes`` sections of the structs' docstrings.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edgeq.io.files import write_bytes
from edgeq.io.structs import indented
from edgeq.record.structs import (
    MODEL_SECTIONS,
    SCHEMA,
    SECTIONS,
    ModelRecord,
    RunRecord,
    VariantRecord,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = Path(__file__).with_name("run.schema.json")

_ATTRIBUTES = re.compile(r"^Attributes:\n((?:    .*\n|\n)+)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): ((?:.*\n)(?:     .*\n)*)", re.MULTILINE)
_NOTHING = {"type": "object", "maxProperties": 0}


def run_schema() -> bytes:
    """Return the schema of ``run.json`` as indented JSON (draft 2020-12)."""
    document = msgspec.json.schema(RunRecord)
    definitions = document["$defs"]
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    for kind in set(structs_in(msgspec.inspect.type_info(RunRecord))):
        _describe(definitions[kind.__name__], kind)
    for kind, names in ((VariantRecord, SECTIONS), (ModelRecord, MODEL_SECTIONS)):
        for name in names:
            section = definitions[kind.__name__]["properties"][name]
            known = [
                alternative for alternative in section["anyOf"] if alternative != {"type": "null"}
            ]
            section |= {"anyOf": [*known, _NOTHING], "default": {}}
    record = definitions[RunRecord.__name__]
    record["properties"]["schema"] = {"const": SCHEMA}
    record["required"] = ["schema", *record["required"]]
    schema = {"$schema": DIALECT, "title": f"The record of a run, {SCHEMA}", **document}
    return indented(schema)


def meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the description of each field of a struct, from its own and its bases' docstrings."""
    texts: dict[str, str] = {}
    for extended in reversed(kind.__mro__):
        section = _ATTRIBUTES.search(f"{inspect.cleandoc(extended.__doc__ or '')}\n")
        for names, text in _ATTRIBUTE.findall("" if section is None else section[1]):
            texts |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return texts


def _describe(definition: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Add the descriptions of a struct and its fields to its definition."""
    doc = f"{inspect.cleandoc(kind.__doc__ or '')}\n"
    definition["description"] = _ATTRIBUTES.sub("", doc).strip()
    texts = meanings(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in texts:
            definition["properties"][field.encode_name]["description"] = texts[field.name]


def structs_in(info: msgspec.inspect.Type) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a type contains, the outer one first; one may appear several times."""
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
        for field in info.fields:
            yield from structs_in(field.type)
    for name in ("types", "item_types"):
        for inner in getattr(info, name, ()):
            yield from structs_in(inner)
    for name in ("item_type", "key_type", "value_type"):
        if hasattr(info, name):
            yield from structs_in(getattr(info, name))


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.buffer.write(run_schema())
    else:
        write_bytes(FILE, run_schema())
