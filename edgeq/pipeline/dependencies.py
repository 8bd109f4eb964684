"""The facts that numbers depend on, by which the store addresses them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from edgeq import measure, samples
from edgeq.measure.clusters import find_clusters
from edgeq.run import processors
from edgeq.run.results import WorkerFacts
from edgeq.run.worker import PROTOCOL, cpuinfo
from edgeq.store.cached import sources

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest


@cache
def runtime_facts() -> Mapping[str, str]:
    """Return what a model's numbers depend on apart from the model: runtime and processor."""
    versions = {"ai-edge-litert": version("ai-edge-litert"), "machine": platform.machine()}
    here = WorkerFacts(
        protocol=PROTOCOL, versions=versions, cpus=None, governor="", cpuinfo=cpuinfo()
    )
    return here.runtime


def processor_name() -> str:
    """Return the name of this machine's processor."""
    return processors.processor(cpuinfo()) or platform.processor() or platform.machine()


@cache
def arithmetic() -> Mapping[str, str]:
    """Return what numbers derived from predictions depend on apart from the predictions."""
    return {
        "sources": sources(samples, measure),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
    }


def file_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what numbers derived from a file alone depend on.

    Raises:
        EdgeqError: The variant can't be built or read.
    """
    return {"model": variant.sha256, **arithmetic()}


def answers_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what a variant's prediction for a photograph depends on, apart from the photograph.

    Raises:
        EdgeqError: The variant can't be built or read, or there is no evaluation set.
    """
    labels = variant.labels
    return {
        "answers": variant.run.executor.kept_answers(variant).address,
        "labels": None if labels is None else [labels.name, labels.classes, labels.background],
    }


def pair_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what numbers that compare a variant with its baseline depend on.

    Raises:
        EdgeqError: One of them can't be built or read, or there is no evaluation set.
    """
    images, own = variant.inputs.images.require_evaluation(), variant.own_samples
    return {
        **({} if own is None else {"samples": own.content_sha256}),
        "baseline": answers_facts(variant.baseline),
        "variant": answers_facts(variant),
        "images": images.sha256,
        "clusters": msgspec.to_builtins(find_clusters(images.groups())),
        "confidence": variant.spec.confidence,
        **arithmetic(),
    }
