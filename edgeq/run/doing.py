"""Describes for people what a silent worker is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
