from __future__ import annotations

import subprocess
import sys

from edgeq.run import worker
from edgeq.run.targets import WORKER
from edgeq.targets.travelling import TOO_OLD, _bare, travelling
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


def test_what_a_worker_does_not_need_to_run_stays_here() -> None:
    source = b'"""Long."""\ndef f():\n    """Only this."""\nclass A:\n    """B."""\n    c = 1 # d\n'
    bare = _bare(source)
    assert bare == b"def f():\n    pass\n\nclass A:\n    c = 1"


def test_the_worker_itself_is_the_same_without_its_comments() -> None:
    names = [name for name in vars(worker) if name.startswith(("op_", "Worker", "Model", "main"))]
    bare: dict[str, object] = {"__name__": "bare"}
    exec(compile(_bare(WORKER.read_bytes()), "worker.py", "exec"), bare)  # noqa: S102 - our own
    assert set(names) <= set(bare)
    assert bare["PROTOCOL"] == worker.PROTOCOL
