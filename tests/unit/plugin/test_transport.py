"""What the processes of a session send each other arrives as it was."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from edgeq.plugin.transport import (
    Answer,
    decode_answer,
    decode_models,
    encode_answer,
    encode_models,
)
from tests.unit.report import records


def test_an_answer_arrives_whole() -> None:
    case = records.case(
        "int8", "top1_agreement", Verdict.FAIL, value=0.5, limit=0.9, interval=(0.4, 0.6)
    )
    answer = Answer(case, "no such folder", "failed", "it fails")
    assert decode_answer(encode_answer(answer)) == answer


def test_models_arrive_whole() -> None:
    models = records.full_record().models
    assert decode_models(encode_models(models)) == models
