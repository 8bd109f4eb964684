"""TensorFlow Lite Micro on this machine, with the kernels and the arena of a microcontroller.

Google's package interprets a file with TFLM's own kernels, which are the reference kernels, and
reports how many bytes of the arena the file needs. Latency here says nothing about a
microcontroller.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version

from edgeq.config.target_kinds import NoSettings
from edgeq.errors import EdgeqError
from edgeq.processes.environment import importable
from edgeq.run.targets import Target

PACKAGE, EXTRA = "tflite-micro", "tflite-micro"


def start(name: str, settings: NoSettings) -> Target:
    """Return the command line that starts a worker with TFLM's interpreter.

    Raises:
        EdgeqError: The package is not installed. It has wheels for few systems only.
    """
    del settings
    try:
        version(PACKAGE)
    except PackageNotFoundError as error:
        raise EdgeqError(
            f"a target of the kind tflite-micro needs the package {PACKAGE!r}, which is not "
            "installed",
            where=name,
            remedy=f"Install it with: pip install 'edgeq[{EXTRA}]' (it has wheels for Linux on "
            "x86-64 and CPython 3.11 to 3.13)",
        ) from error
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = importable(os.environ).get("PYTHONPATH")
    return Target(
        name,
        (sys.executable, "-P", "-m", "edgeq.targets.micro_worker"),
        local_files=True,
        environment=threads if path is None else {**threads, "PYTHONPATH": path},
    )
