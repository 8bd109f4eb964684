"""The errors that edgeq raises on purpose.

EdgeqError                  exit code 2: what went wrong, where, and what to do
├── SpecError               the configuration
├── MissingExtraError       an optional dependency that is not installed
├── ModelError              a float model or a ready-made variant that can't be used
│   ├── ChangedFileError    its file was written while the run went on
│   └── ConversionError     a library failed while it made a model; carries its log
├── ImageError              photographs, labels, calibration and evaluation sets
├── StoreError              the content-addressed store
├── WorkerError             a model could not be run
│   ├── ModelRefusedError   the runtime refused the model, with its reason
│   ├── UnlikeOutputsError  outputs that can't be compared with the baseline's
│   ├── WorkerCrashedError  the worker ended by a signal or an exit code
│   ├── WorkerTimeoutError  the worker did not answer in time
│   └── WorkerMemoryError   the worker went over its memory limit
├── UnforeseenError         a variant or file met an error that nobody foresaw
├── RecordError             a record that can't be read
└── BundleError             a deployment package that can't be made or verified
"""

from __future__ import annotations

from pathlib import Path

from edgeq.words.escape import printable


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: a file's name need not be one."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class EdgeqError(Exception):
    """Bad input or a failed tool, said in one line: what, where and what to do.

    Names of files and what libraries say become part of it, so all of it is made printable.

    Attributes:
        what: The problem, without a full stop.
        where: The file, key or variant it was found in.
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
            remedy=f"Install it with: pip install 'edgeq[{extra}]'",
        )
        self.extra = extra


class ModelError(EdgeqError):
    """A model can't be used."""


class ChangedFileError(ModelError):
    """A model's file is not any more what was run."""


class ConversionError(ModelError):
    """A library failed while it made a model.

    Attributes:
        log: The file that holds the library's own output, if any was written.
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
    """The store can't be read or written."""


class WorkerError(EdgeqError):
    """A model could not be run; costs its own verdicts only.

    Attributes:
        output: The last lines that the worker wrote to standard error.
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


class UnlikeOutputsError(WorkerError):
    """A variant's outputs can't be compared with the baseline's: their number or shape differs."""


class WorkerCrashedError(WorkerError):
    """The worker ended by a signal or an exit code of its own."""


class WorkerTimeoutError(WorkerError):
    """The worker did not answer within its time limit and was stopped."""


class WorkerMemoryError(WorkerError):
    """The worker went over its memory limit and was stopped."""


class UnforeseenError(EdgeqError):
    """An error that nobody foresaw, as one file or variant met it; costs its own verdicts only."""

    @classmethod
    def of(cls, error: Exception) -> UnforeseenError:
        """Return one for an error, with the place in the code that it comes from."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        code = None if place is None else place.tb_frame.f_code
        at = f" ({Path(code.co_filename).name}, {code.co_name})" if code is not None else ""
        detail = f": {error}" if str(error) else ""
        return cls(
            f"edgeq failed at it with {type(error).__name__}{detail}{at}",
            remedy="Look at the file it is about; if that is sound, report this",
        )


class RecordError(EdgeqError):
    """A record can't be read or is not one."""


class BundleError(EdgeqError):
    """A deployment package can't be made or does not verify."""
