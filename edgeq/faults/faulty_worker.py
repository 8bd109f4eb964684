"""A worker that does wrong with marked models, and with others what the worker does.

Started as ``python faulty_worker.py WORKER``, where WORKER is the file of the worker proper. A
model is marked by ``MARK``, a JSON object and a line's end behind its last byte.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

MARK = b"\nedgeq-conduct:"


def marked(content: bytes, conduct: dict[str, object]) -> bytes:
    """Return a model that a faulty worker does wrong with."""
    return content + MARK + json.dumps(conduct, sort_keys=True).encode() + b"\n"


def conduct_of(content: bytes) -> dict[str, Any]:
    """Return what a faulty worker does with a model, nothing where it is not marked."""
    start = content.rfind(MARK)
    if start < 0:
        return {}
    found: dict[str, Any] = json.loads(content[start + len(MARK) :].split(b"\n", 1)[0])
    return found


class Conduct:
    """What is done wrong with one model.

    Args:
        told: As in the model's mark.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.what, self._told = told.get("do"), told
        self._invoked = 0
        self._kept: list[Any] | None = None
        self._ballast: list[Any] = []

    def before_load(self) -> None:
        """Refuse or crash where that is to happen while the model loads."""
        if self.what == "refuse":
            raise ValueError("the model is refused")
        self._crash()

    def ballast(self) -> Any:
        """Return memory that is kept with the model, written to so that it is resident."""
        import numpy as np

        return np.ones(self._told.get("bytes", 0), np.uint8)

    def after_invoke(self, start: float, seconds: float) -> float:
        """Crash, hang, keep memory or take longer; return the seconds that it took in all."""
        self._invoked += 1
        self._crash()
        if self.what == "grow":
            self._ballast.append(self.ballast())
        while self.what == "hang" and self._invoked > self._told["after"]:
            time.sleep(1)
        if self.what != "slower":
            return seconds
        end = start + seconds * (1 + self._told["factor"])
        while time.perf_counter() < end:
            pass
        return time.perf_counter() - start

    def answers(self, found: list[Any]) -> list[Any]:
        """Return other answers in place of those that the model gave."""
        import numpy as np

        if self.what == "nan":
            for one in found:
                one.reshape(-1)[0] = np.nan
        if self.what == "noise":
            drawn = np.random.default_rng()
            return [one + drawn.normal(0, one.std(), one.shape) for one in found]
        if self.what in {"constant", "stale"}:
            kept = found if self._kept is None else self._kept
            self._kept = found if self.what == "stale" else kept
            return kept
        return found

    def _crash(self) -> None:
        if self.what == "crash" and self._invoked > self._told["after"]:
            os.kill(os.getpid(), signal.SIGSEGV)


def faulty(base: type) -> type:
    """Return a kind of model, as the worker has it, that is run wrongly where it is marked."""
    kind: Any = base

    class FaultyModel(kind):  # type: ignore[misc] # the worker's own class, known at run time
        def __init__(self, source: dict[str, Any], request: dict[str, Any]) -> None:
            path = source.get("model_path")
            content = Path(path).read_bytes() if path else source["model_content"]
            self.conduct = Conduct(conduct_of(content))
            self.conduct.before_load()
            super().__init__(source, request)
            self.ballast = self.conduct.ballast()

        def invoke(self) -> float:
            start = time.perf_counter()
            return self.conduct.after_invoke(start, super().invoke())

        def answers(self) -> list[Any]:
            return self.conduct.answers(super().answers())

    return FaultyModel


def main(worker: str) -> int:
    """Serve as the worker, with another kind of model."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    spec = importlib.util.spec_from_file_location("edgeq_worker", worker)
    if spec is None or spec.loader is None:
        return 1
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Model = faulty(module.Model)
    return int(module.main())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
