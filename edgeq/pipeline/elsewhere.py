"""Measurements that only targets have: outputs beside this machine's, and what a compiler finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edgeq.config.target_kinds import function
from edgeq.errors import EdgeqError
from edgeq.judge import running
from edgeq.judge.elsewhere import Arithmetic
from edgeq.measure.beside_here import (
    BesideHere,
    KernelNoise,
    Pair,
    beside_here,
    kernel_noise,
    tensor_noise,
)
from edgeq.measure.clusters import find_clusters
from edgeq.pipeline.dependencies import answers_facts, arithmetic
from edgeq.targets.findings import Findings
from edgeq.targets.starting import settings_of
from edgeq.tflite.model_file import read_model
from edgeq.tflite.wiring import ACTIVATION_TYPES_INTEGER, Wiring

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest


def beside_here_of(variant: VariantUnderTest) -> BesideHere:
    """Return a variant's outputs, or a baseline's, compared with those on this machine.

    Raises:
        EdgeqError: It does not run on one of the two, or there is no evaluation set.
    """
    alike, images = variant.alike, variant.samples
    moved = None
    if variant.classifies:
        ours, theirs = alike.predictions, variant.predictions
        moved = int(np.count_nonzero(ours.predicted != theirs.predicted))
    return beside_here(
        _pairs(variant, alike),
        moved,
        None if variant.is_baseline else _noise(variant, alike),
        images=len(images.photos),
        confidence=variant.spec.confidence,
        clusters=find_clusters(images.groups()),
        unlike=_architecture(variant) != _architecture(alike),
    )


def _architecture(variant: VariantUnderTest) -> str:
    return variant.run.executor.runtime.get("architecture", "")


def beside_here_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what a comparison with this machine depends on.

    Raises:
        EdgeqError: The variant can't be built or read, or there is no evaluation set.
    """
    own = {} if variant.is_baseline else {"baseline": answers_facts(variant.alike.baseline)}
    return {
        **own,
        "here": answers_facts(variant.alike),
        "there": answers_facts(variant),
        "images": variant.samples.sha256,
        "groups": msgspec.to_builtins(find_clusters(variant.samples.groups())),
        "confidence": variant.spec.confidence,
        **arithmetic(),
    }


def _pairs(variant: VariantUnderTest, alike: VariantUnderTest) -> Iterator[Pair]:
    if variant.classifies:
        model = read_model(variant.path)
        step = Wiring(model).step(model.outputs[variant.reading.output])
        yield Pair(alike.predictions.scores, variant.predictions.scores, step)
    for ours, theirs in zip(alike.tensors, variant.tensors, strict=True):
        yield Pair(ours.rows, theirs.rows, theirs.step)


def _noise(variant: VariantUnderTest, alike: VariantUnderTest) -> KernelNoise | None:
    baseline = alike.baseline
    if variant.classifies:
        return kernel_noise(baseline.predictions, alike.predictions, variant.predictions)
    every = [
        tensor_noise(base.rows, ours.rows, theirs.rows[:, :])
        for base, ours, theirs in zip(baseline.tensors, alike.tensors, variant.tensors, strict=True)
    ]
    return max(every, key=running.strain, default=None)


def arithmetic_of(variant: VariantUnderTest) -> Arithmetic:
    """Return the arithmetic that decides how exactly a variant's outputs can be repeated.

    A layer with stored integer weights and float results quantizes its input while it runs.
    """
    layers = variant.operators.compute
    if any(
        layer.activation_type not in ACTIVATION_TYPES_INTEGER
        and not layer.dequantized
        and (layer.weight_type or "").startswith(("int", "uint"))
        for layer in layers
    ):
        return "dynamic"
    integer = any(layer.activation_type in ACTIVATION_TYPES_INTEGER for layer in layers)
    return "integer" if integer else "float"


def examine(variant: VariantUnderTest) -> Findings:
    """Return what a target's compiler, or its rules, find about a variant's file.

    Raises:
        EdgeqError: The tool fails or is not installed.
    """
    place = variant.place
    if place.kind.examine is None:
        raise EdgeqError("the target examines no files", where=place.name)
    variant.run.say(f"{variant.name}: examining the file")
    settings = settings_of(place.declared, variant.spec.root)
    findings: Findings = function(place.kind.examine)(settings, variant.path)
    return findings
