"""The accepted record of one model: the figures that later runs are compared with.

One readable JSON file per model, meant for git: ``reports/accepted/MODEL.json``. Keys are in a
stable order, so that a difference shows what was accepted and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edgeq.errors import RecordError, reason_of
from edgeq.io.files import write_bytes
from edgeq.io.structs import Json, Reader, content_of
from edgeq.judge.verdict import Verdict
from edgeq.measure.rows import unpack
from edgeq.record.case_ids import parsed
from edgeq.record.feeding import Feeding
from edgeq.samples.sets import read_keys

SCHEMA = "edgeq.accepted/1"
FOLDER = "accepted"

_RESTORE = "Restore it from git, or remove it and accept a run again"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The class of a machine, within which latency and memory are comparable."""

    architecture: str = ""
    processor: str = ""
    cores: int = 0


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions under which a model's figures were measured.

    Attributes:
        baseline_sha256: Hash of the float model.
        evaluation_sha256: Hash of the evaluation set's content and labels, or None without one.
        evaluation_worth: Number of independent images that they count as, or None if all.
        preprocessing: The baseline's preprocessing; empty if unknown, incomplete in older records.
        runtime: Version of ai-edge-litert.
        baseline_right: The images that the baseline has right, as ``VariantRecord.right``; ``""``
            without labels, and in records of earlier versions.
    """

    baseline_sha256: str = ""
    evaluation_sha256: str | None = None
    evaluation_images: int | None = None
    evaluation_worth: float | None = None
    preprocessing: dict[str, Json] = {}
    kernels: str = ""
    threads: int = 0
    runtime: str = ""
    machine: Machine = Machine()
    baseline_right: str = ""


class VariantFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The variant that figures were measured on.

    Attributes:
        sha256: Hash of the file, or ``""`` if it could not be made.
        bytes: Size of the file.
        preprocessing: The variant's own preprocessing if it differs from the baseline's.
        feeding: How it was fed compared with the baseline. None in older records, and if nothing
            differed; the preprocessing of both then says how.
        flips: The images on which it differs from its baseline, by name, with the kind of flip
            (``"changed"`` without labels); None if they are not known by name.
        right, agrees: As in the record; ``""`` in records of earlier versions.
    """

    sha256: str = ""
    bytes: int = 0
    preprocessing: dict[str, Json] = {}
    feeding: Feeding | None = None
    flips: dict[str, str] | None = None
    right: str = ""
    agrees: str = ""


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """One call of ``edgeq accept``.

    Attributes:
        reason: Reason in the words of whoever accepted.
        date: Date in ISO 8601, UTC.
        commit: The commit that was checked out, or None outside a repository.
        run: When the accepted run started.
        edgeq: Version of edgeq that ran it.
        measured_with: The conditions that its figures apply to.
        variants: The variants whose figures it accepted, by name.
    """

    reason: str
    date: str
    commit: str | None
    run: str
    edgeq: str
    measured_with: Conditions
    variants: dict[str, VariantFacts] = {}


class HeldCase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A case as stored for comparison with later runs.

    Attributes:
        status, value, interval, limit, unit, declared_missing: As in the record.
        reason: Why a value is missing, or empty.
    """

    status: Verdict
    value: float | None = None
    interval: tuple[float, float] | None = None
    limit: float | None = None
    unit: str = ""
    declared_missing: bool = False
    reason: str = ""


class AcceptedCase(HeldCase, frozen=True, kw_only=True, omit_defaults=True):
    """A case as it was accepted.

    Attributes:
        acceptance: Key of the acceptance that it came with.
    """

    acceptance: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The accepted record of one model.

    Attributes:
        acceptances: Acceptances by key, which are whole numbers in order of acceptance.
        image_keys: ``ModelRecord.image_keys`` of each evaluation set, by its sha256. Two sets are
            compared on the images that both contain.
    """

    schema: str = SCHEMA
    model: str
    acceptances: dict[str, Acceptance] = {}
    cases: dict[str, AcceptedCase] = {}
    image_keys: dict[str, str] = {}


