"""Bad input: how many lines and seconds it costs, and what edgeq says; as in ``mistakes.md``.

Run ``python -m benchmarks.mistakes``: it makes one mistake after the other in a small project and
runs ``pytest`` and ``edgeq gate``, with one method and with four, each command timed as a whole.
Then it prints what they say, and what ``edgeq doctor`` says of each input that is not taken. The
exit code is 1 if a mistake costs more than five lines or two seconds of processor time. Wall clock
is what a user waits; on a busy machine it is more than the processor's time, and both are shown.
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.plugin.projects import save_photographs
from tests.plugin.test_said_once import save_keras
from tests.unit.pipeline.test_ahead import REFUSED
from tests.unit.tiny_model import classifier

MAX_LINES = 5
MAX_S = 2.0
ALL = ("dynamic_range", "float16", "int8", "weight_only_int8")
# Hypothesis is not part of edgeq; its plugin imports all of it to end a session without its tests.
COMMANDS = {
    "pytest": ("-m", "pytest", "-p", "no:hypothesispytest"),
    "edgeq gate": ("-m", "edgeq.cli", "gate"),
}
PYTESTS_OWN = ("platform ", "benchmark: ", "rootdir: ", "plugins: ", "collected ", "=====")
SPEC = """methods = [{methods}]

[models.net]
source = "{source}"
preprocessing = "keras-0-255"

[images]
calibration = "{calibration}"
evaluation = "evaluation"
{more}"""


def custom_layer(folder: Path) -> None:
    """Write a .keras file with a layer that only the user's own code has."""
    save_keras(folder / "custom.keras", "Scale", module=None, registered_name="mine>Scale")


def nothing(_: Path) -> None:
    """Leave the folder as it is."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in the spec.

    Attributes:
        source: Of the model.
        calibration: The folder.
        more: Further lines of ``[images]``.
        make: What else lies in the project's folder.
    """

    source: str = "net.tflite"
    calibration: str = "calibration"
    more: str = ""
    make: Callable[[Path], None] = nothing


MISTAKES = {
    "a wrong path": Mistake(source="nett.tflite"),
    "a wrong folder": Mistake(calibration="calib"),
    "a csv that is not there": Mistake(more='labels = "labels.csv"\n'),
    "a module that is not there": Mistake(source="nets.small:build"),
    "a custom layer": Mistake(source="custom.keras", make=custom_layer),
}


@dataclass(frozen=True)
class Cost:
    """What one command came to."""

    code: int
    wall_s: float
    processor_s: float
    text: str

    @property
    def lines(self) -> int:
        """Lines that are not pytest's own, the title of edgeq's section among them."""
        lines = [line for line in self.text.splitlines() if line]
        own = [line for line in lines if not line.startswith(PYTESTS_OWN)]
        return len(own) + sum("= edgeq" in line for line in lines)


def main() -> int:
    """Print the table and the transcripts; 1 if a mistake costs too much."""
    good = True
    said: list[str] = []
    print("| mistake | methods | command | exit code | lines | s | processor s |")
    print("|---|--:|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="edgeq-mistakes-") as made:
        root = Path(made)
        for title, mistake in MISTAKES.items():
            for count in (1, len(ALL)):
                methods = ALL[-2:-1] if count == 1 else ALL
                folder = project(root / f"{title}-{count}".replace(" ", "-"), mistake, methods)
                for name, command in COMMANDS.items():
                    cost = run(folder, *command)
                    print(
                        f"| {title} | {count} | `{name}` | {cost.code} | {cost.lines} | "
                        f"{cost.wall_s:.2f} | {cost.processor_s:.2f} |",
                        flush=True,
                    )
                    good &= cost.code == 2 and cost.lines <= MAX_LINES
                    good &= min(cost.processor_s, cost.wall_s) <= MAX_S
                    if name == "edgeq gate" and count == len(ALL):
                        said.append(transcript(title, "edgeq gate", cost))
        for title, (model, _) in REFUSED.items():
            folder = project(root / title.replace(" ", "-"), Mistake(), ("int8",))
            (folder / "net.tflite").write_bytes(model())
            cost = run(folder, "-m", "edgeq.cli", "doctor")
            good &= cost.code == 2
            said.append(transcript(f"{title}: not taken yet", "edgeq doctor", about_spec(cost)))
    print("\n" + "\n".join(said))
    return 0 if good else 1


def project(folder: Path, mistake: Mistake, methods: tuple[str, ...]) -> Path:
    """Lay out a project with a mistake in it."""
    folder.mkdir()
    save_photographs(folder / "evaluation")
    save_photographs(folder / "calibration", seed=1, flat=True)
    (folder / "net.tflite").write_bytes(classifier(size=(8, 8), classes=40, seed=1))
    (folder / "test_gate.py").write_text("from edgeq.gate import *\n", encoding="utf-8")
    mistake.make(folder)
    quoted = ", ".join(f'"{one}"' for one in methods)
    (folder / "edgeq.toml").write_text(
        SPEC.format(
            methods=quoted,
            source=mistake.source,
            calibration=mistake.calibration,
            more=mistake.more,
        ),
        encoding="utf-8",
    )
    return folder


def run(folder: Path, *command: str) -> Cost:
    """Run a command in a folder, its processor time counted with that of its children."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    environment.pop("EDGEQ_DATA", None)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(done.returncode, wall, processor, done.stdout.replace(f"{folder}{os.sep}", ""))


def about_spec(cost: Cost) -> Cost:
    """Return what the doctor says without the lines about this machine."""
    lines = cost.text.splitlines()
    end = next(place for place, line in enumerate(lines) if line.startswith("machine"))
    return Cost(cost.code, cost.wall_s, cost.processor_s, "\n".join([*lines[:end], lines[-1]]))


def transcript(title: str, command: str, cost: Cost) -> str:
    """Return a command with what it says, as Markdown."""
    text = cost.text.rstrip()
    words = shlex.join(command.split())
    head = f"## {title[0].upper()}{title[1:]}"
    return f"{head}\n\n```console\n$ {words}\n{text}\n$ echo $?\n{cost.code}\n```\n"


if __name__ == "__main__":
    sys.exit(main())
