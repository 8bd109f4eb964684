"""The record as JSON inside a page, so that it can be read from the page alone. Pure.

A large record is packed, so that a browser opens the page of a run with many models at once. The
JSON is then ``{"packed": "gzip+base64", "record": "..."}``.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from pathlib import Path

import msgspec

from edgeq.errors import RecordError
from edgeq.io import structs
from edgeq.record.structs import RunRecord, from_json, to_json

PLAIN_BYTES = 1_000_000
"""Maximum length of a record in bytes that is not packed."""

PACKED = "gzip+base64"
_MAX_BYTES = 500_000_000
_GZIP = 16 + zlib.MAX_WBITS

_UNSAFE_IN_SCRIPT = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
MAX_PAGE_BYTES = 500_000_000
"""Maximum size of a page with its pictures, in bytes."""
_EMBEDDED = re.compile(r'<script type="application/json" id="record">(.*?)</script>', re.DOTALL)


class Packed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A packed record."""

    packed: str
    record: str


def carried(record: RunRecord) -> str:
    """Return the record as JSON that is safe in a script element of a page.

    Raises:
        RecordError: A number of the record is not finite.
    """
    data = msgspec.json.format(to_json(record), indent=-1)
    if len(data) > PLAIN_BYTES:
        packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
        data = msgspec.json.encode(Packed(packed=PACKED, record=packed))
    return script_safe(data.decode())


def script_safe(json: str) -> str:
    """Return JSON in which no HTML parser can find the end of a script or a comment."""
    for sign, escaped in _UNSAFE_IN_SCRIPT.items():
        json = json.replace(sign, escaped)
    return json


def embedded_record(page: str, *, where: str | Path | None = None) -> RunRecord:
    """Return the record embedded in a page.

    Raises:
        RecordError: The page holds no record, or a damaged one.
    """
    match = _EMBEDDED.search(page)
    if match is None:
        raise RecordError(
            "holds no record", where=where, remedy="Name a run.json, or a report.html of edgeq"
        )
    data = match[1].encode()
    try:
        packed = structs.from_json(data, Packed)
    except msgspec.DecodeError:
        return from_json(data, where=where)
    return from_json(_unpacked(packed, where), where=where)


def _unpacked(packed: Packed, where: str | Path | None) -> bytes:
    reader = zlib.decompressobj(_GZIP)
    try:
        data = reader.decompress(base64.b64decode(packed.record, validate=True), _MAX_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise RecordError(f"holds a damaged record: {error}", where=where) from error
    if packed.packed != PACKED or not reader.eof:
        raise RecordError("holds a record that is damaged or packed unknown", where=where)
    return data
