"""The start of a run as stored in records: ISO 8601 in UTC, to the microsecond. Pure.

Records of earlier versions store whole seconds. Times are compared as times, never as text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edgeq.errors import RecordError


def moment_text(moment: datetime) -> str:
    """Return a time as records store it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str, *, where: str | Path | None = None) -> datetime:
    """Parse a time from a record, of any resolution; without an offset it is UTC.

    Raises:
        RecordError: The text is not a time.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RecordError(
            f"the run's start {text!r} is not a time",
            where=where,
            remedy="Write it as in 2026-01-31T12:00:00+00:00",
        ) from error
