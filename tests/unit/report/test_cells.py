from __future__ import annotations

from dataclasses import replace

import msgspec

from edgeq.judge.verdict import Verdict
from edgeq.measure.figures import Figure
from edgeq.record.measured import RecordedFigures, RecordedMemory
from edgeq.record.structs import VariantRecord
from edgeq.report import words
from edgeq.report.cells import HEADINGS, Cell, Limit, cells, headings
from edgeq.report.view import view
from tests.unit.report import records
from tests.unit.report.test_figures_view import PRECISION


def row(name: str) -> dict[str, str]:
    model = records.full_record().models[0]
    one = next(v for v in model.variants if v.name == name)
    return {key: _text(cell) for key, cell in cells(model, one, is_baseline=False).items()}


def _text(cell: Cell) -> str:
    shown = f"{cell.text} [{'; '.join(cell.details)}]" if cell.details else cell.text
    return shown.replace("\u00a0", " ").replace("\u2212", "-").replace("\u00d7", "x")


def test_a_variant_that_was_measured() -> None:
    assert row("float16") == {
        "size": "14.4 MB [gzip 11.8 MB]",
        "reduction": "49.5 %",
        "agreement": "100 % [98.0 to 100 %]",
        "accuracy": "94.6 % [92.6 to 96.6 %; 0 points lost]",
        "latency": "1.01x [0.99 to 1.04x; 18.1 ms]",
        "memory": "93 MB [adds 41 MB]",
    }


def test_memory_that_grows_counts_to_its_peak() -> None:
    memory = RecordedMemory(before=50_000_000, peak=60_000_000, grown=500_000_000)
    one = VariantRecord(name="leak", method="int8", memory=memory)
    model = records.full_record().models[0]
    shown = cells(model, one, is_baseline=False)["memory"]
    assert _text(shown) == "560 MB [adds 10 MB; grows by 500 MB]"
    assert shown.order == 560_000_000


def test_what_was_not_measured_says_so() -> None:
    assert row("int8@tensorflow")["accuracy"] == "not measured"
    assert row("int8@tensorflow")["memory"] == "not measured"
    assert set(row(records.HOSTILE).values()) == {"not measured"}


def test_the_baseline_takes_its_numbers_from_what_ran_beside_it() -> None:
    model = records.full_record().models[0]
    found = cells(model, model.baseline, is_baseline=True)
    assert _text(found["latency"]) == "1 [18.0 ms]"
    assert _text(found["accuracy"]) == "94.6 % [92.6 to 96.6 %]"
    assert found["memory"].absent


def test_no_reduction_without_a_baseline_size() -> None:
    lost = VariantRecord(name="baseline", method="float", error="can't be exported")
    record = records.record((records.variant("int8", 100),), (), baseline=lost)
    model = record.models[0]
    found = cells(model, model.variants[0], is_baseline=False)
    assert found["reduction"].absent
    assert set(found) == set(HEADINGS)


def test_limits_stand_under_their_numbers_with_their_verdicts() -> None:
    record = records.full_record()
    model = record.models[0]
    one = next(v for v in model.variants if v.name == "weight_only_int4")
    found = cells(model, one, record.verdicts(model.name, one.name), is_baseline=False)
    [limit] = found["agreement"].limits
    assert (limit.mark.word, _text(Cell(limit.text))) == ("FAIL", "at least 92 %")
    assert found["size"].limits == ()
    assert found["agreement"].order == 0.506


def test_a_second_limit_of_a_column_says_what_it_is_about() -> None:
    record = records.full_record()
    model = record.models[0]
    one = next(v for v in model.variants if v.name == "weight_only_int4")
    verdicts = record.verdicts(model.name, one.name)
    agreement = next(case for case in verdicts if case.gate == "top1_agreement")
    error = msgspec.structs.replace(
        agreement, gate="relative_error", unit="ratio", limit=0.5, value=0.9
    )
    found = cells(model, one, (*verdicts, error), is_baseline=False)
    texts = [_text(Cell(limit.text)) for limit in found["agreement"].limits]
    assert texts == ["at least 92 %", "relative error at most 0.5"]