def path_of(folder: Path, model: str) -> Path:
    """Return the path of a model's accepted record.

    Raises:
        RecordError: The model's name is not a valid file name.
    """
    if not model or model.startswith(".") or Path(model).name != model:
        raise RecordError(
            f"the model's name {model!r} is not a valid file name",
            where=folder,
            remedy="Name a record that edgeq wrote",
        )
    return folder / f"{model}.json"


def to_json(accepted: Accepted) -> bytes:
    """Encode an accepted record as indented JSON in a stable order."""
    data = msgspec.json.encode(accepted, order="deterministic")
    return msgspec.json.format(data, indent=1) + b"\n"


def from_json(data: bytes, *, where: str | Path | None = None) -> Accepted:
    """Read an accepted record of this or an older schema.

    Raises:
        RecordError: The data is not an accepted record, or has a newer schema.
    """
    accepted = _READER.read(data, where)
    if not accepted.cases:  # it would compare nothing, and edgeq writes no such record
        raise RecordError(
            "the accepted record is damaged: it has no case", where=where, remedy=_RESTORE
        )
    for case_id, case in accepted.cases.items():
        if case.acceptance not in accepted.acceptances or not _is_case(case_id, accepted.model):
            raise RecordError(
                f"the accepted record is damaged: the case {case_id!r} belongs to no acceptance "
                f"of {accepted.model!r}",
                where=where,
                remedy=_RESTORE,
            )
    for acceptance in accepted.acceptances.values():
        conditions = acceptance.measured_with
        keys = accepted.image_keys.get(conditions.evaluation_sha256 or "", "")
        try:
            check_images(conditions, acceptance.variants.values(), keys)
        except ValueError as error:
            raise RecordError(
                f"the accepted record is damaged: {error}", where=where, remedy=_RESTORE
            ) from error
    return accepted


def check_images(
    conditions: Conditions, variants: Iterable[VariantFacts], image_keys: str = ""
) -> None:
    """Check that data stored per image fits the number of images.

    Raises:
        ValueError: The data is for another number of images.
    """
    count = conditions.evaluation_images or 0
    flags = [conditions.baseline_right]
    flags += [text for facts in variants for text in (facts.right, facts.agrees)]
    try:
        for text in filter(None, flags):
            unpack(text, count)
        if image_keys:
            read_keys(image_keys, count)
    except ValueError as error:
        raise ValueError(f"its data per image does not fit: {error}") from error


def read(path: Path) -> Accepted:
    """Read the accepted record of the model that the file is named after.

    Raises:
        RecordError: The file can't be read, or holds another model's figures.
    """
    accepted = from_json(content_of(path, remedy=_RESTORE), where=path)
    if accepted.model != path.stem:
        raise RecordError(
            f"holds the figures of another model, {accepted.model!r}",
            where=path,
            remedy=f"Name the file {accepted.model}.json, or accept a run again",
        )
    return accepted


def read_all(folder: Path) -> tuple[Accepted, ...]:
    """Read all accepted records in a folder; none if the folder does not exist.

    Raises:
        RecordError: The folder or a record can't be read.
    """
    if not os.path.lexists(folder):
        return ()
    try:
        paths = sorted(folder.iterdir())  # glob finds nothing in a folder that can't be read
    except OSError as error:
        what = f"can't be read: {reason_of(error)}"
        raise RecordError(what, where=folder, remedy=_RESTORE) from error
    return tuple(read(path) for path in paths if path.suffix == ".json")


def write(accepted: Accepted, folder: Path) -> Path:
    """Write a model's accepted record atomically and return its path.

    Raises:
        RecordError: The model's name is not a file name.
        StoreError: The folder can't be written.
    """
    path = path_of(folder, accepted.model)
    write_bytes(path, to_json(accepted))
    return path


_READER = Reader(
    Accepted,
    SCHEMA,
    "accepted record",
    other=_RESTORE,
    newer="Upgrade edgeq, or accept a run of this version",
    damaged=_RESTORE,
)


def _is_case(case_id: str, model: str) -> bool:
    parts = parsed(case_id)
    return case_id.count("/") == 2 and parts.model == model and all(parts)  # model/variant/gate
