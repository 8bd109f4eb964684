"""Compares the float file that edgeq exported with its source, on a few samples."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edgeq.errors import ConversionError, EdgeqError, ImageError, ModelError
from edgeq.io import structs
from edgeq.judge.conversion import conversion
from edgeq.judge.verdict import Verdict
from edgeq.measure.conversion import Conversion
from edgeq.models.child import Files, files_at, log_path, run_child
from edgeq.models.exporting import (
    CODE_KINDS,
    OWN_KINDS,
    holder_of,
    release,
    source_files,
    unchanged,
)
from edgeq.models.sources import has_own_runtime
from edgeq.pipeline.conversion_child import Comparison
from edgeq.pipeline.dependencies import arithmetic
from edgeq.samples.decode import pixel_facts_of

if TYPE_CHECKING:
    from edgeq.models.exporting import Exported
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.samples.sets import ImageSet

SAMPLES = 8
"""Number of samples. A fault of an export shows on any of them."""

_CHILD = "edgeq.pipeline.conversion_child"


def conversion_of(baseline: VariantUnderTest) -> Conversion:
    """Return how a baseline's file differs from its source.

    Raises:
        ImageError: There are no samples, or they can't be used.
        ModelError: The source does not run in its own runtime.
    """
    run, samples = baseline.run, _samples(baseline)
    log = log_path(run.store, "conversion", {"file": baseline.sha256})
    export = _export(baseline)
    stream = baseline.inputs.images.stream_of(samples, baseline.preprocessing, baseline.input_size)
    run.say(f"{baseline.model}: comparing the float file with its source")
    with tempfile.TemporaryDirectory(prefix="edgeq-") as scratch:
        pixels = Path(scratch) / "pixels.npy"
        np.save(pixels, stream.first(len(samples.photos)))
        request = Comparison(
            source=export.request,
            file=str(baseline.path),
            pixels=str(pixels),
            preprocessing=baseline.preprocessing,
            role=samples.role,
        )
        try:
            with unchanged(export.request, export.facts):
                answer = run_child(
                    _CHILD,
                    msgspec.to_builtins(request),
                    log=log,
                    limits=baseline.spec.make,
                    what=f"{baseline.model} in its own runtime",
                    kind=holder_of(export.request),
                    pooled=export.request.kind in OWN_KINDS,
                    files=_files_of(request),
                )
        except ConversionError as error:  # nothing was made: the source could not be run
            raise ModelError(error.what, where=error.where, remedy=error.remedy) from error
    return structs.converted(answer, Conversion)


def release_source(baseline: VariantUnderTest) -> None:
    """Free the child that has exported a baseline, which was waiting to run its source."""
    with suppress(EdgeqError):  # nothing was exported
        export = baseline.inputs.baseline.export
        if export is not None:
            release(export.request)


def is_broken_by_its_export(baseline: VariantUnderTest) -> bool:
    """Return whether a baseline was exported from a source that it differs from."""
    if not has_own_runtime(baseline.inputs.model.source, baseline.spec):
        return False
    with suppress(EdgeqError):  # its own case says so
        return conversion(baseline.conversion).status is Verdict.FAIL
    return False


def conversion_facts(baseline: VariantUnderTest) -> Mapping[str, object] | None:
    """Return what the comparison depends on, None if the source is code; the errors are the same.

    A source's facts name the versions of its runtime and of the converter.
    """
    samples, export = _samples(baseline), _export(baseline)
    if export.request.kind in CODE_KINDS:
        return None
    return {
        "file": baseline.sha256,
        "source": export.facts,
        "pixels": pixel_facts_of(baseline.preprocessing, baseline.input_size),
        "preprocessing": msgspec.to_builtins(baseline.preprocessing),
        "samples": [samples.role, [photo.sha256 for photo in samples.photos]],
        **baseline.run.executor.runtime,
        **arithmetic(),
    }


def _files_of(request: Comparison) -> Files | None:
    sources = source_files(request.source)
    if sources is None:
        return None
    own = {"file": files_at(Path(request.file)), "pixels": files_at(Path(request.pixels))}
    return Files({f"source.{key}": files for key, files in sources.items()} | own, writes=None)


def _export(baseline: VariantUnderTest) -> Exported:
    export = baseline.inputs.baseline.export
    if export is None:
        raise TypeError(f"{baseline.name} was not exported")
    return export


def _samples(baseline: VariantUnderTest) -> ImageSet:
    """Return samples spread evenly over the calibration set, or over the evaluation set.

    Raises:
        ImageError: The spec names neither.
    """
    images = baseline.inputs.images.calibration_set or baseline.inputs.images.evaluation
    if images is None:
        raise ImageError(
            "no calibration or evaluation set is named",
            where=baseline.spec.origin,
            remedy="Name images.calibration",
        )
    step = -(-len(images.photos) // SAMPLES)
    return replace(images, photos=images.photos[::step])
