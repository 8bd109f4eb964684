"""``metadata.json`` of a variant: how to run it, what was measured, and what that claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.bundle import running
from edgeq.bundle.select import MEASURES, Chosen
from edgeq.config.structs import CLASSIFICATION, Preprocessing
from edgeq.errors import BundleError, reason_of
from edgeq.io import structs
from edgeq.io.files import read_whole
from edgeq.judge.verdict import Verdict
from edgeq.record.case_ids import name_on
from edgeq.record.ship_decision import incomparable, status_in_words
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord, written
from edgeq.samples.labels import NAMED_SETS
from edgeq.tflite.model_file import ModelFile

SCHEMA = "edgeq.metadata/1"
_BY_IMAGE = ("flips", "worst_images", "unlike")


@dataclass(frozen=True)
class Described:
    """A variant's metadata, and its labels with one name per output, or None if unknown."""

    metadata: dict[str, object]
    labels: tuple[str, ...] | None


def describe(
    record: RunRecord,
    chosen: Chosen,
    model_file: ModelFile,
    *,
    root: Path,
    labels: tuple[str, ...] | None,
) -> Described:
    """Build the metadata of a variant. Pure.

    Args:
        record: The run that judged it.
        chosen: The variant, with its model and verdicts.
        model_file: The variant's file.
        root: Folder that absolute paths are made relative to.
        labels: Names of the classes, with or without the background's.

    Raises:
        UnusableError: The record or the file does not say how to run the variant.
    """
    model, variant = chosen.model, chosen.variant
    classes = model.task in {"", CLASSIFICATION}
    names = running.output_names(model_file, labels, model.output) if classes else None
    detection, reading = running.detection_facts(model), running.reading_facts(chosen)
    if labels is not None and len(labels) == running.named_values(chosen, model_file):
        names = labels
    facts: dict[str, object] = {
        "schema": SCHEMA,
        "edgeq": record.edgeq,
        "model": model.name,
        "variant": variant.name,
        "method": variant.method,
        "engine": variant.engine or None,
        "source": portable(model.source, root),
        "trained": model.trained,
        "answer": chosen.answer.value,
        "targets": {name: answer.value for name, answer in chosen.targets.items()},
        "unproven": portable(list(chosen.reasons), root),
        "notes": model.notes,
        "licence": model.licence,
        "attribution": model.attribution,
        "file": {"name": "model.tflite", "bytes": variant.bytes, "sha256": variant.sha256},
        "baseline": {"bytes": model.baseline.bytes, "sha256": model.baseline.sha256},
        "size_ratio": variant.bytes / model.baseline.bytes if model.baseline.bytes else None,
        "inputs": [running.tensor_facts(model_file.tensors[at]) for at in model_file.inputs],
        "outputs": [running.tensor_facts(model_file.tensors[at]) for at in model_file.outputs],
        "preprocessing": None
        if model.arrays
        else running.preprocessing_facts(running.preprocessing_of(chosen), model_file),
        "feeding": _feeding(variant, root),
        "task": model.task or None,
        "class_scores": model.output if classes else None,
        "logit": classes and running.is_one_logit(model_file, model.output),
        "heads": running.heads_of(chosen, model_file),
        "detection": detection,
        "reading": reading,
        "postprocessing": running.postprocessing(chosen),
        "labels": None if names is None else _label_facts(names, labels, model, root),
        "verdicts": [_verdict(case, root) for case in chosen.cases],
        "warnings": _warnings(record, chosen, root),
        "not_measured": [name for name in MEASURES if getattr(variant, name) is None],
        "made_from": portable(written(variant.manifest), root),
        "images": portable(written(model.images), root),
        "machine": portable(written(record.machine), root),
        "toolchain": portable(written(record.toolchain), root),
    }
    facts |= {name: portable(_figures(getattr(variant, name)), root) for name in MEASURES}
    return Described(facts, names)


def _label_facts(
    names: tuple[str, ...], labels: tuple[str, ...] | None, model: ModelRecord, root: Path
) -> dict[str, object]:
    """Return what the file of labels contains; it may have a name more than the labels."""
    return {
        "file": "labels.txt",
        "count": len(names),
        "first_is_background": labels is not None and len(names) > len(labels),
        "of": portable(written(model.labels), root),
    }


