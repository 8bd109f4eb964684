"""``edgeq init``: writes the first files of a project."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

from edgeq.cli.say import say
from edgeq.errors import SpecError

STARTERS = {"edgeq.toml": "starter.toml", "tests/test_gate.py": "starter_test.py.txt"}


@click.command(short_help="Write a commented edgeq.toml and tests/test_gate.py.")
@click.argument(
    "folder",
    default=".",
    metavar="[DIR]",
    type=click.Path(path_type=Path, file_okay=False),
)
def init(folder: Path) -> int:
    """Write tests/test_gate.py and a commented edgeq.toml into DIR (default: here).

    Existing files are never changed.
    """
    write_starters(folder)
    go = "" if folder == Path() else f"cd {folder}, "
    say(f"Wrote {' and '.join(str(folder / name) for name in STARTERS)}.")
    say(f"Next: {go}name your models and photographs in edgeq.toml, then")
    say("  edgeq doctor    checks that everything it names is available")
    say("  pytest          runs the gate; the report is reports/latest/report.html")
    say("  edgeq accept    keeps the figures of a good run: later runs fail if they are worse")
    say("  edgeq bundle    packs the cleared variants")
    say("Keep reports/ out of git, except for reports/accepted/, which `edgeq accept` writes.")
    say(".edgeq/, where variants are kept, ignores itself.")
    return 0


def write_starters(folder: Path) -> None:
    """Write all starter files, or none.

    Raises:
        SpecError: The folder already has one of them, or a spec.
        StoreError: The files can't be written.
    """
    from edgeq.io.files import write_text

    refuse_existing(folder)
    texts = {
        folder / name: Path(__file__).with_name(starter).read_text(encoding="utf-8")
        for name, starter in STARTERS.items()
    }
    written: list[Path] = []
    try:
        for path, text in texts.items():
            write_text(path, text)
            written.append(path)
    finally:
        if len(written) < len(texts):
            for path in written:
                path.unlink(missing_ok=True)


def refuse_existing(folder: Path) -> None:
    """Refuse to overwrite files, or to add a second spec to one in ``pyproject.toml``.

    Raises:
        SpecError: Such files exist; names them.
    """
    there = [str(folder / name) for name in STARTERS if (folder / name).exists()]
    if there:
        verb = "exists" if len(there) == 1 else "exist"
        raise SpecError(
            f"{' and '.join(there)} already {verb}",
            remedy="Nothing was written; remove what you no longer want, or choose another folder",
        )
    shared = folder / "pyproject.toml"
    if shared.is_file() and "edgeq" in _tools(shared):
        raise SpecError(
            "already has a spec, in [tool.edgeq]",
            where=shared,
            remedy="Nothing was written; an edgeq.toml would take its place",
        )


def _tools(path: Path) -> dict[str, object]:
    from edgeq.io.files import read_text

    try:
        tables = tomllib.loads(read_text(path)).get("tool", {})
    except (OSError, ValueError):
        return {}
    return tables if isinstance(tables, dict) else {}
