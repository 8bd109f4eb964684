"""What a command's processes cost: memory of the whole tree, and what was started."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PERIOD_S = 0.1
SHARE = 0.02
"""Of a core that looking at memory may take: what is measured would want the rest of it too."""


@dataclass
class Cost:
    """What a command cost.

    Attributes:
        code: Its exit code.
        seconds: Wall time.
        cpu_s: Processor time of it and of the children that it waited for.
        peak_pss: Most memory of all its processes at one time, in bytes: pages that several
            share count once (proportional set size).
        peak_private: The same of pages that no file holds (anonymous).
        commands: The command lines of its processes, each process once.
        used_s: Processor time of each of these processes when it was last looked at.
        output: Standard output and error.
    """

    code: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_pss: int = 0
    peak_private: int = 0
    commands: dict[int, str] = field(default_factory=dict)
    used_s: dict[int, float] = field(default_factory=dict)
    output: str = ""

    def started(self, word: str) -> int:
        """Return how many of the processes have a word in their command line."""
        return sum(word in command for command in self.commands.values())


def measure(
    command: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    watch: Callable[[subprocess.Popen[str]], None] | None = None,
) -> Cost:
    """Run a command in a folder and return what it cost; Linux alone tells (``/proc``).

    Args:
        command: The command.
        folder: Where it runs.
        environment: Added to this process's own.
        watch: Called every ``PERIOD_S`` with the process.

    Python may keep the bytecode of what it imports, as it does for who installed edgeq.
    """
    cost = Cost()
    before = children_cpu_s()
    start = time.perf_counter()
    log = folder / "output.txt"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**usual_environment(), **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        over = threading.Event()
        sampler = threading.Thread(target=_sample, args=(process.pid, cost, over))
        sampler.start()
        while process.poll() is None:
            if watch is not None:
                watch(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PERIOD_S)
        cost.seconds = time.perf_counter() - start
        over.set()
        sampler.join()
    cost.code = process.returncode
    cost.cpu_s = children_cpu_s() - before
    cost.output = log.read_text("utf-8", "replace")
    return cost


def usual_environment() -> dict[str, str]:
    """Return this process's environment, without what keeps Python from keeping bytecode."""
    return {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}


def children_cpu_s() -> float:
    """Return the processor time of all children that were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sample(root: int, cost: Cost, over: threading.Event) -> None:
    pause = PERIOD_S
    while not over.wait(pause):
        start = time.thread_time()
        pss = private = 0
        for pid in tree(root):
            facts = _memory(pid)
            pss += facts.get("Pss", 0)
            private += facts.get("Anonymous", 0)
            # Until it runs its program, a process has its parent's command.
            cost.commands[pid] = _command(pid) or cost.commands.get(pid, "")
            cost.used_s[pid] = max(_used_s(pid), cost.used_s.get(pid, 0.0))
        cost.peak_pss = max(cost.peak_pss, pss)
        cost.peak_private = max(cost.peak_private, private)
        pause = max(PERIOD_S, (time.thread_time() - start) / SHARE)


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text("ascii").split()]
            except OSError:
                continue
    return found


def _memory(pid: int) -> dict[str, int]:
    """Return the sums of a process's mappings in bytes, nothing if it is gone."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    except OSError:
        return {}
    return {name: int(row.split()[0]) * 1024 for name, row in (row.split(":", 1) for row in rows)}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _used_s(pid: int) -> float:
    """Return the processor time of a process, 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load_note() -> str:
    """Return how busy the machine is, for who reads the times."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    busy = "BUSY: times mean little" if load > cores * 0.5 else "idle"
    return f"load average {load:.1f} on {cores} cores ({busy})"
