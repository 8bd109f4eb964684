from __future__ import annotations

import msgspec
import pytest

from edgeq.errors import RecordError
from edgeq.record.structs import RunRecord
from edgeq.report import embedded_record
from tests.unit.report import records


def page(text: str) -> str:
    return f'<p></p><script type="application/json" id="record">{text}</script>'


def large() -> RunRecord:
    notes = tuple(f"<note> {number}" for number in range(120_000))
    return records.record((), (), notes=notes)


def test_a_small_record_is_readable_as_it_is() -> None:
    record = records.full_record()
    text = embedded_record.carried(record)
    assert "<" not in text
    assert msgspec.json.decode(text)["schema"] == "edgeq.run/2"
    assert embedded_record.embedded_record(page(text)) == record


def test_a_large_record_is_packed_and_the_same() -> None:
    record = large()
    text = embedded_record.carried(record)
    assert len(text) < embedded_record.PLAIN_BYTES / 2
    assert "<" not in text
    assert msgspec.json.decode(text)["packed"] == embedded_record.PACKED
    assert embedded_record.embedded_record(page(text)) == record
    assert embedded_record.carried(record) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"packed": "gzip+base64", "record": "no base64!"}',
        '{"packed": "gzip+base64", "record": "bm8gZ3ppcA=="}',
        '{"packed": "gzip+base64", "record": ""}',
        '{"packed": "zstd", "record": ""}',
        "{}",
        "no JSON",
    ],
)
def test_a_damaged_record_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        embedded_record.embedded_record(page(text), where="report.html")


def test_half_a_record_is_refused() -> None:
    text = embedded_record.carried(large())
    packed = msgspec.json.decode(text)
    packed["record"] = packed["record"][: len(packed["record"]) // 8 * 4]
    with pytest.raises(RecordError, match="damaged"):
        embedded_record.embedded_record(page(msgspec.json.encode(packed).decode()))


def test_a_page_without_a_record_is_refused() -> None:
    with pytest.raises(RecordError, match="holds no record"):
        embedded_record.embedded_record("<p>nothing</p>")
