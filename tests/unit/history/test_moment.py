from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import RecordError
from edgeq.history.moment import moment_of, moment_text
from edgeq.words import utc

ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(MOMENTS)
def test_a_time_comes_back_to_the_microsecond(moment: datetime) -> None:
    assert moment_of(moment_text(moment)) == moment


@given(MOMENTS, MOMENTS)
def test_texts_are_ordered_as_times(one: datetime, other: datetime) -> None:
    assert (moment_text(one) < moment_text(other)) == (one < other)


@given(MOMENTS)
def test_people_see_it_to_the_second(moment: datetime) -> None:
    seen = moment.astimezone(UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    assert utc(moment_text(moment)) == f"{seen} UTC"


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000+00:00"],
)
def test_every_resolution_is_read(text: str) -> None:
    assert moment_of(text) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "2026", "noon", "0001-01-01T00:00:00+01:00"])
def test_what_is_not_a_time_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RecordError, match=r"run\.json: the run's start .* is not a time"):
        moment_of(text, where="run.json")
