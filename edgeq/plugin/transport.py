"""What processes of one session tell each other, as JSON text."""

from __future__ import annotations

from typing import Literal

import msgspec

from edgeq.io import structs
from edgeq.record.structs import CaseRecord, ModelRecord


class Answer(msgspec.Struct, frozen=True):
    """A verdict, and what its test comes to.

    Attributes:
        case: The verdict.
        error: The bad input that kept the case from being judged.
        outcome: What pytest is told of the test, whatever its markers or hooks make of it; None
            for a test of the user's own, whose verdict follows what pytest says.
        text: Why, for a test that fails or is skipped.
    """

    case: CaseRecord
    error: str | None = None
    outcome: Literal["passed", "failed", "skipped"] | None = None
    text: str = ""


def encode_answer(answer: Answer) -> str:
    """Return a verdict as text."""
    return msgspec.json.encode(answer).decode()


def decode_answer(text: str) -> Answer:
    """Return the verdict that a text holds."""
    return structs.from_json(text, Answer)


def encode_models(models: tuple[ModelRecord, ...]) -> str:
    """Return what a process knows about models as text."""
    return msgspec.json.encode(models).decode()


def decode_models(text: str) -> tuple[ModelRecord, ...]:
    """Return the models that a text holds."""
    return structs.from_json(text, tuple[ModelRecord, ...])
