"""Injection of a faulty variant into a spec, with the good variant's limits."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from edgeq.config.gates import limits
from edgeq.config.structs import Gates, ReadyVariant, Spec, Targets
from edgeq.faults.fault import Faulty
from edgeq.faults.faulty_worker import marked
from edgeq.faults.good import Good
from edgeq.io.files import write_bytes
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.targets import WORKER, Target

FAULTY_WORKER = Path(__file__).with_name("faulty_worker.py")


def faulty_target() -> Target:
    """Return this machine as a target whose worker misbehaves with marked models.

    Its name is that of the local target because results for models without a mark are the same.
    """
    command = (sys.executable, "-P", str(FAULTY_WORKER), str(WORKER))
    return Target("local", command, local_files=True)


def alone(spec: Spec, model: str) -> Spec:
    """Return a spec with only one model and its variants, on this machine."""
    ready = {name: variant for name, variant in spec.variants.items() if variant.model == model}
    return msgspec.structs.replace(
        spec, models={model: spec.models[model]}, variants=ready, targets=Targets()
    )


def with_variant(variant: VariantUnderTest) -> Spec:
    """Return a variant's spec with only that variant."""
    spec, name = variant.spec, variant.short_name
    own = {} if variant.declaration is None else {name: variant.declaration}
    model = msgspec.structs.replace(spec.models[variant.model], methods=() if own else (name,))
    return msgspec.structs.replace(spec, models={variant.model: model}, variants=own)


def join(good: Good, name: str, faulty: Faulty) -> Spec:
    """Return a spec in which a faulty file replaces the good variant.

    Default limits remain defaults, so that the same control tightens them. A changed file is
    written to the scratch folder, over the previous one.
    """
    before, spec = good.variant, good.variant.spec
    own = before.declaration
    variant = ReadyVariant(
        model=before.model,
        file=str(_file(good, faulty)),
        method=before.method,
        preprocessing=faulty.preprocessing or (own.preprocessing if own else None),
        labels=own.labels if own else None,
        input_size=own.input_size if own else None,
        evaluation=_samples(faulty, own),
    )
    own_limits = {gate: limit for gate, limit in before.limits.items() if gate in before.asked_for}
    off = tuple(gate for gate in limits() if gate not in before.limits)
    return msgspec.structs.replace(
        spec,
        run=msgspec.structs.replace(spec.run, timeout_s=faulty.timeout_s or spec.run.timeout_s),
        models={before.model: msgspec.structs.replace(spec.models[before.model], methods=())},
        variants={name: variant},
        gates=Gates(by_method={name: own_limits}, off={name: off}),
    )


def _samples(faulty: Faulty, own: ReadyVariant | None) -> str | None:
    if faulty.photographs is not None:
        return str(faulty.photographs)
    return None if own is None else own.evaluation


def _file(good: Good, faulty: Faulty) -> Path:
    if faulty.content is None and faulty.conduct is None:
        return good.variant.path
    content = good.content if faulty.content is None else faulty.content
    if faulty.conduct is not None:
        content = marked(content, faulty.conduct)
    path = good.scratch / "faulty.tflite"
    write_bytes(path, content)
    return path
