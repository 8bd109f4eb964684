"""The cases as comma-separated values, for spreadsheets and data frames. Pure.

Texts can't become formulas. A spreadsheet recognizes a formula by its first character, so texts
that begin with such a character are prefixed with an apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io

from edgeq.record.change import Change
from edgeq.record.structs import CaseRecord, RunRecord
from edgeq.words.escape import printable

COLUMNS = (
    "id",
    "model",
    "variant",
    "gate",
    "target",
    "status",
    "value",
    "limit",
    "unit",
    "interval_low",
    "interval_high",
    "declared_missing",
    "change_since_accepted",
    "accepted_value",
    "reason",
    "cause",
    "next_step",
    "as_of",
)

_BEGINS_A_FORMULA = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 - the wide signs count as well


def render(record: RunRecord) -> str:
    """Return a line of headings and one line per case, with CRLF line ends as in RFC 4180."""
    changes = {change.id: change for change in record.changes}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for case in record.cases:
        writer.writerow(_row(case, changes.get(case.id)))
    return text.getvalue()


def inert(text: str) -> str:
    """Return a text on one line that no spreadsheet treats as a formula."""
    plain = printable(text)
    return f"'{plain}" if plain.startswith(_BEGINS_A_FORMULA) else plain


def _row(case: CaseRecord, change: Change | None) -> list[str]:
    low, high = case.interval or (None, None)
    return [
        *(inert(text) for text in (case.id, case.model, case.variant, case.gate, case.target)),
        case.status.value,
        _number(case.value),
        _number(case.limit),
        inert(case.unit),
        _number(low),
        _number(high),
        "true" if case.declared_missing else "false",
        "" if change is None else change.kind.value,
        _number(None if change is None else change.before),
        *(inert(text or "") for text in (case.reason, case.cause, case.next_step, case.as_of)),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)
