from __future__ import annotations

import subprocess
import sys

from edgeq.targets.travelling import TOO_OLD, travelling
from tests.patience import PATIENCE_S


def test_the_worker_arrives_whole_and_without_the_home_folder_in_its_path() -> None:
    code = travelling(b"print(__name__, '' in sys.path)\n")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.split() == ["__main__", "False"]


def test_an_old_python_says_so_before_it_reads_the_worker() -> None:
    old = "import sys; sys.version_info = (3, 8, 1)\n"
    done = subprocess.run(
        [sys.executable, "-c", old + travelling(b"print('ran')\n")],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout, done.stderr) == (TOO_OLD, "", "Python 3.8")
