"""What tests of one's own get to see of models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.measure.operators import Operators
from edgeq.measure.predictions import Predictions
from edgeq.pipeline.plan import Subject
from edgeq.pipeline.run import Run


@dataclass(frozen=True)
class ModelUnderTest:
    """A baseline or a variant.

    Attributes:
        name: ``MODEL/VARIANT``; the variant of a baseline is ``baseline``.
        path: The ``.tflite`` file.
        sha256: Of the file.
        bytes: Of the file.
        operators: What it computes with.
    """

    name: str
    path: Path
    sha256: str
    bytes: int
    operators: Operators


@dataclass(frozen=True)
class Outputs:
    """What a baseline and its variant answer on the evaluation set."""

    baseline: Predictions
    variant: Predictions


def model_under_test(run: Run, model: str, subject: Subject | None) -> ModelUnderTest:
    """Return a variant, or the baseline where ``subject`` is None.

    Raises:
        EdgeqError: It can't be made or read.
    """
    executable = run.executable(model, subject)
    return ModelUnderTest(
        name=executable.key,
        path=executable.path,
        sha256=executable.sha256,
        bytes=executable.path.stat().st_size,
        operators=run.operators_of(model, subject),
    )


def outputs(run: Run, subject: Subject) -> Outputs:
    """Return what both say.

    Raises:
        EdgeqError: One of them can't be made or run.
    """
    return Outputs(run.answers(subject.model, None), run.answers(subject.model, subject))
