"""Eight processes on one empty store: every entry is made once, and never read half.

``python benchmarks/robustness/store_race.py --rounds 50 --processes 8``: in each round processes
start on an empty store at the same moment and ask for the same entries in different orders, each
of several files and slow enough to make that the others come in between. Exit code 1 where an entry
was made twice, read wrong, or the store does not verify.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from edgeq.store import prune
from edgeq.store.content import Store

ENTRIES = 6
PROCESS = f"""
import pathlib, random, sys, time, uuid
from edgeq.store.content import Store

root, log = map(pathlib.Path, sys.argv[1:])
names = [str(number) for number in range({ENTRIES})]
random.shuffle(names)
print("ready", flush=True)
sys.stdin.readline()
for name in names:
    content = name.encode() * 100_000

    def make(folder):
        (log / f"{{name}}-{{uuid.uuid4().hex}}").touch()
        with (folder / "model.tflite").open("wb") as file:
            for start in range(0, len(content), 20_000):
                file.write(content[start : start + 20_000])
                file.flush()
                time.sleep(random.random() / 500)
        (folder / "more").mkdir()
        (folder / "more" / "data").write_bytes(content[::-1])

    entry = Store(root).get_or_make("variants", {{"name": name}}, make)
    assert (entry.folder / "model.tflite").read_bytes() == content
    assert (entry.folder / "more" / "data").read_bytes() == content[::-1]
"""


def race(folder: Path, processes: int) -> str | None:
    """Run one round in an empty folder; return what went wrong."""
    root, log = folder / "store", folder / "log"
    log.mkdir()
    command = [sys.executable, "-c", PROCESS, str(root), str(log)]
    racing = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(processes)
    ]
    for one in racing:
        if one.stdout is not None:
            one.stdout.readline()
    for one in racing:
        if one.stdin is not None:
            one.stdin.write(b"go\n")
            one.stdin.flush()
    ended = [(one.communicate()[1].decode(), one.returncode) for one in racing]
    wrong = [said[-500:] for said, code in ended if code]
    made = Counter(path.name.split("-")[0] for path in log.iterdir())
    if wrong:
        return f"a process failed: {wrong[0]}"
    if made != {str(number): 1 for number in range(ENTRIES)}:
        return f"made more or less than once: {dict(made)}"
    damaged = [why for _, why in prune.verify(Store(root)) if why]
    if damaged or prune.leftovers(Store(root)):
        return f"damaged or left over: {damaged}"
    return None


def main() -> int:
    """Print the figure; 1 where a round went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=8)
    arguments = parser.parse_args()
    wrong = []
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="edgeq-race-") as folder:
            problem = race(Path(folder), arguments.processes)
            if problem is not None:
                wrong.append(f"round {number}: {problem}")
    for line in wrong:
        print(f"FAULT {line}")
    print(
        f"{arguments.rounds} rounds of {arguments.processes} processes on one empty store, "
        f"{ENTRIES} entries each: {len(wrong)} rounds went wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
