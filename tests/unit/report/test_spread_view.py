from __future__ import annotations

import msgspec

from edgeq.record.measured import RecordedAgreement
from edgeq.report.spread_view import spreads
from tests.unit.report import records


def measured() -> RecordedAgreement:
    agreement = records.agreement_of(490)
    cosines = tuple(0.3 + 0.007 * k for k in range(101))
    bits = tuple(0.007 * k for k in range(101))
    return msgspec.structs.replace(
        agreement,
        cosine=msgspec.structs.replace(agreement.cosine, percentiles=cosines),
        js_bits=msgspec.structs.replace(agreement.js_bits, percentiles=bits),
    )


def test_an_older_record_has_no_distribution() -> None:
    assert spreads(None) == ()
    assert spreads(records.agreement_of(490)) == ()


def test_the_numbers_go_from_the_closest_to_the_furthest() -> None:
    cosine, bits = spreads(measured())
    assert cosine.numbers == (
        ("Half of the images", "at least 0.65"),
        ("9 of 10", "at least 0.37"),
        ("99 of 100", "at least 0.307"),
        ("the furthest", "0.3"),
    )
    assert bits.numbers[0] == ("Half of the images", "at most 0.35")
    assert "500 images: 0.3 to 1" in cosine.chart.description


def test_worse_is_further_to_the_right_in_both() -> None:
    for one in spreads(measured()):
        [worst] = one.chart.marks
        assert worst > one.chart.bars[0].x
        assert [tick.at for tick in one.chart.ticks] == sorted(t.at for t in one.chart.ticks)
