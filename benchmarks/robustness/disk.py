"""Disks that are full or may not be written, real ones, below a run's store or reports.

``python -m benchmarks.robustness.disk`` mounts small and read-only file systems for a process of
its own (``unshare -rm``; Linux, where users may do that). Every run must end with exit code 2, say
each problem in one line with what to do, blame no variant for the disk, and leave entries that are
whole: a run on what is left must give the figures of a run without trouble. Exit code 1 where
something else happened, 77 if nothing can be mounted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.robustness import kills
from edgeq.record import structs as records
from edgeq.store import prune
from edgeq.store.content import Store

NOT_HERE = 77
KILOBYTES = (16, 40, 80, 120, 160)
"""Sizes of a full disk: it gives out at different steps of a run."""
UNSHARE = ("unshare", "-rm", "sh", "-c")
SCRIPT = """
place="$1"; kept="$2"; options="$3"; shift 3
mount -t tmpfs -o "$options" tmpfs "$place" || exit 77
"$@"
code=$?
cp -r "$place/." "$kept"
exit $code
"""
SAID = ("No space left on device", "Read-only file system")


def can_mount() -> bool:
    """Return whether a process may mount a file system of its own."""
    if shutil.which("unshare") is None:
        return False
    command = [*UNSHARE, "mount -t tmpfs -o size=8k tmpfs /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def problems(folder: Path, place: str, options: str) -> list[str]:
    """Run the project of ``kills`` with a file system below one of its folders.

    Args:
        folder: An empty one.
        place: ``.edgeq`` or ``reports``.
        options: Of the mount.

    Returns:
        What went wrong, one line each.
    """
    project, kept = folder / "project of Zoë", folder / "kept"
    for one in (project, kept, project / place):
        one.mkdir()
    kills.build(project)
    command = [*UNSHARE, SCRIPT, "sh", str(project / place), str(kept), options, *kills.COMMAND]
    done = subprocess.run(
        command,
        cwd=project,
        env=kills.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wrong = [] if done.returncode == 2 else [f"exit code {done.returncode}"]
    wrong += [word for word in ("Traceback", "INTERNALERROR") if word in done.stdout]
    if not any(said in done.stdout for said in SAID):
        wrong.append("the disk is not named")
    if place == ".edgeq":
        record = records.read(project / "reports" / "latest" / "run.json")
        if record.summary.passes or not record.errors:
            wrong.append(f"the run passes: {record.errors}")
        blamed = [one for one in record.cases if one.status.value in {"PASS", "FAIL"}]
        wrong += [one.reason for one in blamed if any(said in one.reason for said in SAID)]
    shutil.rmtree(project / place)
    kept.rename(project / place)
    if place == ".edgeq":
        store = Store(project / place)
        wrong += [f"{path.name} is damaged: {why}" for path, why in prune.verify(store) if why]
    return wrong + _differences(project, folder)


def _differences(project: Path, folder: Path) -> list[str]:
    """Run on what is left, and a project without trouble; return where they differ."""
    sound = folder / "sound"
    sound.mkdir()
    kills.build(sound)
    kills.run(sound, "sound")
    kills.run(project, "after")
    return kills.differences(kills.figures(sound), kills.figures(project))


def main() -> int:
    """Print each disk with what went wrong; 1 where anything did."""
    if not can_mount():
        print("nothing can be mounted here")
        return NOT_HERE
    bad = False
    full = [f"size={size}k" for size in KILOBYTES]
    print("| disk | below | faults |\n|---|---|---|")
    for place, options in [(".edgeq", one) for one in ("ro", *full)] + [
        ("reports", one) for one in ("ro", *full[:3])
    ]:
        with tempfile.TemporaryDirectory(prefix="edgeq-disk-") as name:
            wrong = problems(Path(name), place, options)
        bad = bad or bool(wrong)
        print(f"| {options} | {place} | {len(wrong)} |", flush=True)
        for line in wrong[:10]:
            print(f"FAULT {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
