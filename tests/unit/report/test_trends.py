from __future__ import annotations

import msgspec
import numpy as np

from edgeq.history.accept import Signature, accept, select
from edgeq.history.accepted import Accepted
from edgeq.history.past import PastRun, past_run
from edgeq.judge.verdict import Verdict
from edgeq.measure.rows import pack
from edgeq.report.trends import HEIGHT, WIDTH, Trend, trends
from tests.unit.history.figures import IMAGES, case, run


def runs(*values: float | None, **given: object) -> list[PastRun]:
    """Return runs of one case with these values, one a day; None stands for MISSING."""
    found = []
    for day, value in enumerate(values, 1):
        one = (
            case("max_bytes", Verdict.MISSING)
            if value is None
            else case("max_bytes", value=value, limit=150.0)
        )
        record = msgspec.structs.replace(
            run(one, **given),  # type: ignore[arg-type]
            started=f"2026-01-{day:02}T00:00:00+00:00",
        )
        found.append(past_run(record))
    return found


def only(found: list[PastRun], accepted: tuple[Accepted, ...] = ()) -> Trend:
    ((trend,),) = (one.trends for one in trends(found, accepted))
    return trend


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]


def test_one_run_has_no_trend() -> None:
    assert trends(runs(100.0)) == ()


def test_a_figure_is_drawn_from_the_oldest_to_the_latest() -> None:
    trend = only(runs(100.0, 120.0, 110.0))
    (line,) = (points(one) for one in trend.lines)
    assert [x for x, _ in line] == sorted({x for x, _ in line})
    heights = [y for _, y in line]
    assert heights[1] < heights[2] < heights[0]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line)
    assert (trend.dots[-1].x, trend.dots[-1].y) == line[-1]
    assert trend.now == "110\u00a0bytes"
    assert trend.spread.endswith("in 3 runs")
    assert trend.limit_y is None or 0 <= trend.limit_y <= HEIGHT


def test_equal_values_are_a_straight_line() -> None:
    trend = only(runs(100.0, 100.0))
    assert len({y for _, y in points(trend.lines[0])}) == 1
    assert trend.spread == "always 100\u00a0bytes in 2 runs"


def test_the_axis_has_days_or_the_times_of_one_day() -> None:
    (days,) = trends(runs(100.0, 110.0))
    assert (days.first, days.last) == ("01-01", "01-02")
    moments = [
        msgspec.structs.replace(run(case("max_bytes", value=1.0)), started=f"2026-01-01T{at}:00Z")
        for at in ("09:30", "17:05")
    ]
    (times,) = trends([past_run(record) for record in moments])
    assert (times.first, times.last) == ("09:30", "17:05")


def test_variants_that_fail_come_first_and_then_those_that_moved() -> None:
    cases = [
        case("max_bytes", status, method=name, value=100.0, limit=150.0)
        for name, status in (
            ("float16", Verdict.PASS),
            ("int8", Verdict.FAIL),
            ("vendor", Verdict.PASS),
        )
    ]
    record = run(*cases)
    (model,) = record.models
    variants = tuple(msgspec.structs.replace(model.variants[0], name=one.variant) for one in cases)
    model = msgspec.structs.replace(model, variants=variants)
    record = msgspec.structs.replace(record, models=(model,))
    grown = tuple(
        msgspec.structs.replace(one, value=101.0) if one.variant == "vendor" else one
        for one in record.cases
    )
    again = msgspec.structs.replace(record, started="2026-11-29T00:00:00Z", cases=grown)
    variants_in_order = [one.variant for one in trends([past_run(record), past_run(again)])]
    assert variants_in_order == ["int8", "vendor", "float16"]


def test_a_run_without_the_figure_is_passed_over_and_the_latest_must_have_it() -> None:
    assert len(points(only(runs(100.0, None, 110.0)).lines[0])) == 2
    assert trends(runs(100.0, 110.0, None)) == ()


def test_what_cant_be_compared_is_not_joined() -> None:
    before = [case("max_latency_ms", value=5.0), case("max_latency_ms", value=5.1)]
    records = [run(before[0]), run(before[1]), run(before[0], machine={"processor": "B"})]
    found = [
        past_run(msgspec.structs.replace(one, started=f"2026-01-0{day}T00:00:00+00:00"))
        for day, one in enumerate(records, 1)
    ]
    trend = only(found)
    assert [len(points(line)) for line in trend.lines] == [2]
    assert trend.dots[-1].x > points(trend.lines[0])[-1][0]


def test_the_accepted_run_and_failures_are_marked() -> None:
    record = msgspec.structs.replace(
        run(case("max_bytes", value=100.0)), started="2026-01-01T00:00:00+00:00"
    )
    signature = Signature(reason="so", date="2026-01-01", commit=None)
    (held,) = accept(record, {}, select(""), signature).records.values()
    assert held is not None
    failed = run(case("max_bytes", Verdict.FAIL, value=130.0, limit=120.0))
    late = msgspec.structs.replace(failed, started="2026-01-03T00:00:00+00:00")
    trend = only([*runs(100.0, 110.0), past_run(late)], (held,))
    assert [dot.kind for dot in trend.dots] == ["failed", "accepted", "now"]
    assert trend.dots[1].x == points(trend.lines[0])[0][0]
    assert trend.accepted_y == points(trend.lines[0])[0][1]
    assert "accepted 100\u00a0bytes" in trend.description
    assert "failed in 1 run" in trend.description


def test_the_axis_ends_at_the_values_and_the_limit() -> None:
    (one,) = trends(runs(100.0, 120.0))
    (trend,) = one.trends
    assert [tick.text for tick in trend.ticks] == ["100\u00a0bytes", "150\u00a0bytes"]
    assert trend.ticks[0].at > trend.ticks[1].at
    assert (one.first, one.last) == ("01-01", "01-02")


def test_accuracy_is_followed_if_the_predictions_are_kept() -> None:
    shares = (0.75, 0.5)
    found = []
    for day, share in enumerate(shares, 1):
        record = run(case("max_bytes", value=100.0))
        model = record.models[0]
        right = pack(np.arange(IMAGES) < share * IMAGES)
        variant = msgspec.structs.replace(model.variants[0], right=right)
        model = msgspec.structs.replace(model, variants=(variant,))
        started = f"2026-01-0{day}T00:00:00+00:00"
        found.append(past_run(msgspec.structs.replace(record, models=(model,), started=started)))
    (one,) = trends(found)
    accuracy = one.trends[-1]
    assert (accuracy.title, accuracy.now) == ("top-1 accuracy", "50.0\u00a0%")
    assert accuracy.spread == "50.0\u00a0% to 75.0\u00a0% in 2 runs"


def test_a_proof_has_no_trend() -> None:
    assert trends([past_run(run(case("made"))), past_run(run(case("made")))]) == ()
