from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.provenance import Machine
from edgeq.record.ship_decision import answered, overall
from edgeq.record.structs import CaseRecord, RunRecord, TargetRecord, VariantRecord
from edgeq.report import html, markdown, terminal
from edgeq.report.sentences import headline
from edgeq.report.targets_view import TargetsView, targets_view
from edgeq.report.view import view
from tests.unit.report import records

LOCAL = TargetRecord(
    name="local", kind="local", summary="this machine", measures=("predictions", "time")
)
PI = TargetRecord(
    name="pi",
    kind="ssh",
    summary="another machine, over ssh",
    measures=("predictions", "time"),
    kernels="xnnpack",
    machine=Machine(processor="Cortex-A76", cores=4, architecture="aarch64"),
    versions={"ai-edge-litert": "2.3.0", "python": "3.11.2"},
    governor="ondemand",
    celsius=84.0,
    warnings=("it is hot (84 °C): the clock may be throttled",),
    not_applicable=("max_peak_memory",),
)
NPU = TargetRecord(
    name="npu", kind="ethos-u", summary="an NPU", measures=("placement",), estimates=True
)
AGREES = ("top1_agreement", Verdict.PASS)


def judged(
    targets: tuple[TargetRecord, ...], verdicts: dict[str, tuple[str, Verdict]]
) -> RunRecord:
    """Return a record of ``int8`` with one case on each target."""
    cases: list[CaseRecord] = []
    variants: list[VariantRecord] = []
    for target, (gate, status) in verdicts.items():
        name = "int8" if target == "local" else f"int8@{target}"
        variants.append(msgspec.structs.replace(records.variant(name, 8_000_000), target=target))
        made = records.case(name, gate, status)
        where = "" if target == "local" else f"@{target}"
        case_id = f"{records.MODEL}/int8/{gate}{where}"
        cases.append(msgspec.structs.replace(made, id=case_id, target=target))
    return answered(records.record(variants, cases, targets=targets))


def shown(record: RunRecord) -> TargetsView:
    found = targets_view(record)
    assert found is not None
    return found


def test_without_targets_there_is_no_matrix() -> None:
    assert targets_view(records.full_record()) is None


@pytest.mark.parametrize(
    ("verdicts", "words", "on_all", "may_ship"),
    [
        (
            {"local": AGREES, "pi": AGREES, "npu": ("placement", Verdict.PASS)},
            ("cleared", "cleared", "not rejected"),
            ShipDecision.CLEARED,
            True,
        ),
        (
            {"local": AGREES, "pi": AGREES, "npu": ("placement", Verdict.FAIL)},
            ("cleared", "cleared", "rejected"),
            ShipDecision.REJECTED,
            False,
        ),
        (
            {
                "local": AGREES,
                "pi": ("top1_agreement", Verdict.INCONCLUSIVE),
                "npu": ("placement", Verdict.PASS),
            },
            ("cleared", "unproven", "not rejected"),
            ShipDecision.UNPROVEN,
            False,
        ),
    ],
)
def test_a_variant_ships_if_no_target_is_against_it(
    verdicts: dict[str, tuple[str, Verdict]],
    words: tuple[str, ...],
    on_all: ShipDecision,
    may_ship: bool,
) -> None:
    record = judged((LOCAL, PI, NPU), verdicts)
    (row,) = shown(record).rows
    assert shown(record).columns == ("local", "pi", "npu")
    assert tuple(cell.mark and cell.mark.word for cell in row.cells) == words
    assert row.mark.word == on_all.value
    assert overall(record) == {(records.MODEL, "int8"): on_all}
    assert record.summary.may_ship is may_ship
    assert (headline(record) == "The variant is cleared on every target and may ship") is may_ship


def test_each_target_says_what_it_is() -> None:
    record = judged((LOCAL, PI, NPU), {"local": AGREES, "pi": AGREES})
    _, pi, npu = shown(record).targets
    facts = dict(pi.facts)
    assert facts["processor"] == "Cortex-A76, 4 cores, aarch64"
    assert facts["runtime"] == "ai-edge-litert 2.3.0"
    assert facts["temperature"] == "84 °C"
    assert "throttled" in facts["in doubt"]
    assert pi.not_applicable == "Not applicable there, so without a case: max_peak_memory."
    assert npu.not_applicable.startswith("It can reject a variant")
    (row,) = shown(record).rows
    assert row.cells[2] == replace(row.cells[2], mark=None, detail="", anchor="")


def test_a_machine_that_only_made_the_file_has_a_column_of_its_own() -> None:
    record = judged((PI,), {"local": ("max_bytes", Verdict.PASS), "pi": AGREES})
    found = shown(record)
    assert found.columns == ("local, the file only", "pi")
    (row,) = found.rows
    assert [cell.mark and cell.mark.word for cell in row.cells] == ["not rejected", "cleared"]
    assert record.summary.may_ship


def test_a_target_that_was_lost_is_named_in_every_format() -> None:
    lost = msgspec.structs.replace(PI, error="the connection to 'pi' was lost")
    record = judged((LOCAL, lost), {"local": AGREES, "pi": ("top1_agreement", Verdict.MISSING)})
    assert shown(record).rows[0].cells[1].detail == "the target could not be used"
    page, summary = html.render(record), markdown.render(record)
    for text in (page, summary):
        assert "the connection to" in text
        assert "Where the variants may run" in text
    assert "int8@pi" in terminal.render(record)


def test_the_chart_shows_a_file_once() -> None:
    record = judged((LOCAL, PI), {"local": AGREES, "pi": AGREES})
    model = record.models[0]
    with_agreement = tuple(
        msgspec.structs.replace(each, agreement=records.agreement_of(490))
        for each in model.variants
    )
    model = msgspec.structs.replace(model, variants=with_agreement)
    chart = view(msgspec.structs.replace(record, models=(model,))).models[0].chart
    assert chart is not None
    assert len(chart.points) == 2, "the baseline and the file"
