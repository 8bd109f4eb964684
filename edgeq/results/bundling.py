"""Making a deployment package from a record, for which it locates the files and labels again."""

from __future__ import annotations

from pathlib import Path

from edgeq import bundle
from edgeq.bundle import BundleResult
from edgeq.config.load import spec_sha256
from edgeq.config.structs import Spec
from edgeq.io.files import sha256_file
from edgeq.quantize.make import FILE, KIND
from edgeq.record.structs import ModelRecord, RunRecord, VariantRecord
from edgeq.samples.labels import LabelSet, label_set
from edgeq.tasks.inside import read_inside


def pack(
    record: RunRecord,
    target: Path,
    spec: Spec,
    *,
    unproven: bool = False,
    key: Path | None = None,
) -> BundleResult:
    """Write the deployment package of a run.

    The spec names the files and labels. Unproven variants are packed only with ``unproven``, marked
    as such; without a private ``key`` the attestation is not signed.

    Raises:
        BundleError: No variant is packed, or the package can't be written.
        ImageError: A label set can't be used.
        StoreError: The zip can't be written.
    """
    return bundle.pack(
        record,
        target,
        root=spec.root.resolve(),
        files=variant_files(record, spec),
        labels=class_names(record, spec),
        unproven=unproven,
        key=key,
    )


def variant_files(record: RunRecord, spec: Spec) -> dict[str, Path]:
    """Return the file of each variant by ``MODEL/VARIANT``; variants without one are left out.

    The judged file is preferred, be it at the record's path, at the spec's path or in the store.
    If it no longer exists, the path is that of the file that changed since.
    """
    files = {}
    for model in record.models:
        for variant in model.variants:
            file = _file(variant, spec)
            if file is not None:
                files[f"{model.name}/{variant.name}"] = file
    return files


def class_names(record: RunRecord, spec: Spec) -> dict[str, tuple[str, ...]]:
    """Return the class names by model, and by ``MODEL/VARIANT`` for variants with own labels.

    Raises:
        ImageError: A label set can't be used.
    """
    named = {}
    for model in record.models:
        if model.labels is not None:
            named[model.name] = _label_set(model.labels.name, model, spec).names
        for variant in model.variants:
            ready = spec.variants.get(variant.name)
            if ready is not None and ready.model == model.name and ready.labels is not None:
                key = f"{model.name}/{variant.name}"
                named[key] = label_set(ready.labels, spec.root).names
    return named


def _label_set(name: str, model: ModelRecord, spec: Spec) -> LabelSet:
    """Return a record's label set, from inside the model's file or as the spec names it."""
    path = spec.path(model.source)
    if path.suffix == ".tflite" and path.is_file():
        inside = read_inside(path).labels
        if inside is not None and inside.name == name:
            return inside
    return label_set(name, spec.root)


def is_outdated(record: RunRecord, spec: Spec) -> bool:
    """Return whether a record was made under another spec than this one."""
    return record.spec_sha256 != spec_sha256(spec)


def _file(variant: VariantRecord, spec: Spec) -> Path | None:
    if not variant.sha256:
        return None
    ready = spec.variants.get(variant.name)
    written = [text for text in (variant.file, ready.file if ready else None) if text]
    candidates = [path for path in map(spec.path, written) if path.is_file()]
    stored = (spec.path(spec.store) / KIND).glob(f"*/{FILE}")
    same_size = (path for path in sorted(stored) if path.stat().st_size == variant.bytes)
    for path in (*candidates, *same_size):
        if sha256_file(path) == variant.sha256:
            return path
    return candidates[0] if candidates else None
