"""The worker as an argument of ``python -c``, for machines on which edgeq is not installed."""

from __future__ import annotations

import base64
import zlib

TOO_OLD = 78
"""Exit code of a Python that is too old for the worker."""


def travelling(worker: bytes) -> str:
    """Return code for ``python -c`` that runs a worker, or reports that this Python is too old.

    The home folder, which ``-c`` puts first in the import path, is removed from it.
    """
    packed = base64.b64encode(zlib.compress(worker, 9)).decode()
    return (
        "import sys;sys.version_info>=(3,9) or (sys.stderr.write('Python %d.%d'%"
        f"sys.version_info[:2]),sys.stderr.flush(),sys.exit({TOO_OLD}));"
        "sys.path[:]=filter(None,sys.path);"
        "import base64,zlib;"
        f"exec(compile(zlib.decompress(base64.b64decode('{packed}')),'worker.py','exec'))"
    )
