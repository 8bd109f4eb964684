"""The inventory: the variants that a spec declares, and the cases of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgeq.config.gate import Gate
from edgeq.config.gates import GATES
from edgeq.config.methods import METHODS, choose
from edgeq.config.structs import CLASSIFICATION, DETECTION, Model, Spec, Task
from edgeq.config.tables import header, key_text
from edgeq.errors import EdgeqError, SpecError
from edgeq.models import lite0
from edgeq.models.sources import FloatFile, has_own_runtime, parse_source
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.case_ids import case_id
from edgeq.tasks.recognition import require_task

if TYPE_CHECKING:
    from edgeq.pipeline.run import Run

_MANY_CLASSES = 1_000_000
"""Assumed number of classes before the model is read, so that no gate is left out too early."""


@dataclass(frozen=True)
class Case:
    """One gate on one variant.

    Attributes:
        limit: The limit in the gate's unit, None for a proof.
        asked_for: Whether the spec itself sets the limit, rather than a preset.
        asked_of_model: Whether the limit is set for this model's variants alone, by name or in a
            spec of one model. A limit for all variants of a detector and a classifier is not.
    """

    variant: VariantUnderTest
    gate: Gate
    limit: float | None
    asked_for: bool = False
    asked_of_model: bool = False

    @property
    def follows_control(self) -> bool:
        """Whether the limit is tightened by the results of edgeq's own variant of the method."""
        return self.gate.controlled and not self.asked_for

    def inapplicable(self, task: Task, classes: int, heads: int) -> str | None:
        """Return why a gate does not apply to its model, None if it does.

        A gate that the spec sets for this very model is judged or refused, never left out.
        ``classes`` is 0 if the model has none; ``heads`` counts the further outputs with class
        scores.
        """
        return None if self.asked_of_model else self.gate.inapplicable(task, classes, heads)

    @cached_property
    def id(self) -> str:
        """The case's id in the record, ``MODEL/VARIANT/GATE``, elsewhere with ``@TARGET``."""
        variant = self.variant
        return case_id(variant.model, variant.short_name, self.gate.name, variant.place.name)


def variants(run: Run) -> Iterator[VariantUnderTest]:
    """Yield every declared variant, model by model: first by method, then the named ones."""
    spec = run.spec
    for model in spec.models:
        for text in spec.methods_of(model):
            choice = choose(text, engine=spec.engine, classifier=spec.models[model].classifier)
            yield VariantUnderTest(run, model, text, choice.method, choice)
        for name, own in spec.variants.items():
            if own.model == model:
                yield _named(run, name)


def _named(run: Run, name: str) -> VariantUnderTest:
    """Return a named variant, ready-made if it has a file and otherwise to be built."""
    declared = run.spec.variants[name]
    if declared.file is not None or declared.method is None:
        return VariantUnderTest(run, declared.model, name, declared.method)
    classifier = declared.classifier or run.spec.models[declared.model].classifier
    choice = choose(
        declared.method, engine=run.spec.engine, classifier=classifier, units=declared.precisions
    )
    choice = replace(
        choice,
        percentile=declared.percentile,
        prune=declared.prune,
        fold_preprocessing=declared.fold_preprocessing,
    )
    return VariantUnderTest(run, declared.model, name, choice.method, choice)


def cases(spec: Spec, declared: Sequence[VariantUnderTest]) -> tuple[Case, ...]:
    """Return every declared case, of each variant first the proofs that apply, then the limits.

    Raises:
        SpecError: The spec declares no case at all, or names a task that does not exist.
    """
    for name, model in spec.models.items():
        if model.task is not None:
            require_task(model.task, f"{spec.origin}: {key_text('models', name, 'task')}")
    shown = cache(partial(_shown_by, spec))
    judged = [case for variant in declared for case in _cases_of(spec, variant, shown)]
    every = [*_of_baselines(spec, declared), *judged] if judged else []
    if not every:
        raise SpecError(
            "nothing is declared to be validated",
            where=spec.origin,
            remedy="Add methods, or a ready-made variant under "
            f"{header(spec.origin, 'variants', 'NAME')}",
        )
    return tuple(every)


def _of_baselines(spec: Spec, declared: Sequence[VariantUnderTest]) -> Iterator[Case]:
    """Yield the cases of the baselines whose source has a runtime of its own."""
    for name in dict.fromkeys(variant.model for variant in declared):
        if has_own_runtime(spec.models[name].source, spec):
            variant = next(variant for variant in declared if variant.model == name)
            baseline = variant.here.baseline
            yield from (Case(baseline, gate, None) for _, gate in GATES if gate.of_baseline)


