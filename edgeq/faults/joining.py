"""Letting faulty variants join a spec, under the limits of the good one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edgeq.faults.fault import Faulty
from edgeq.faults.faulty_worker import marked
from edgeq.faults.good import Good
from edgeq.files import write_bytes
from edgeq.run.targets import WORKER, Target
from edgeq.spec.gates import LIMITS
from edgeq.spec.structs import Gates, Limits, ReadyVariant, Spec

FAULTY_WORKER = Path(__file__).with_name("faulty_worker.py")


def faulty_target() -> Target:
    """Return this machine, with a worker that does wrong with marked models.

    Its name is that of the local target: what it gives for models without a mark is the same.
    """
    command = (sys.executable, "-P", str(FAULTY_WORKER), str(WORKER))
    return Target("local", command, local_files=True)


def alone(spec: Spec, model: str) -> Spec:
    """Return a spec of one model, with its variants."""
    ready = {name: one for name, one in spec.variants.items() if one.model == model}
    return msgspec.structs.replace(spec, models={model: spec.models[model]}, variants=ready)


def with_variant(spec: Spec, good: Good) -> Spec:
    """Return a spec of the good variant alone."""
    subject = good.subject
    model = msgspec.structs.replace(
        spec.models[subject.model], methods=(subject.variant,) if subject.choice else ()
    )
    ready = {} if subject.choice else {subject.variant: spec.variants[subject.variant]}
    return msgspec.structs.replace(spec, models={subject.model: model}, variants=ready)


def join(good: Good, faulty: Mapping[str, Faulty]) -> Spec:
    """Return the spec in which faulty files stand in place of the good variant.

    Args:
        good: The good variant; its limits, preprocessing and labels hold for all.
        faulty: By name. Their files are written to the scratch folder.
    """
    spec, subject = good.run.spec, good.subject
    own = spec.variants.get(subject.variant)
    variants: dict[str, ReadyVariant] = {}
    for name, one in faulty.items():
        content = good.content if one.content is None else one.content
        if one.conduct is not None:
            content = marked(content, one.conduct)
        path = good.scratch / f"{name}.tflite"
        write_bytes(path, content)
        variants[name] = ReadyVariant(
            model=subject.model,
            file=str(path),
            method=subject.method,
            preprocessing=one.preprocessing or (own.preprocessing if own else None),
            labels=own.labels if own else None,
        )
    limits = dict.fromkeys(variants, good.limits)
    off = dict.fromkeys(variants, tuple(name for name in LIMITS if name not in good.limits))
    model = msgspec.structs.replace(spec.models[subject.model], methods=())
    return msgspec.structs.replace(
        spec,
        models={subject.model: model},
        variants=variants,
        gates=Gates(every=Limits(), by_method=limits, off=off),
    )
