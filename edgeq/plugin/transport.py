"""What processes of one session tell each other, as JSON text."""

from __future__ import annotations

import msgspec

from edgeq.io import structs
from edgeq.record.structs import CaseRecord, ModelRecord


class _Answer(msgspec.Struct, frozen=True):
    case: CaseRecord
    error: str | None


def encode_answer(case: CaseRecord, error: str | None) -> str:
    """Return a verdict as text."""
    return msgspec.json.encode(_Answer(case, error)).decode()


def decode_answer(text: str) -> tuple[CaseRecord, str | None]:
    """Return the verdict that a text holds."""
    answer = structs.from_json(text, _Answer)
    return answer.case, answer.error


def encode_models(models: tuple[ModelRecord, ...]) -> str:
    """Return what a process knows about models as text."""
    return msgspec.json.encode(models).decode()


def decode_models(text: str) -> tuple[ModelRecord, ...]:
    """Return the models that a text holds."""
    return structs.from_json(text, tuple[ModelRecord, ...])
