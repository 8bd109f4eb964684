"""The errors that edgeq raises deliberately.

EdgeqError                  exit code 2: what went wrong, where, and what to do
├── SpecError               the configuration is wrong
├── MissingExtraError       an optional dependency is not installed
├── ModelError              a float model or a ready-made variant can't be used
│   ├── ChangedFileError    its file was changed during the run
│   └── ConversionError     a library failed while making a model; carries its log
├── ImageError              photographs, labels or sets of images can't be used
├── StoreError              the content-addressed store can't be used
├── WorkerError             a model could not be run
│   ├── ModelRefusedError   the runtime refused the model, with its reason
│   ├── TargetError         the place where it should run can't be reached, or was lost
│   ├── UnlikeOutputsError  outputs can't be compared with the baseline's
│   ├── WorkerCrashedError  the worker was ended by a signal or returned an exit code
│   ├── WorkerTimeoutError  the worker did not answer in time
│   └── WorkerMemoryError   the worker exceeded its memory limit
├── ClusterError            the machines of a cluster can't be used
├── UnforeseenError         a variant or file caused an unexpected error
├── RecordError             a record can't be read
└── BundleError             a deployment package can't be made or verified
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from edgeq.words.escape import printable

NEED_TENSORFLOW = ("keras", "onnx")
"""The extras that install TensorFlow."""

NEWEST_FOR_TENSORFLOW = (3, 13)
"""The newest Python that TensorFlow has wheels for."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""System errors of a disk that takes nothing more, whichever file is written."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, and with which Python if this one is too new."""
    command = f"pip install 'edgeq[{extra}]'"
    if extra in NEED_TENSORFLOW and sys.version_info[:2] > NEWEST_FOR_TENSORFLOW:
        newest = ".".join(map(str, NEWEST_FOR_TENSORFLOW))
        return f"{command} on Python {newest} or older, as TensorFlow has no wheels for this one"
    return command


def encodable(text: str) -> str:
    """Escape what UTF-8 can't encode; file names may contain it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def reason_of(error: Exception) -> str:
    """Return why a file can't be used, without the number and path that an ``OSError`` adds."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def written_file(error: OSError) -> Path | None:
    """Return the file that an error is about, None if unknown; of a copy the one written."""
    file = error.filename2 or error.filename
    return Path(os.fsdecode(file)) if isinstance(file, str | bytes | os.PathLike) else None


class EdgeqError(Exception):
    """Bad input or a failed tool, in one line: what went wrong, where, and what to do.

    The text may include names of files and library messages, so all of it is made printable.

    Attributes:
        what: The problem, without a full stop.
        where: The file, key or variant that it was found in.
        remedy: What the reader can do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | Path | None = None, remedy: str | None = None):
        self.what = printable(encodable(what))
        self.where = None if where is None else printable(encodable(str(where)))
        self.remedy = None if remedy is None else printable(encodable(remedy))
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"


class SpecError(EdgeqError):
    """The configuration is wrong."""


class MissingExtraError(EdgeqError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, *, extra: str, needed_for: str):
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed",
            remedy=f"Install it with: {how_to_install(extra)}",
        )
        self.extra = extra


class ModelError(EdgeqError):
    """A model can't be used."""


class ChangedFileError(ModelError):
    """A model's file changed after it was run."""


class ConversionError(ModelError):
    """A library failed while making a model.

    Attributes:
        log: File with the library's own output, if any was written.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        remedy: str | None = None,
        log: Path | None = None,
    ):
        self.log = log
        super().__init__(what, where=where, remedy=remedy)


class ImageError(EdgeqError):
    """An image, a label or a set of images can't be used."""


class StoreError(EdgeqError):
    """The store, or the folder for temporary files, can't be read or written."""

    @classmethod
    def of_full_disk(cls, error: Exception) -> StoreError | None:
        """Return the error for a disk that takes nothing more, None for any other exception."""
        if not isinstance(error, OSError) or error.errno not in NO_ROOM:
            return None
        file = written_file(error)
        return cls(
            f"can't be written: {reason_of(error)}",
            where="a file" if file is None else file.parent,
            remedy="Free some space or make it writable, or set TMPDIR to another folder if it is "
            "the one for temporary files",
        )


class WorkerError(EdgeqError):
    """A model could not be run; this affects only its own verdicts.

    Attributes:
        output: The last of what the worker wrote to standard error.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        remedy: str | None = None,
        output: str = "",
    ):
        self.output = output
        super().__init__(what, where=where, remedy=remedy)


class ModelRefusedError(WorkerError):
    """The runtime refused to load or run the model and said why."""


class TargetError(WorkerError):
    """A target can't be reached, was lost, or does not run models as it should.

    That says nothing about the models that should run there.
    """


class UnlikeOutputsError(WorkerError):
    """A variant's outputs can't be compared with the baseline's: their number or shape differs."""


class WorkerCrashedError(WorkerError):
    """The worker was ended by a signal or returned an exit code."""


class WorkerTimeoutError(WorkerError):
    """The worker did not answer within its time limit and was stopped."""


class WorkerMemoryError(WorkerError):
    """The worker exceeded its memory limit and was stopped."""


class ClusterError(EdgeqError):
    """The machines of a cluster can't be used; no variant is at fault."""


class UnforeseenError(EdgeqError):
    """An unexpected error with one file or variant; this affects only its own verdicts."""

    @classmethod
    def of(cls, error: Exception) -> UnforeseenError:
        """Wrap an exception, with the place in the code where it was raised."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        code = None if place is None else place.tb_frame.f_code
        at = f" ({Path(code.co_filename).name}, {code.co_name})" if code is not None else ""
        detail = f": {error}" if str(error) else ""
        return cls(
            f"edgeq failed with {type(error).__name__}{detail}{at}",
            remedy="Check the file; if it is sound, report this as a bug",
        )


class RecordError(EdgeqError):
    """A record can't be read or is not one."""


class BundleError(EdgeqError):
    """A deployment package can't be made or does not verify."""
