"""Chooses an application's weights: a file, Keras's download, or random ones if allowed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeq.config.structs import Model, Spec
from edgeq.config.tables import key_text
from edgeq.errors import ModelError
from edgeq.io.files import sha256_file
from edgeq.models.applications import WEIGHTS_HOST, downloaded_before, find_weights
from edgeq.models.downloads import unreachable

IMAGENET = "imagenet"
RANDOM = "random"
REMEDY = (
    "Set weights to a file, put NAME.weights.h5 in $EDGEQ_DATA/weights, connect once so that "
    "Keras can download them, or set allow_random_weights = true to judge sizes, operators, "
    "latency and memory alone"
)


@dataclass(frozen=True)
class WeightsChoice:
    """The weights chosen for an application.

    Attributes:
        kind: ``"file"``, ``"imagenet"`` (Keras downloads or has cached them) or ``"random"``.
        request: The weights to request from the export child.
        fact: Identifies the weights among the facts that the exported file depends on.
        note: What a reader should know, or None.
        name: Name of the file.
    """

    kind: Literal["file", "imagenet", "random"]
    request: str | None
    fact: str
    note: str | None = None
    name: str | None = None


def local_weights(name: str, model: Model, spec: Spec, *, key: str) -> WeightsChoice | None:
    """Choose weights without the network, or return None if ImageNet weights must be downloaded.

    Args:
        name: Name of the application.
        model: The model's table in the spec.
        spec: The whole spec.
        key: Name of the model in the spec.

    Raises:
        ModelError: The spec names a file that does not exist.
    """
    if model.weights == RANDOM:
        return random_weights(model, "the spec asks for them")
    if model.weights != IMAGENET:
        path = spec.path(model.weights)
        if not path.is_file():
            raise ModelError(
                "no such weights file",
                where=path,
                remedy=f"Correct `weights` in [{key_text('models', key)}]; also valid: "
                f'"{IMAGENET}" and "{RANDOM}"',
            )
        return _file(path)
    cached = find_weights(name)
    return None if cached is None else _file(cached)


def downloadable(name: str) -> str | None:
    """Return why Keras can't provide an application's weights, or None if it is worth trying.

    Weights in Keras's cache need no network. Takes a few seconds at most.
    """
    return None if downloaded_before(name) else unreachable(WEIGHTS_HOST)


def downloaded_weights() -> WeightsChoice:
    """Choose Keras's own weights; the version of Keras determines what they are."""
    return WeightsChoice("imagenet", IMAGENET, IMAGENET)


def random_instead(name: str, model: Model, reason: str) -> WeightsChoice:
    """Choose random weights because the ImageNet weights are unavailable.

    Raises:
        ModelError: The spec does not allow it.
    """
    if not model.allow_random_weights:
        raise ModelError(
            f"its ImageNet weights are not available: {reason}", where=name, remedy=REMEDY
        )
    return random_weights(model, f"its ImageNet weights are not available ({reason})")


def random_weights(model: Model, reason: str) -> WeightsChoice:
    """Choose random weights from the spec's seed."""
    note = (
        f"The weights are random (seed {model.seed}), because {reason}: sizes, operators, latency "
        "and memory are real, agreement and accuracy mean nothing"
    )
    return WeightsChoice("random", None, f"random:{model.seed}", note)


def _file(path: Path) -> WeightsChoice:
    digest = sha256_file(path)
    note = f"Weights from the file {path.name} (sha256 {digest[:12]})"
    return WeightsChoice("file", str(path), f"sha256:{digest}", note, path.name)
