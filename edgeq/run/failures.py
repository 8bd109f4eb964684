"""What a silent worker is doing, and the error that describes how a worker failed."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgeq.errors import (
    ModelRefusedError,
    TargetError,
    WorkerCrashedError,
    WorkerError,
    WorkerMemoryError,
    WorkerTimeoutError,
)
from edgeq.run.channel import SHELL_SIGNAL, describe_end
from edgeq.run.targets import Ended, Explanation, unexplained
from edgeq.words import size

INFERENCE = "one inference"
_ACTIVITIES = {
    "hello": "its start",
    "receive": "taking the model in",
    "load": "loading the model",
    "infer": INFERENCE,
    "infer_tensors": INFERENCE,
    "repeat": INFERENCE,
    "time": f"{INFERENCE} while timing",
}


@dataclass(frozen=True)
class Doing:
    """A request in progress.

    ``op`` is the request's name. Images known to be done are counted once a second; ``total`` is 0
    if the request is not about images.
    """

    op: str
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        """Return the request, for example ``"infer (image 3 or later)"``."""
        return f"{self.op} (image {self.done} or later)" if self.total else self.op

    @property
    def infers(self) -> bool:
        """Whether a model runs; workers report between inferences, so a silence is just one."""
        return _ACTIVITIES.get(self.op, "").startswith(INFERENCE)

    @property
    def activity(self) -> str:
        """What a silent worker is doing, for example ``"one inference"``."""
        return _ACTIVITIES.get(self.op, self.op)

    @property
    def progress(self) -> str:
        """The progress, for example ``"after 3 of 20 images or more"``; ``""`` if unknown.

        The worker reports once a second, so it may be further along if inferences are quick.
        """
        if not self.total or self.total == 1:
            return ""
        more = " or more" if self.done + 1 < self.total else ""
        return f"after {self.done:,} of {self.total:,} images{more}"


Waiting = Callable[[Doing, float], None]
"""Called now and then with what a silent worker is doing, and the seconds it has been silent."""


def ignore(doing: Doing, seconds: float) -> None:
    """Ignore the silence."""


MESSAGE_LENGTH = 400
_MEMORY_WORDS = ("bad_alloc", "memoryerror", "cannot allocate memory")
_REFUSALS = ("ValueError", "RuntimeError")
_NOT_MAPPED = f"failed with error '{errno.ENOMEM:d}'"
"""What LiteRT says of a file that the system does not map into memory."""


@dataclass(frozen=True)
class Circumstances:
    """The circumstances under which a worker failed.

    Attributes:
        where: The variant, for people.
        doing: The request.
        output: The last of the worker's standard error.
        timeout_s: Time limit for an answer, in seconds.
        memory_limit: Memory limit of the worker in bytes, or None.
        explain: The target's function that says what its command's end means.
    """

    where: str | None
    doing: Doing
    output: str
    timeout_s: float
    memory_limit: int | None
    explain: Callable[[Ended], Explanation | None] = unexplained

    def ended(self, code: int | None) -> WorkerError:
        """Return the error for a worker that ended, or that closed its pipe if there is no code."""
        printed = self.output.lower()
        if self.memory_limit is not None and any(word in printed for word in _MEMORY_WORDS):
            return self.out_of_memory()
        if code is None:
            return self._error(
                WorkerCrashedError, f"the worker closed its pipe while it ran {self.doing}"
            )
        known = self.explain(Ended(code, self.output, greeted=self.doing.op != "hello"))
        if known is not None:
            return self._error(TargetError, known.what, known.remedy)
        remedy = None
        if code in {-signal.SIGKILL, SHELL_SIGNAL + signal.SIGKILL}:
            remedy = "Something else stopped it: the system may have run out of memory"
        return self._error(
            WorkerCrashedError,
            f"the worker ended {describe_end(code)} while it ran {self.doing}",
            remedy,
        )

    def silent(self) -> WorkerError:
        """Return the error for a worker that did not answer in time."""
        progress = f" {self.doing.progress}" if self.doing.progress else ""
        return self._error(
            WorkerTimeoutError,
            f"the worker was silent for {self.timeout_s:g} s (run.timeout_s) during "
            f"{self.doing.activity}{progress}, and was stopped",
            f"If {self.doing.activity} may take longer than {self.timeout_s:g} s, raise "
            "run.timeout_s; otherwise the model hangs there",
        )

    def out_of_memory(self) -> WorkerError:
        """Return the error for a worker that exceeded its memory limit."""
        limit = size(self.memory_limit or 0)
        return self._error(
            WorkerMemoryError,
            f"the worker went over its memory limit of {limit} while it ran {self.doing}",
            "Raise run.memory_limit if the model may need that much",
        )

    def babble(self, answer: object) -> WorkerError:
        """Return the error for a worker whose answer is invalid."""
        remedy = None
        if self.doing.op == "hello":
            remedy = "If a shell starts the worker, its start files must not print anything"
        return self._error(
            WorkerError, f"the worker's answer to {self.doing} is not valid: {answer}", remedy
        )

    def reported(self, header: Mapping[str, Any]) -> WorkerError:
        """Return the error that the worker itself reported."""
        kinds = [str(kind) for kind in header.get("kinds", ())]
        message = one_line(str(header.get("message", "")))
        if "MemoryError" in kinds and self.memory_limit is not None:
            return self.out_of_memory()
        if self.doing.op == "receive" and "OSError" in kinds:
            return self._error(
                WorkerError,
                f"the model can't be written there: {message}",
                "Free some space there, in /var/tmp or the folder for temporary files",
            )
        if "UnicodeDecodeError" in kinds:
            return self._error(
                ModelRefusedError,
                f"the runtime refused {self.doing}: the name of a tensor is not UTF-8",
                "Give the layers of the model names in UTF-8 and convert it again",
            )
        if any(kind in kinds for kind in _REFUSALS):
            reason = message or "no reason given, as after a failed allocation"
            what, remedy = f"the runtime refused {self.doing}: {reason}", None
            if _NOT_MAPPED in message:
                what = f"there is not enough memory for {self.doing}: {message}"
                remedy = "Free some memory there, or use a smaller variant"
            return self._error(ModelRefusedError, what, remedy)
        if "ImportError" in kinds:
            return self._error(
                WorkerError,
                f"the worker can't start: {message}",
                "Install ai-edge-litert and numpy for the Python that runs the worker",
            )
        kind = kinds[0] if kinds else "an error"
        return self._error(
            WorkerError, f"the worker failed while it ran {self.doing}: {kind} {message}".strip()
        )

    def _error(self, kind: type[WorkerError], what: str, remedy: str | None = None) -> WorkerError:
        return kind(what, where=self.where or None, remedy=remedy, output=self.output)


def one_line(text: str) -> str:
    """Return a library's message as one line of limited length, without a full stop."""
    line = " ".join(text.split()).rstrip(". ")
    return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 4] + " ..."