def _cases_of(spec: Spec, variant: VariantUnderTest, shown: _Shown) -> Iterator[Case]:
    judges = variant.place.judges
    yield from (case for case in _everywhere(spec, variant, shown) if judges(case.gate))


def not_applicable(variant: VariantUnderTest) -> tuple[str, ...]:
    """Return the gates that a variant's target can't measure and that would be judged here."""
    place, shown = variant.place, cache(partial(_shown_by, variant.spec))
    every = _everywhere(variant.spec, variant, shown)
    gates = (case.gate for case in every if not (case.gate.elsewhere or case.gate.needs == "file"))
    return tuple(gate.name for gate in gates if place.used and not place.judges(gate))


def _everywhere(spec: Spec, variant: VariantUnderTest, shown: _Shown) -> Iterator[Case]:
    """Yield the cases that a variant would have on a target that can measure everything."""
    yield from (Case(variant, gate, None) for _, gate in GATES if _proves(gate, variant))
    limits = variant.limits
    task = _known_task(spec.models[variant.model])
    for name, gate in GATES:
        if name not in limits:
            continue
        case = Case(
            variant,
            gate,
            limits[name],
            asked_for=name in variant.asked_for,
            asked_of_model=gate.declared
            or name in spec.gates.limits(variant.short_name)
            or (name in spec.gates.every and len(spec.models) == 1),
        )
        if not (case.asked_of_model or _may_apply(spec, variant.model, gate, shown)):
            continue
        if task is None or case.inapplicable(task, _MANY_CLASSES, _MANY_CLASSES) is None:
            yield case


def _known_task(model: Model) -> Task | None:
    """Return a model's task if the spec alone shows it, else None.

    Keras's own applications end in one softmax. A model that the spec calls a classifier may have
    further outputs, which only its file shows.
    """
    if model.task is not None:
        return None if model.task == CLASSIFICATION else model.task
    known = model.source == lite0.SOURCE or model.source.startswith("keras:")
    return CLASSIFICATION if known else None


def _may_apply(spec: Spec, name: str, gate: Gate, shown: _Shown) -> bool:
    """Return whether a model may be of a gate's task, so that others need no cases for it.

    A file shows it by its outputs. What has yet to be exported may be of any task. Without further
    evidence, every model may be a classifier.
    """
    model = spec.models[name]
    if gate.task in {None, CLASSIFICATION} and not gate.of_heads:
        return True
    if model.task is not None and not gate.of_heads:
        return model.task == gate.task
    if gate.task == DETECTION and model.detection is not None:
        return True
    evidence = shown(name)
    if evidence is None:
        return _known_task(model) is None
    outputs, tasks = evidence
    return outputs > 1 if gate.of_heads else gate.task in tasks


_Evidence = tuple[int, frozenset[Task]]
_Shown = Callable[[str], _Evidence | None]


def _shown_by(spec: Spec, name: str) -> _Evidence | None:
    """Return a model's number of outputs and the tasks that it shows; None before its export."""
    try:
        source = parse_source(name, spec.models[name], spec)
        if not isinstance(source, FloatFile):
            return None
        facts = source.path.stat()
        return _shown(source.path, facts.st_size, facts.st_mtime_ns)
    except (EdgeqError, OSError):  # reported when the model is loaded
        return 0, frozenset()


@lru_cache(maxsize=64)
def _shown(path: Path, *_: int) -> _Evidence:
    """Return a file's number of outputs and the tasks that it shows, cached by size and time."""
    from edgeq.models.open_size import leaves_size_open
    from edgeq.tasks.detection.decoders import recognized_decoder
    from edgeq.tasks.kinds import KINDS, recognized_kind
    from edgeq.tflite.model_file import read_model

    model = read_model(path)
    if leaves_size_open(model):  # its shapes show nothing yet
        return len(model.outputs), frozenset({DETECTION, *KINDS.names()})
    detector, kind = recognized_decoder(model), recognized_kind(model)
    tasks = [DETECTION] if detector is not None else []
    tasks += [kind[0].name] if kind is not None else []
    return len(model.outputs), frozenset(tasks)


def _proves(gate: Gate, variant: VariantUnderTest) -> bool:
    """Return whether a gate is a proof that applies to a variant.

    A ready-made variant must prove what its declared method claims.
    """
    if not gate.is_proof or gate.of_baseline or gate.holds == "every":
        return gate.is_proof and not gate.of_baseline
    if variant.method is None and gate.holds == "fixed scales":
        return True
    if gate.holds == "calibrated or fed" and variant.is_fed_as_declared:
        return True
    if variant.method is None or (gate.holds == "calibrated here" and variant.choice is None):
        return False
    method = variant.choice or METHODS.get(variant.method)
    return method.quantizes_activations if gate.holds == "quantized" else method.needs_calibration
