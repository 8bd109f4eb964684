"""Exports a Keras application as a float file, with the weights that are available."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edgeq.config.structs import Model, Spec
from edgeq.errors import ModelError
from edgeq.models.applications import Application
from edgeq.models.exporting import FLOAT_KIND, DownloadFailedError, Exported, export_float
from edgeq.models.sources import Export
from edgeq.models.weights import (
    WeightsChoice,
    downloadable,
    downloaded_weights,
    local_weights,
    random_instead,
)
from edgeq.store.content import Store


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
