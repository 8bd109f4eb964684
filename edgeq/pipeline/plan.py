"""The inventory: which variants a spec declares, and which cases each of them must answer."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.errors import SpecError
from edgeq.registry import unknown
from edgeq.spec.gates import GATES, PROOFS, Gate
from edgeq.spec.limits import is_asked_for, limits_for
from edgeq.spec.methods import METHODS, MethodChoice, choose
from edgeq.spec.structs import Spec, Task

CALIBRATION_PROOFS = frozenset({"calibration_disjoint", "calibration_set"})
"""Proofs that hold for a calibrated variant alone."""

RUNNING_PROOFS = frozenset({"kernels", "input_range"})
"""Proofs for the methods that quantize activations, and for ready-made variants that claim one."""

_MANY_CLASSES = 1_000_000
"""Their number is not known before the model is read: no gate is left out for it."""


@dataclass(frozen=True)
class Subject:
    """One declared variant of one model.

    Attributes:
        model: Name of the model.
        variant: Name of the variant: the method as the spec writes it, or the ready-made
            variant's own.
        method: Name of the method, None for a ready-made variant that claims none.
        choice: Method and engine, None for a ready-made variant.
    """

    model: str
    variant: str
    method: str | None
    choice: MethodChoice | None

    @property
    def key(self) -> str:
        """The variant's name in the whole run, ``MODEL/VARIANT``."""
        return f"{self.model}/{self.variant}"


@dataclass(frozen=True)
class Case:
    """One gate on one variant.

    Attributes:
        subject: The variant.
        gate: The gate.
        limit: In the gate's unit, None for a proof.
        asked_for: Whether the spec itself sets the limit, rather than a preset.
        asked_of_model: Whether it is set for this model's variants alone: by their name, or in a
            spec of one model. A limit for every variant of a detector and a classifier is not.
    """

    subject: Subject
    gate: Gate
    limit: float | None
    asked_for: bool = False
    asked_of_model: bool = False

    def inapplicable(self, task: Task, classes: int) -> str | None:
        """Return why a gate says nothing about its model, None if it is to be judged.

        What the spec asks of this very model is to be judged, or refused: never left out.

        Args:
            task: What the model's outputs are judged as.
            classes: Number of classes, 0 if it has none.
        """
        return None if self.asked_of_model else self.gate.inapplicable(task, classes)

    @property
    def id(self) -> str:
        """The case's name in the record, ``MODEL/VARIANT/GATE``."""
        return f"{self.subject.key}/{self.gate.name}"


def subjects(spec: Spec) -> tuple[Subject, ...]:
    """Return every declared variant, model by model: its methods, then its ready-made ones."""
    found = []
    for name in spec.models:
        for text in spec.methods_of(name):
            choice = choose(text, engine=spec.engine)
            found.append(Subject(name, text, choice.method, choice))
        found += [
            Subject(name, ready_name, ready.method, None)
            for ready_name, ready in spec.variants.items()
            if ready.model == name
        ]
    return tuple(found)


def cases(spec: Spec) -> tuple[Case, ...]:
    """Return every declared case: the proofs that apply, then the limits that hold.

    Raises:
        SpecError: The spec declares no case at all.
    """
    found = []
    for subject in subjects(spec):
        limits = limits_for(spec, subject.variant, subject.method)
        found += [Case(subject, GATES.get(name), None) for name in PROOFS if _holds(name, subject)]
        declared = (
            Case(
                subject,
                gate,
                limits[name],
                asked_for=is_asked_for(spec, name, subject.variant, subject.method),
                asked_of_model=name in spec.gates.limits(subject.variant)
                or (name in spec.gates.every and len(spec.models) == 1),
            )
            for name, gate in GATES
            if name in limits
        )
        named = spec.models[subject.model].task
        found += [
            case
            for case in declared
            if named is None or case.inapplicable(named, _MANY_CLASSES) is None
        ]
    if not found:
        raise SpecError(
            "nothing is declared to be validated",
            where=spec.origin,
            remedy="Add methods, or a ready-made variant under [tool.edgeq.variants.NAME]",
        )
    return tuple(found)


def find(subjects_: tuple[Subject, ...], key: str) -> Subject:
    """Return the declared variant of that key (``MODEL/VARIANT``).

    Raises:
        SpecError: There is none.
    """
    for subject in subjects_:
        if subject.key == key:
            return subject
    raise unknown("variant", key, [subject.key for subject in subjects_])


def _holds(proof: str, subject: Subject) -> bool:
    """Return whether a proof has something to prove of a variant, as far as its method says."""
    if proof in CALIBRATION_PROOFS and subject.choice is None:
        return False
    if proof not in CALIBRATION_PROOFS | RUNNING_PROOFS:
        return True
    if subject.method is None:
        return False
    method = METHODS.get(subject.method)
    return method.quantizes_activations if proof == "kernels" else method.needs_calibration
