"""Messages between the processes of one session, as JSON text."""

from __future__ import annotations

from typing import Literal

import msgspec

from edgeq.io import structs
from edgeq.record.structs import CaseRecord, ModelRecord


class Answer(msgspec.Struct, frozen=True):
    """A verdict and the resulting outcome of its test.

    Attributes:
        error: The bad input that prevented the case from being judged.
        outcome: The outcome for pytest, regardless of markers and hooks; None for a user's own
            test, whose verdict follows pytest's outcome.
        text: The reason, for a test that fails or is skipped.
    """

    case: CaseRecord
    error: str | None = None
    outcome: Literal["passed", "failed", "skipped"] | None = None
    text: str = ""


def encode_answer(answer: Answer) -> str:
    """Return an answer as text."""
    return msgspec.json.encode(answer).decode()


def decode_answer(text: str) -> Answer:
    """Return the answer in a text."""
    return structs.from_json(text, Answer)


def encode_models(models: tuple[ModelRecord, ...]) -> str:
    """Return model records as text."""
    return msgspec.json.encode(models).decode()


def decode_models(text: str) -> tuple[ModelRecord, ...]:
    """Return the model records in a text."""
    return structs.from_json(text, tuple[ModelRecord, ...])
