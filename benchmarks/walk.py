"""Which modules a case passes on its way from the shipped test to its row of the record.

Run ``python -m benchmarks.walk``. A small network with an int8 variant is validated by the shipped
tests, on photographs whose labels are what the network says, so that the case passes. From the call
of one of them to the row of the record, every module of edgeq that its thread enters is noted: once
after everything was fetched ahead, as in an ordinary run, and once on an empty store with nothing
fetched ahead, as under xdist. A module that is only imported, or that another thread enters, is not
counted.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

import pytest

from edgeq.config.load import load_spec
from edgeq.pipeline.run import Run
from tests.unit.faults.project import lay_out

UNCOUNTED = ("edgeq.errors", "edgeq.registry")
"""Everybody raises the errors of the one, and looks rows up in the other."""

JUDGING = "edgeq.results.judging"
"""Where the row of the record is made, by ``judge``."""

SPEC = """
default_gates = false
methods = ["int8"]
[models.net]
source = "net.tflite"
preprocessing = "keras-tf"
[images]
calibration = "calibration"
evaluation = "evaluation"
[gates]
{gate} = {limit}
"""

SUITE = "from edgeq.gate import *\n"


class Walk:
    """A plugin of pytest that notes which modules are entered while the shipped test runs.

    Args:
        gate: Name of the gate whose case is followed.
        ahead: Whether things are fetched ahead.
    """

    def __init__(self, gate: str, *, ahead: bool) -> None:
        self.gate = gate
        self.ahead = ahead
        self.modules: dict[str, None] = {}

    def pytest_collection_finish(self) -> None:
        """Let nothing be fetched ahead, if that is asked for."""
        if not self.ahead:
            from edgeq.results import prefetch

            prefetch.prefetch = lambda *_, **__: ()

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object:
        """Follow the test of the gate's case."""
        if pyfuncitem.originalname != f"test_{self.gate}":
            return (yield)
        sys.setprofile(self._note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        name = str(frame.f_globals.get("__name__", ""))
        imported = frame.f_code.co_name == "<module>"
        if event == "call" and not imported and name.startswith("edgeq."):
            if not name.startswith(UNCOUNTED):
                self.modules.setdefault(name)
        elif event == "return" and frame.f_code.co_name == "judge" and name == JUDGING:
            sys.setprofile(None)


def follow(gate: str, limit: str, *, ahead: bool) -> tuple[str, ...]:
    """Return the modules that the case of a gate passes, in the order of their first call."""
    with tempfile.TemporaryDirectory() as folder:
        root = lay_out(Path(folder))
        (root / "edgeq.toml").write_text(SPEC.format(gate=gate, limit=limit), "utf-8")
        label(root)
        (root / "test_gate.py").write_text(SUITE, "utf-8")
        walk = Walk(gate, ahead=ahead)
        options = ["-q", "-p", "no:cacheprovider", "--rootdir", folder, folder]
        code = pytest.main([*options, *([] if ahead else ["-k", gate])], [walk])
        if code:
            raise SystemExit(f"the gate ended with {code}")
        return tuple(walk.modules)


def label(root: Path) -> None:
    """Label the photographs with the classes that the network gives them, and empty the store."""
    photographs = root / "evaluation"
    run = Run(load_spec(root))
    names = [photo.name for photo in run.baseline("net").samples.photos]
    classes = run.baseline("net").predictions.predicted
    rows = [f"{name},{index}" for name, index in zip(names, classes, strict=True)]
    (photographs / "labels.csv").write_text("\n".join(["file,class_index", *rows]) + "\n", "utf-8")
    shutil.rmtree(run.store.root)


def main() -> None:
    """Print the modules and their number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", default="top1_agreement")
    parser.add_argument("--limit", default="0.4")
    parser.add_argument("--ahead", choices=("yes", "no"), help="one of the two ways alone")
    options = parser.parse_args()
    if options.ahead is None:
        for way in ("yes", "no"):
            command = [sys.executable, "-m", "benchmarks.walk", "--ahead", way]
            command += ["--gate", options.gate, "--limit", options.limit]
            subprocess.run(command, check=True)
        return
    modules = follow(options.gate, options.limit, ahead=options.ahead == "yes")
    way = "fetched ahead" if options.ahead == "yes" else "nothing fetched ahead, empty store"
    print(f"\n{options.gate}, {way}: {len(modules)} modules")
    print("\n".join(f"  {name}" for name in modules))


if __name__ == "__main__":
    main()
