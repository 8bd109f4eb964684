"""Packs a record and its variants' files into a folder and a reproducible zip.

A README for each variant and the licence notes are its pages for people.
"""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from edgeq.bundle import archive, attestation, metadata
from edgeq.bundle.running import UnusableError
from edgeq.bundle.select import Chosen, Refusal, select
from edgeq.config.structs import DETECTION
from edgeq.errors import BundleError, ModelError, reason_of
from edgeq.io import structs
from edgeq.io.files import atomic_path, replace_folder, restore_folder, sha256_file
from edgeq.judge.verdict import ShipDecision
from edgeq.record.structs import ModelRecord, RunRecord
from edgeq.store.locks import alone_in
from edgeq.tasks import detection
from edgeq.tasks.detection import boxes, heads
from edgeq.tflite.model_file import read_model
from edgeq.words import share, size
from edgeq.words.escape import markdown

_UNFINISHED = "unfinished."


@dataclass(frozen=True)
class _Sources:
    """Private: everything that a package is made from."""

    record: RunRecord
    root: Path
    files: Mapping[str, Path]
    labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class BundleResult:
    """A written package, and the same as a zip next to it, ``FOLDER.zip``.

    Answers about the packed variants are by ``model/variant``.
    """

    folder: Path
    zip: Path
    zip_sha256: str
    packed: dict[str, ShipDecision]
    refused: tuple[Refusal, ...]


def pack(
    record: RunRecord,
    target: Path,
    *,
    root: Path,
    files: Mapping[str, Path],
    labels: Mapping[str, tuple[str, ...]],
    unproven: bool = False,
    key: Path | None = None,
) -> BundleResult:
    """Write the deployment package of a run.

    Args:
        record: The record of the run.
        target: Folder of the package; an earlier package there is replaced as a whole.
        root: Folder that paths in the package are made relative to.
        files: The ``.tflite`` files by ``"model/variant"``.
        labels: Names of the classes by ``"model/variant"``, otherwise by ``"model"``.
        unproven: Whether to also pack unproven variants, marked as such.
        key: The private key that signs the attestation; None leaves it unsigned.

    Raises:
        BundleError: No variant is packed, the key can't be used, or the target holds something else
            or can't be written.
            Earlier content is unchanged in that case.
        StoreError: The zip can't be written.
    """
    zip_path = target.parent / f"{target.name}.zip"
    sources = _Sources(record, root, files, labels)
    chosen, refused = select(record, unproven=unproven)
    try:
        with alone_in(target.parent):
            restore_folder(target)
            _require_replaceable(target, zip_path)
            with _unfinished(target) as new:
                packed, left_out = _write_variants(sources, chosen, new)
                every = (*refused, *left_out)
                refused = tuple(sorted(every, key=attrgetter("model", "variant")))
                if not packed:
                    raise _nothing(target, refused)
                _write_common(record, packed, refused, new)
                _attest(record, packed, new, key)
                with atomic_path(zip_path) as temporary:
                    archive.write_zip(new, temporary)
                    replace_folder(target, new)
    except OSError as error:
        raise BundleError(
            f"can't be written: {reason_of(error)}",
            where=target,
            remedy="Free some space or make it writable, or choose another folder",
        ) from error
    return BundleResult(
        target,
        zip_path,
        sha256_file(zip_path),
        {variant.key: variant.answer for variant in packed},
        refused,
    )


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Yield a new folder beside a package; those of killed runs are removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.{_UNFINISHED}"
    for abandoned in target.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as name:
        new = Path(name) / "new"
        new.mkdir()
        yield new


def _write_variants(
    sources: _Sources, chosen: tuple[Chosen, ...], new: Path
) -> tuple[list[Chosen], list[Refusal]]:
    packed, refused = [], []
    for candidate in chosen:
        try:
            _write_variant(sources, candidate, new)
        except (UnusableError, ModelError) as error:
            names = candidate.model.name, candidate.variant.name
            refused.append(Refusal(*names, candidate.answer, (str(error),)))
        else:
            packed.append(candidate)
    return packed, refused


