"""The inventory: which variants a spec declares, and which cases each of them must answer."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.config.gate import Gate
from edgeq.config.gates import GATES
from edgeq.config.limits import is_asked_for, limits_for
from edgeq.config.methods import METHODS, MethodChoice, choose
from edgeq.config.structs import CLASSIFICATION, Model, Spec, Task
from edgeq.config.tables import header
from edgeq.config.target_kinds import LOCAL
from edgeq.errors import SpecError
from edgeq.models import lite0
from edgeq.registry import unknown

_MANY_CLASSES = 1_000_000
"""Their number is not known before the model is read: no gate is left out for it."""


@dataclass(frozen=True)
class Subject:
    """One declared variant of one model.

    Attributes:
        model: Name of the model.
        variant: Name of the variant: the method as the spec writes it, or a name of its own.
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

    @property
    def follows_control(self) -> bool:
        """Whether its limit is tightened by what edgeq's own variant of the method reaches."""
        return self.gate.controlled and not self.asked_for

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
            own = spec.models[name].classifier
            choice = choose(text, engine=spec.engine, classifier=own)
            found.append(Subject(name, text, choice.method, choice))
        found += [
            _named(spec, own_name) for own_name, own in spec.variants.items() if own.model == name
        ]
    return tuple(found)


def _named(spec: Spec, name: str) -> Subject:
    """Return a variant with a name of its own: ready-made if it has a file, else made."""
    declared = spec.variants[name]
    if declared.file is not None or declared.method is None:
        return Subject(declared.model, name, declared.method, None)
    classifier = declared.classifier or spec.models[declared.model].classifier
    choice = choose(
        declared.method, engine=spec.engine, classifier=classifier, units=declared.precisions
    )
    return Subject(declared.model, name, choice.method, choice)


def cases(spec: Spec) -> tuple[Case, ...]:
    """Return every declared case: the proofs that apply, then the limits that hold.

    Raises:
        SpecError: The spec declares no case at all, or one on another target than this machine.
    """
    elsewhere = [name for name in spec.targets.use if name != LOCAL]
    if elsewhere:
        raise SpecError(
            f"the gate does not judge variants on {elsewhere[0]!r} yet",
            where=f"{spec.origin}: targets",
            remedy=f"Leave it out, and try files there: edgeq target check {elsewhere[0]}",
        )
    found = []
    for subject in subjects(spec):
        limits = limits_for(spec, subject.variant, subject.method)
        found += [Case(subject, gate, None) for _, gate in GATES if _proves(gate, subject)]
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
        task = _known_task(spec.models[subject.model])
        found += [
            case
            for case in declared
            if task is None or case.inapplicable(task, _MANY_CLASSES) is None
        ]
    if not found:
        raise SpecError(
            "nothing is declared to be validated",
            where=spec.origin,
            remedy="Add methods, or a ready-made variant under "
            f"{header(spec.origin, 'variants', 'NAME')}",
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


def _known_task(model: Model) -> Task | None:
    """Return what a model is judged as, as far as the spec alone shows it.

    Keras's own applications end in one softmax. A model that the spec calls a classifier may have
    further outputs, which its file shows.
    """
    if model.task is not None:
        return None if model.task == CLASSIFICATION else model.task
    known = model.source == lite0.SOURCE or model.source.startswith("keras:")
    return CLASSIFICATION if known else None


def _proves(gate: Gate, subject: Subject) -> bool:
    """Return whether a gate is a proof that has something to prove of a variant.

    A ready-made variant is taken at its word: what its method claims is to be proved.
    """
    if not gate.is_proof or gate.holds == "every":
        return gate.is_proof
    if subject.method is None and gate.holds == "fixed scales":
        return True
    if subject.method is None or (gate.holds == "calibrated here" and subject.choice is None):
        return False
    method = subject.choice or METHODS.get(subject.method)
    return method.quantizes_activations if gate.holds == "quantized" else method.needs_calibration