def test_what_was_not_measured_has_no_place_in_an_order() -> None:
    model = records.full_record().models[0]
    lost = next(v for v in model.variants if v.name == records.HOSTILE)
    assert {c.order for c in cells(model, lost, is_baseline=False).values()} == {None}


def test_a_detector_has_its_mean_precision_where_others_have_accuracy() -> None:
    detector = records.variant("int8", 900, precision=PRECISION)
    record = records.record((detector,), records.passing("int8"))
    model = record.models[0]
    own = cells(model, detector, is_baseline=False)["accuracy"]
    assert _text(own) == "mAP 38.0 % [30.0 to 45.0 %; 2.0 points lost]"
    baseline = cells(model, model.baseline, is_baseline=True)["accuracy"]
    assert _text(baseline) == "mAP 40.0 % [30.0 to 45.0 %]"
    gist = view(record).models[0].variants[0].gist
    assert [text.replace("\u00a0", " ") for text in gist if "mAP" in text] == ["mAP 38.0 %"]
    assert not any("top-1" in text for text in gist)


def test_a_variant_may_be_larger_than_its_baseline() -> None:
    whole = records.record((), ()).models[0].baseline.bytes
    assert whole is not None
    larger = records.variant("int8", whole * 5 // 4)
    record = records.record((larger,), records.passing("int8"))
    size, *_ = view(record).models[0].variants[0].gist
    assert size.replace("\u00a0", " ") == "25.0 % larger"


def test_a_heading_says_top_1_only_of_what_is() -> None:
    others = {name: Cell("1") for name in HEADINGS}
    classes = others | {"agreement": Cell("98 %"), "accuracy": Cell("94 %")}
    boxes = others | {
        "agreement": Cell("box recall 97 %", names_measure=True),
        "accuracy": Cell("mAP 30 %", names_measure=True),
    }
    absent = Cell(words.ABSENT, absent=True)
    unknown = others | {"agreement": Cell(words.NONE), "accuracy": absent}
    assert headings([classes, unknown]) == HEADINGS
    of_detectors = headings([boxes, unknown])
    assert (of_detectors["agreement"], of_detectors["accuracy"]) == ("Agreement", "Accuracy")
    assert headings([boxes, classes])["agreement"] == "Agreement (top-1 unless named)"
    assert list(of_detectors) == list(HEADINGS)
    limited = replace(absent, limits=(Limit(words.VERDICTS[Verdict.MISSING], "at most 1 %"),))
    assert headings([boxes | {"accuracy": limited}])["accuracy"] == "Accuracy"


def test_a_column_without_a_number_or_a_limit_is_left_out() -> None:
    full = {name: Cell("1") for name in HEADINGS}
    absent = Cell(words.ABSENT, absent=True)
    rows = [full | {"agreement": Cell(words.NONE), "memory": absent}, full | {"memory": absent}]
    assert list(headings(rows)) == [name for name in HEADINGS if name != "memory"]
    assert list(headings(rows[:1])) == ["size", "reduction", "accuracy", "latency"]


def test_the_limit_of_a_task_s_figure_comes_first_and_others_are_named() -> None:
    drop = Figure(name="psnr_drop", value=0.04, interval=(0.0, 0.1), text="PSNR", images=9)
    psnr = Figure(name="psnr", value=42.0, interval=(40.0, 44.0), text="mean PSNR", images=9)
    figures = RecordedFigures(images=9, confidence=0.95, figures=(psnr, drop))
    one = records.variant("int8", 900, figures=figures, agreement=None, accuracy=None)
    cases = tuple(
        msgspec.structs.replace(
            records.case("int8", "top1_agreement"), gate=gate, unit="ratio", limit=limit
        )
        for gate, limit in (("relative_error", 0.5), ("psnr", 25.0), ("psnr_drop", 1.0))
    )
    model = records.record((one,), cases).models[0]
    shown = cells(model, one, cases, is_baseline=False)
    assert _text(shown["agreement"]) == "PSNR 42.0 dB [40.0 to 44.0 dB]"
    assert [_text(Cell(limit.text)) for limit in shown["agreement"].limits] == [
        "at least 25 dB",
        "relative error at most 0.5",
    ]
    assert _text(shown["accuracy"]).startswith("PSNR drop 0.0 dB")
