"""A worker that misbehaves with marked models and behaves normally with others.

It is started as ``python faulty_worker.py WORKER``, with the file of the real worker. A model is
marked by ``MARK``, a JSON object and a newline after its last byte.
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
    """Return a model with a mark that makes a faulty worker misbehave."""
    return content + MARK + json.dumps(conduct, sort_keys=True).encode() + b"\n"


def conduct_of(content: bytes) -> dict[str, Any]:
    """Return what a faulty worker does wrong with a model; empty if it is not marked."""
    start = content.rfind(MARK)
    if start < 0:
        return {}
    conduct: dict[str, Any] = json.loads(content[start + len(MARK) :].split(b"\n", 1)[0])
    return conduct


class Conduct:
    """How a worker misbehaves with one model."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.what, self._settings = settings.get("do"), settings
        self._invoked = 0
        self._earlier: list[Any] | None = None
        self._ballast: list[Any] = []

    def before_load(self) -> None:
        """Refuse the model or crash, if that is to happen while it loads."""
        if self.what == "refuse":
            raise ValueError("the model is refused")
        self._crash()

    def ballast(self) -> Any:
        """Return memory to keep with the model, written to so that it is resident."""
        import numpy as np

        return np.ones(self._settings.get("bytes", 0), np.uint8)

    def after_invoke(self, start: float, seconds: float) -> float:
        """Crash, hang, leak memory or take longer; return the total time in seconds."""
        self._invoked += 1
        self._crash()
        if self.what == "grow":
            self._ballast.append(self.ballast())
        while self.what == "hang" and self._invoked > self._settings["after"]:
            time.sleep(1)
        if self.what != "slower":
            return seconds
        end = start + seconds * (1 + self._settings["factor"])
        while time.perf_counter() < end:
            pass
        return time.perf_counter() - start

    def answers(self, outputs: list[Any]) -> list[Any]:
        """Return wrong outputs in place of the model's own."""
        import numpy as np

        if self.what == "nan":
            for output in outputs:
                output.reshape(-1)[0] = np.nan
        if self.what == "noise":
            drawn = np.random.default_rng()
            return [output + drawn.normal(0, output.std(), output.shape) for output in outputs]
        if self.what in {"constant", "stale"}:
            earlier = outputs if self._earlier is None else self._earlier
            self._earlier = outputs if self.what == "stale" else earlier
            return earlier
        return outputs

    def _crash(self) -> None:
        if self.what == "crash" and self._invoked > self._settings["after"]:
            os.kill(os.getpid(), signal.SIGSEGV)


def faulty(base: type) -> type:
    """Return a subclass of the worker's model class that misbehaves with marked models."""
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

        def tensors(self) -> list[Any]:
            return self.conduct.answers(super().real(super().tensors()))

        def real(self, outputs: list[Any]) -> list[Any]:
            return outputs

    return FaultyModel


def main(worker: str) -> int:
    """Run the worker with the faulty model class."""
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