def _warnings(record: RunRecord, chosen: Chosen, root: Path) -> list[str]:
    """Return what did not pass, and what could not be compared with the accepted figures."""
    unlike = incomparable(record, chosen.model.name, chosen.variant)
    return [
        *(
            f"{name_on(case.gate, case.target)}: {status_in_words(case)}; "
            f"{portable(case.reason, root)}"
            for case in chosen.cases
            if case.status is not Verdict.PASS
        ),
        *(f"{change.gate}: {change.against}; {portable(change.reason, root)}" for change in unlike),
    ]


def _feeding(variant: VariantRecord, root: Path) -> dict[str, object] | None:
    """Return how the variant was fed when it was judged, or None if like its baseline."""
    if variant.feeding is None or not variant.feeding.differs:
        return None
    facts = msgspec.to_builtins(variant.feeding)
    feeding = {"sentence": variant.feeding.sentence, **facts}
    return {key: portable(value, root) for key, value in feeding.items()}


def portable(value: object, root: Path) -> object:
    """Make absolute paths in facts relative to ``root``, or reduce them to the file's name."""
    if isinstance(value, str):
        if "\n" not in value and value.startswith("/") and Path(value).is_absolute():
            path = Path(value)
            return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        return value.replace(f"{root.as_posix()}/", "") if root.is_absolute() else value
    if isinstance(value, Mapping):
        return {str(key): portable(item, root) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, root) for item in value]
    return value


def _verdict(case: CaseRecord, root: Path) -> dict[str, object]:
    return {
        "gate": case.gate,
        "target": case.target,
        "status": case.status.value,
        "value": case.value,
        "limit": case.limit,
        "unit": case.unit,
        "interval": case.interval,
        "reason": portable(case.reason, root),
        "declared_missing": case.declared_missing,
    }


def _figures(section: msgspec.Struct | None) -> dict[str, object] | None:
    """Return the figures without lists about single images."""
    if section is None:
        return None
    return {key: value for key, value in written(section).items() if key not in _BY_IMAGE}


METADATA = "metadata.json"
_MAX_BYTES = 16_000_000
_REMEDY = "Name the folder of a variant in a package that `edgeq bundle` wrote"


@dataclass(frozen=True)
class PackedClaim:
    """What a package says about a variant.

    Attributes:
        top1: Its top-1 accuracy, from 0 to 1; None if that was not measured.
        preprocessing: How it must be fed; None for a model that takes arrays.
        labels: A label set's name, or the file with the names of its classes; None if unknown.
    """

    file: Path
    top1: float | None
    preprocessing: Preprocessing | None
    labels: str | None


class _Rate(msgspec.Struct, frozen=True):
    value: float


class _Accuracy(msgspec.Struct, frozen=True):
    variant_top1: _Rate


class _LabelsOf(msgspec.Struct, frozen=True):
    name: str | None = None


class _Labels(msgspec.Struct, frozen=True):
    file: str
    of: _LabelsOf | None = None


class _Metadata(msgspec.Struct, frozen=True):
    preprocessing: Preprocessing | None = None
    accuracy: _Accuracy | None = None
    labels: _Labels | None = None


def packed_claim(path: Path) -> PackedClaim:
    """Read what a package says about a variant.

    The path is that of the variant's folder in the package, or of the ``metadata.json`` in it.

    Raises:
        BundleError: It is not such a folder, or its metadata can't be read.
    """
    file = path / METADATA if path.is_dir() else path
    try:
        known = structs.from_json(read_whole(file, _MAX_BYTES), _Metadata)
    except OSError as error:
        raise BundleError(
            f"can't be read: {reason_of(error)}", where=file, remedy=_REMEDY
        ) from error
    except msgspec.MsgspecError as error:
        raise BundleError(f"is damaged: {error}", where=file, remedy=_REMEDY) from error
    if known.preprocessing is None:
        raise BundleError(
            "the model takes arrays, and only claims about photographs can be verified",
            where=file,
            remedy="Judge it in a project of its own, with `samples`",
        )
    labels = None
    if known.labels is not None:
        name = None if known.labels.of is None else known.labels.of.name
        labels = name if name in NAMED_SETS else str(file.parent.resolve() / "labels.txt")
    return PackedClaim(
        file=file.parent / "model.tflite",
        top1=None if known.accuracy is None else known.accuracy.variant_top1.value,
        preprocessing=known.preprocessing,
        labels=labels,
    )
