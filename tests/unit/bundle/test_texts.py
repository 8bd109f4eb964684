from __future__ import annotations

import msgspec

from edgeq.bundle import texts
from edgeq.bundle.select import Refusal, select
from edgeq.judge.verdict import ShipDecision
from edgeq.record.feeding import Feeding, OwnSamples
from tests.unit.report import records


def test_notice_names_licence_and_maker() -> None:
    record = records.full_record()
    text = texts.notice(
        record,
        record.models,
        (Refusal("m", records.HOSTILE, ShipDecision.REJECTED, ("FAIL: <b>",)),),
    )
    assert "- Licence: Apache-2.0" in text
    assert "- Attribution: Google" in text
    assert "&lt;img src=x" in text
    assert "<b>" not in text


def test_notice_does_not_invent_a_licence() -> None:
    record = records.record((), (), licence=None, attribution=None)
    text = texts.notice(record, record.models, ())
    assert text.count("not recorded") == 2
    assert "Not packed" not in text


def test_readme_says_what_is_not_proved() -> None:
    record = records.record(records.full_record().models[0].variants, records.passing("float16"))
    chosen = select(record)[0][0]
    text = texts.variant_readme(chosen, "m/float16", ["accuracy_drop: INCONCLUSIVE; <x>"])
    assert "14.4 MB" in text
    assert "python example.py m/float16 photograph.jpg" in text
    assert "## Not proved" in text
    assert "<x>" not in text
    assert "## Not proved" not in texts.variant_readme(chosen, "m/float16", [])


def test_readme_says_that_weights_are_random() -> None:
    record = records.record(
        records.full_record().models[0].variants,
        records.passing("float16"),
        notes=("random weights: answers mean nothing",),
    )
    text = texts.variant_readme(select(record)[0][0], "m/float16", [])
    assert "- random weights: answers mean nothing" in text


def test_readme_says_what_a_variant_was_judged_on() -> None:
    feeding = Feeding(samples=OwnSamples(source="camera", count=9, sha256="ab"))
    variants = tuple(
        msgspec.structs.replace(one, feeding=feeding)
        for one in records.full_record().models[0].variants
    )
    record = records.record(variants, records.passing("float16"))
    text = texts.variant_readme(select(record)[0][0], "m/float16", [])
    assert "- Judged on samples of its own: 9 photographs of camera" in text


def test_readme_of_a_model_that_takes_arrays_asks_for_no_photograph() -> None:
    full = records.full_record()
    record = records.record(full.models[0].variants, records.passing("float16"), arrays=True)
    text = texts.variant_readme(select(record)[0][0], "m/float16", [])
    assert "python example.py m/float16 sample.npy" in text
    assert "photograph" not in text
