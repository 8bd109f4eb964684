"""The table of hypotheses in the order in which they are tested: certain and cheap ones first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgeq.diagnosis import (
    failures,
    feeding,
    labels,
    network,
    outputs,
    parameters,
    ranges,
    reading,
    stored,
)
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause, Diagnosis
from edgeq.errors import EdgeqError
from edgeq.registry import Registry

Needs = Literal[
    "error",
    "file",
    "outputs",
    "classes",
    "boxes",
    "classes or boxes",
    "classes or values",
    "values",
    "answers",
    "distance",
]


@dataclass(frozen=True)
class Hypothesis:
    """One way to explain a failure.

    Attributes:
        needs: What it requires: the error that prevented the variant from running, its readable
            file, its outputs, its predictions in classes, its boxes, values of an output without
            either, any of these (`answers`), or any that are farther from the baseline's than the
            control's are (`distance`).
        test: Returns the cause if the hypothesis is confirmed.
    """

    needs: Needs
    test: Callable[[Bench], Cause | None]


HYPOTHESES: Registry[Hypothesis] = Registry(
    "hypothesis",
    [
        ("unreadable", Hypothesis("error", failures.unreadable)),
        ("exchanged_outputs", Hypothesis("error", outputs.exchanged)),
        ("not_finite_outputs", Hypothesis("outputs", outputs.not_finite)),
        ("misplaced_outputs", Hypothesis("outputs", outputs.misplaced)),
        ("one_scale", Hypothesis("outputs", outputs.one_scale)),
        ("broken_parameters", Hypothesis("file", parameters.broken_parameters)),
        ("another_engine", Hypothesis("error", failures.another_engine)),
        ("refused_ranges", Hypothesis("error", ranges.refused_ranges)),
        ("not_run", Hypothesis("error", failures.not_run)),
        ("shifted_boxes", Hypothesis("boxes", labels.shifted_answers)),
        ("renamed_boxes", Hypothesis("boxes", labels.renamed_answers)),
        ("reordered_values", Hypothesis("values", reading.reordered)),
        ("unnormalised_values", Hypothesis("values", reading.unnormalised)),
        ("blind_input", Hypothesis("distance", ranges.blind_input)),
        ("stored_values", Hypothesis("outputs", stored.stored_values)),
        ("not_finite", Hypothesis("classes", outputs.not_finite_answers)),
        ("unsteady", Hypothesis("classes or values", outputs.unsteady)),
        ("wrong_labels", Hypothesis("classes or boxes", labels.wrong_labels)),
        ("shifted_answers", Hypothesis("classes", labels.shifted_answers)),
        ("renamed_answers", Hypothesis("classes", labels.renamed_answers)),
        ("own_samples", Hypothesis("answers", feeding.own_samples)),
        ("other_feeding", Hypothesis("distance", feeding.other_feeding)),
        ("moved_values", Hypothesis("values", reading.moved)),
        ("turned_values", Hypothesis("values", reading.turned)),
        ("other_layers", Hypothesis("outputs", stored.other_layers)),
        ("activation_ranges", Hypothesis("outputs", ranges.activation_ranges)),
        ("tied_classes", Hypothesis("classes", ranges.tied_classes)),
        ("rescaled_values", Hypothesis("values", reading.rescaled)),
        ("parting", Hypothesis("distance", network.parting)),
        ("kernels", Hypothesis("distance", network.kernels)),
        ("stored_difference", Hypothesis("outputs", stored.unexplained)),
        ("dead_output", Hypothesis("outputs", outputs.dead)),
        ("lost_columns", Hypothesis("outputs", outputs.lost)),
        ("constant", Hypothesis("classes", outputs.constant)),
    ],
)


def diagnose(bench: Bench) -> Diagnosis:
    """Test the hypotheses one after the other until one explains all of the failure.

    An experiment that can't be made is noted and skipped, as a diagnosis changes no verdict.
    """
    notes: list[str] = []
    try:
        cause = _first(bench, notes)
        return Diagnosis(cause, None if cause is not None else bench.known_fact, tuple(notes))
    finally:
        bench.close()


def _first(bench: Bench, notes: list[str]) -> Cause | None:
    """Return the first cause that explains the failure, joined with one that explains a part."""
    partial: Cause | None = None
    for name, hypothesis in HYPOTHESES:
        try:
            if not _possible(hypothesis, bench):
                continue
            bench.variant.run.say(f"{bench.variant.name}: looking for the cause: {name}")
            cause = hypothesis.test(bench)
        except EdgeqError as error:
            notes.append(f"{name}: {error.what}")
            bench.close()  # its worker may be gone
            continue
        except (ValueError, IndexError, ArithmeticError) as error:
            # Faulty files fail in unforeseen ways, and the verdict stands without this hypothesis.
            notes.append(f"{name}: {type(error).__name__}: {error}")
            continue
        if cause is not None and cause.partial:
            partial = cause
        elif cause is not None:
            return cause if partial is None else partial.joined(cause)
    return None


def _possible(hypothesis: Hypothesis, bench: Bench) -> bool:
    """Return whether everything that a hypothesis requires is available."""
    needs = hypothesis.needs
    if needs in {"error", "file"}:
        return needs == "file" or bench.error is not None
    if bench.error is not None or needs in {"outputs", "answers"}:
        return bench.error is None
    if needs == "distance":
        return not bench.needs_no_explanation
    return bench.kind in needs.split(" or ")
