"""Two gates at once in one folder: its reports are one run's or the other's, never of both.

``python -m benchmarks.robustness.reports_race --rounds 50``: a project has two specs, of which one
passes and the other fails, and one folder of reports. In each round both gates are started at the
same moment on a warm store, with one file for JUnit. After each, the record, the page, the summary,
the table of cases and JUnit must belong together, the list of runs must be that of history, and
history must hold both runs. Exit code 1 if anything is mixed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks.robustness import kills
from edgeq.history import past
from edgeq.record import structs as records
from edgeq.record.exit_code import exit_code
from edgeq.report import cases_csv, index, markdown
from edgeq.report.embedded_record import embedded_record
from edgeq.report.trends import trends
from tests.plugin.projects import to_toml

GOOD = {**kills.SPEC, "variants": {"vendor": {"model": "tiny", "file": "vendor.tflite"}}}
"""A project whose gate passes."""

SPECS = {"good.toml": 1_000_000, "bad.toml": 1}
CODES = {"good.toml": 0, "bad.toml": 1}
JUNIT = "reports/junit.xml"


def build(folder: Path) -> None:
    """Write the project with both specs, and make what they need."""
    kills.build(folder)
    for name, most in SPECS.items():
        gates = {**kills.SPEC["gates"], "max_bytes": most}
        (folder / name).write_text(to_toml({**GOOD, "gates": gates}), "utf-8")
        start(folder, name).communicate()


def start(folder: Path, spec: str) -> subprocess.Popen[bytes]:
    """Start a gate."""
    command = (*kills.COMMAND, "--edgeq-config", spec, f"--junitxml={JUNIT}")
    return subprocess.Popen(
        command,
        cwd=folder,
        env=kills.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def race(folder: Path) -> list[str]:
    """Run both gates at once; return what does not belong together."""
    before = len(past.read_all(folder / "reports" / past.FOLDER).runs)
    racing = {name: start(folder, name) for name in SPECS}
    said = {name: one.communicate()[0].decode() for name, one in racing.items()}
    wrong = [
        f"{name} ended with {one.returncode}: {said[name][-300:]}"
        for name, one in racing.items()
        if one.returncode != CODES[name]
    ]
    return wrong + mixed(folder / "reports", before + len(SPECS))


def mixed(reports: Path, runs: int) -> list[str]:
    """Return which files of a folder of reports do not belong to its record.

    Args:
        reports: The folder.
        runs: How many runs its history must hold.
    """
    latest = reports / "latest"
    record = records.read(latest / "run.json")
    history = past.read_all(reports / past.FOLDER)
    suite = ET.parse(reports / "junit.xml").iterfind(  # noqa: S314 - pytest wrote it
        "./testsuite/properties/property"
    )
    said = {one.attrib["name"]: one.attrib["value"] for one in suite}
    belongs = {
        "report.html": embedded_record((latest / "report.html").read_text("utf-8")) == record,
        "summary.md": (latest / "summary.md").read_text("utf-8") == markdown.render(record),
        "cases.csv": (latest / "cases.csv").read_bytes().decode() == cases_csv.render(record),
        "junit.xml": said["edgeq.exit_code"] == str(exit_code(record)),
        "history": len(history.runs) == min(runs, 50) and not history.damaged,
        "the last of history": history.runs[-1].started == record.started,
        # gates stand in the order of the run that wrote the list, which history does not keep
        "index.html": sorted((reports / "index.html").read_text("utf-8").splitlines())
        == sorted(index.render(history, trends(history.runs), latest=True).splitlines()),
    }
    return [f"{name} does not belong to the record" for name, good in belongs.items() if not good]


def main() -> int:
    """Print the figure; 1 if anything was mixed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    wrong = []
    last = {"good.toml": 0, "bad.toml": 0}
    with tempfile.TemporaryDirectory(prefix="edgeq two gates ") as name:
        folder = Path(name)
        build(folder)
        for number in range(1, arguments.rounds + 1):
            wrong += [f"round {number}: {one}" for one in race(folder)]
            code = exit_code(records.read(folder / "reports" / "latest" / "run.json"))
            last["bad.toml" if code else "good.toml"] += 1
    for line in wrong[:20]:
        print(f"FAULT {line}")
    print(
        f"{arguments.rounds} rounds of two gates in one folder: {len(wrong)} mixtures; the passing "
        f"run was the last {last['good.toml']} times, the failing one {last['bad.toml']} times"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