def _write_variant(sources: _Sources, variant: Chosen, new: Path) -> None:
    file = sources.files.get(variant.key)
    if file is None:
        raise UnusableError("its file is not available; run the gate again to make it")
    model_file = read_model(file)
    if model_file.sha256 != variant.variant.sha256:
        raise UnusableError(
            f"its file changed since it was judged (sha256 {model_file.sha256[:12]}, judged "
            f"{variant.variant.sha256[:12]}); run the gate again"
        )
    labels = sources.labels.get(variant.key, sources.labels.get(variant.model.name))
    described = metadata.describe(
        sources.record, variant, model_file, root=sources.root, labels=labels
    )
    relative = folder_of(variant)
    folder = new / relative
    folder.mkdir(parents=True)
    shutil.copyfile(file, folder / "model.tflite")
    (folder / "metadata.json").write_bytes(archive.to_json(described.metadata))
    if described.labels is not None:
        lines = (" ".join(name.split()) for name in described.labels)
        (folder / "labels.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    warnings = [str(text) for text in structs.converted(described.metadata["warnings"], list[str])]
    readme = variant_readme(variant, relative, warnings)
    (folder / "README.md").write_text(readme, encoding="utf-8")


def _write_common(
    record: RunRecord, packed: list[Chosen], refused: tuple[Refusal, ...], new: Path
) -> None:
    models: dict[str, ModelRecord] = {variant.model.name: variant.model for variant in packed}
    (new / "LICENSES").mkdir()
    text = notice(record, tuple(models.values()), refused)
    (new / "LICENSES" / "NOTICE.md").write_text(text, encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name("example.py"), new / "example.py")
    if any(model.task == DETECTION for model in models.values()):
        _write_decoders(new)
    manifest = archive.Manifest(
        edgeq=record.edgeq,
        variants=tuple(
            archive.PackedVariant(
                model=variant.model.name,
                variant=variant.variant.name,
                folder=folder_of(variant),
                answer=variant.answer,
            )
            for variant in packed
        ),
        refused=tuple(
            archive.RefusedVariant(
                model=refusal.model,
                variant=refusal.variant,
                answer=refusal.answer,
                reasons=refusal.reasons,
            )
            for refusal in refused
        ),
        files=archive.files_of(new),
    )
    (new / archive.MANIFEST).write_bytes(archive.to_json(manifest))


def _attest(record: RunRecord, packed: list[Chosen], new: Path, key: Path | None) -> None:
    """Write the attestation, which is about every other file, the manifest included."""
    manifest = new / archive.MANIFEST
    entry = archive.FileEntry(sha256_file(manifest), manifest.stat().st_size)
    files = {**archive.files_of(new), archive.MANIFEST: entry}
    envelope = attestation.enveloped(attestation.statement(packed, files, record.spec_sha256))
    if key is not None:
        envelope = attestation.sign(envelope, key)
    (new / archive.ATTESTATION).write_bytes(archive.to_json(envelope))


def _write_decoders(new: Path) -> None:
    """Copy the decoders of detectors, which need nothing but numpy, for the example."""
    folder = new / "detection"
    folder.mkdir()
    for module in (boxes, heads):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        name = module.__name__.rpartition(".")[2]
        text = source.replace(f"from {detection.__name__}.", "from detection.")
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def folder_of(variant: Chosen) -> str:
    """Return a variant's folder in the package."""
    return f"{archive.folder_name(variant.model.name)}/{archive.folder_name(variant.variant.name)}"


def _require_replaceable(target: Path, zip_path: Path) -> None:
    empty = target.is_dir() and not any(target.iterdir())
    ours = not target.exists() or empty or (target / archive.MANIFEST).is_file()
    zip_is_ours = not zip_path.exists() or archive.is_package(zip_path)
    for path, is_ours in ((target, ours and not target.is_symlink()), (zip_path, zip_is_ours)):
        if not is_ours:
            raise BundleError(
                "already exists and is not an edgeq package",
                where=path,
                remedy="Choose another folder, or remove it",
            )


def _nothing(target: Path, refused: tuple[Refusal, ...]) -> BundleError:
    """Return the error for an empty package, which lists the answers and says what to do."""
    counts = Counter(refusal.answer for refusal in refused)
    summary = ", ".join(
        f"{counts[answer]} {answer.value}" for answer in ShipDecision if counts[answer]
    )
    reasons = " | ".join(refusal.in_short for refusal in refused)
    remedy = "Read the report for what to do about each, then run the gate again"
    if counts[ShipDecision.UNPROVEN]:
        remedy += "; --unproven packs the unproven ones, marked as such"
    return BundleError(
        f"nothing to pack ({summary}): {reasons}" if refused else "the record has no variant",
        where=target,
        remedy=remedy,
    )


_UNKNOWN = "not recorded: find out before you pass the model on"
_OPEN = (
    "**Unproven:** the gate found no failure, but did not prove that the variant is as good as its "
    'baseline. Open points are listed under "Not proved". It may not ship before it is cleared.'
)
_COMPARED = {"embedding": ("", "A second one is compared with the first.")}
"""What the README of a variant adds about the example, by task."""
_CHANGED = (
    "- The variants are modified: quantized from the float model, as each `metadata.json` says."
)


def variant_readme(chosen: Chosen, folder: str, warnings: list[str]) -> str:
    """Return the README of a variant; if it is not cleared, that comes first."""
    model, variant = chosen.model, chosen.variant
    saved = 1 - variant.bytes / model.baseline.bytes if model.baseline.bytes else 0.0
    lines = [
        f"# {markdown(variant.name)} of {markdown(model.name)}",
        "",
        f"{size(variant.bytes)} (1 MB is 1000 kB), {share(saved)} less than its baseline.",
        "`metadata.json` says what was measured and how to run the model.",
        *_targets(chosen),
        "",
        "Run it on a sample, a .npy file of real values or a .npz file with an array per input "
        "(needs Python, numpy and ai-edge-litert):"
        if model.arrays
        else "Run it on a photograph (needs Python, numpy, Pillow and ai-edge-litert):",
        "",
        f"    python example.py {folder} {'sample.npy' if model.arrays else 'photograph.jpg'}",
        *_COMPARED.get(model.task, ()),
    ]
    if chosen.answer is ShipDecision.UNPROVEN:
        lines[2:2] = [_OPEN, ""]
    notes = list(model.notes)
    if variant.feeding is not None and variant.feeding.differs:
        notes.append(f"Judged {variant.feeding.sentence}")
    if notes:
        lines += ["", "## To know", "", *(f"- {markdown(note)}" for note in notes)]
    if warnings:
        lines += ["", "## Not proved", "", *(f"- {markdown(text)}" for text in warnings)]
    return "\n".join(lines) + "\n"


def _targets(chosen: Chosen) -> list[str]:
    if not chosen.targets:
        return []
    answers = (f"{markdown(name)} ({answer.value})" for name, answer in chosen.targets.items())
    return [f"Judged on {', '.join(answers)}."]


def notice(record: RunRecord, models: tuple[ModelRecord, ...], refused: tuple[Refusal, ...]) -> str:
    """Return the licence notes: licences and makers of packed models, and what is left out."""
    lines = [
        "# Licences and attribution",
        "",
        f"Packed by edgeq {record.edgeq}. The Python code is part of edgeq (Apache-2.0).",
        "The models belong to their makers:",
    ]
    for model in models:
        lines += [
            "",
            f"## {markdown(model.name)}",
            "",
            f"- Licence: {markdown(model.licence or _UNKNOWN)}",
            f"- Attribution: {markdown(model.attribution or _UNKNOWN)}",
            _CHANGED,
        ]
    if refused:
        lines += ["", "## Not packed", "", *(f"- {markdown(str(refusal))}" for refusal in refused)]
    return "\n".join(lines) + "\n"
