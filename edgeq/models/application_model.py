"""Exports a Keras application as a float file, with the weights that are available.

These are a file, Keras's download, or random ones if allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from edgeq.config.structs import Model, Spec
from edgeq.config.tables import key_text
from edgeq.errors import ModelError
from edgeq.io.files import sha256_file
from edgeq.models.applications import (
    WEIGHTS_HOST,
    Application,
    downloaded_before,
    find_weights,
)
from edgeq.models.downloads import unreachable
from edgeq.models.exporting import FLOAT_KIND, DownloadFailedError, Exported, export_float
from edgeq.models.sources import Export
from edgeq.store.content import Store

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


@dataclass(frozen=True)
class ApplicationModel:
    """An exported Keras application.

    Attributes:
        exported: The float file.
        weights: The weights that the file holds.
        preset: Name of the preprocessing preset, or None if the family is unknown.
        licence: Licence of the weights, or None if unknown.
        attribution: Credit line for the model and its weights.
    """

    exported: Exported
    weights: WeightsChoice
    preset: str | None
    licence: str | None
    attribution: str


def export_application(
    name: str, model: Model, spec: Spec, store: Store, source: Export
) -> ApplicationModel:
    """Export an application with the best weights available.

    Raises:
        ModelError: No weights are available and the spec does not allow random ones, or the
            preprocessing is unknown.
        ConversionError: The export failed; the error carries the log.
    """
    application = source.application
    family = application.family if application else None
    if family is None and model.preprocessing is None:
        raise ModelError(
            f"the preprocessing of {source.request.name!r} is not known",
            where=name,
            remedy="Set preprocessing in the spec to a preset or a table",
        )
    weights, exported = _with_weights(name, model, spec, store, source)
    licence, attribution = _origin(source.request.name, application, weights)
    preset = family.preprocessing if family else None
    return ApplicationModel(exported, weights, preset, licence, attribution)


def _with_weights(
    name: str, model: Model, spec: Spec, store: Store, source: Export
) -> tuple[WeightsChoice, Exported]:
    application = source.request.name

    def facts(weights: WeightsChoice) -> dict[str, object]:
        return {**(source.facts or {}), "weights": weights.fact}

    def export(weights: WeightsChoice) -> Exported:
        request = msgspec.structs.replace(source.request, weights=weights.request)
        return export_float(name, request, facts(weights), store)

    weights = local_weights(application, model, spec, key=name)
    if weights is not None:
        return weights, export(weights)
    weights = downloaded_weights()
    cached = store.find(FLOAT_KIND, facts(weights)) is not None
    reason = None if cached else downloadable(application)
    if reason is None:
        try:
            return weights, export(weights)
        except DownloadFailedError as error:
            reason = error.reason
    weights = random_instead(name, model, reason)
    return weights, export(weights)


def _origin(
    name: str, application: Application | None, weights: WeightsChoice
) -> tuple[str | None, str]:
    family = application.family if application else None
    if weights.kind == "imagenet" and family is not None:
        terms = f", {family.licence}" if family.licence else ""
        return family.licence, f"Keras application {name}; ImageNet weights: {family.origin}{terms}"
    if weights.kind == "file":
        return None, f"Keras application {name}; weights: {weights.name}"
    return None, f"Keras application {name}; {weights.kind} weights"


def local_weights(name: str, model: Model, spec: Spec, *, key: str) -> WeightsChoice | None:
    """Choose weights without the network, or return None if ImageNet weights must be downloaded.

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
