"""The reference: commands, keys, gates, methods, exit codes, record and API, made from the code.

Each page is written while the site is built, so that it can't differ from the code. The pages of
``docs/`` that are written by hand explain what a table can't.
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click
    import msgspec
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[2]
FOLDER = "reference"
_SECTION = re.compile(r"(?m)^(Args|Attributes|Returns|Raises|Yields):\n((?:(?:    .*)?\n)+)")
_ENTRY = re.compile(r"(?m)^    (\w+(?:, \w+)*): ((?:.*\n)(?:     .*\n)*)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    from mkdocs.structure.files import File

    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    for name, page in PAGES.items():
        files.append(File.generated(config, f"{FOLDER}/{name}.md", content=page()))
    return files


def commands() -> str:
    """Return every command with its help."""
    from edgeq.cli import edgeq

    lines = [
        "# Commands and options",
        "",
        "What `--help` says of each command. [Commands](../commands.md) explains them.",
    ]
    for path, command in _commands(edgeq, ("edgeq",)):
        text = _help(command, path)
        lines += ["", f"## {' '.join(path)}", "", "```text", text.strip(), "```"]
    return _page(lines)


def _commands(
    group: click.Group, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    import click

    for name, command in sorted(group.commands.items()):
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def _help(command: click.Command, path: tuple[str, ...]) -> str:
    import click

    context = click.Context(command, info_name=" ".join(path), max_content_width=100)
    context.terminal_width = 100
    return command.get_help(context)


def spec() -> str:
    """Return every table of a spec with its keys."""
    from edgeq.config import structs

    tables = (
        ("The spec", structs.Spec, "Keys at the top of `edgeq.toml`, or of `[tool.edgeq]`."),
        ("`[models.NAME]`", structs.Model, ""),
        ("`[variants.NAME]`", structs.ReadyVariant, ""),
        ("`[images]`, `[models.NAME.images]`", structs.Images, ""),
        ("A preprocessing", structs.Preprocessing, "Where a preset's name may stand, too."),
        ("`[run]`", structs.Run, ""),
        ("`[latency]`", structs.Latency, ""),
        ("`[make]`", structs.Make, ""),
        ("`[repair]`", structs.Repair, ""),
        ("`[report]`", structs.Report, ""),
    )
    lines = [
        "# Every key of the spec",
        "",
        (
            "[Configuration](../configuration.md) explains them; limits are on the page of the "
            "[gates](gates.md)."
        ),
    ]
    for title, struct, about in tables:
        lines += ["", f"## {title}", "", *([about, ""] if about else [])]
        lines += _fields(struct, "key", leave_out={"root", "origin"})
    return _page(lines)


def gates() -> str:
    """Return every gate."""
    from edgeq.config.gates import GATES

    senses = {"min": "at least", "max": "at most", "proof": "always on"}
    lines = [
        "# Every gate",
        "",
        (
            "A gate with a limit is a key of `[gates]`; a proof has none. [Gates and proofs]"
            "(../gates.md) explains how each is judged."
        ),
        "",
        "| gate | marker | limit | what it checks |",
        "|---|---|---|---|",
    ]
    for name, gate in GATES:
        limit = senses[gate.sense] + (f", in {gate.unit}" if gate.unit else "")
        lines.append(f"| `{name}` | {gate.marker} | {limit} | {_cell(gate.summary)} |")
    return _page(lines)


def methods() -> str:
    """Return every method."""
    from edgeq.config.methods import METHODS

    lines = [
        "# Every method",
        "",
        "[Methods](../methods.md) says which to choose.",
        "",
        "| method | what it does | engines, the default first | calibration | inputs and outputs |",
        "|---|---|---|---|---|",
    ]
    for name, method in METHODS:
        calibration = "needed" if method.needs_calibration else "none"
        types = ", ".join(sorted(method.io_types))
        engines = ", ".join(method.engines)
        about = _cell(method.summary)
        lines.append(f"| `{name}` | {about} | {engines} | {calibration} | {types} |")
    return _page(lines)


def exit_codes() -> str:
    """Return the exit codes."""
    from edgeq.record import exit_code

    rows = (
        (exit_code.NOTHING_FAILS, "nothing fails; variants may still be unproven or not judged"),
        (exit_code.FAILS, "a case fails, or has no verdict and nobody chose to leave it out"),
        (exit_code.BAD_INPUT, "bad input: one line each says what, where and what to do"),
        (exit_code.NO_TESTS, "no case has been selected (pytest's own code)"),
        (exit_code.INTERRUPTED, "interrupted; what was done is in the report"),
    )
    lines = [
        "# Exit codes",
        "",
        (
            "Of `edgeq gate`, and of `pytest` in a project whose tests are the gate. "
            "[Verdicts](../verdicts.md) says what makes a run fail. Other commands: 0 if all is "
            "well, 1 if what they look for is there (`compare`: something is worse; `repair`: no "
            "mix passes; `challenge`: a fault is missed; `verify`: the claim does not hold), 2 for "
            "bad input, 130 if interrupted. `verify`: 3 if the samples are too few to tell."
        ),
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in rows),
    ]
    return _page(lines)


def record() -> str:
    """Return every part of a run's record."""
    from edgeq.record.structs import SCHEMA, RunRecord

    lines = [
        "# The record",
        "",
        (
            f"`reports/latest/run.json`, schema `{SCHEMA}`. Sizes are in bytes, times in "
            "seconds, shares from 0 to 1. `python -m edgeq.record.json_schema -` prints a JSON "
            "Schema of the same: [run.schema.json](../../edgeq/record/run.schema.json)."
        ),
    ]
    for struct in _reachable(RunRecord):
        lines += ["", f"## {struct.__name__}", "", _summary(struct), ""]
        lines += _fields(struct, "field")
    return _page(lines)


def api() -> str:
    """Return every public name."""
    import edgeq

    lines = [
        "# Python API",
        "",
        (
            "The names that `edgeq` exports. [From Python](../notebooks.md) and [Extending edgeq]"
            "(../extending.md) show them in use."
        ),
    ]
    for name in sorted(set(edgeq.__all__) - {"__version__"}, key=str.lower):
        lines += ["", f"## edgeq.{name}", "", *_described(getattr(edgeq, name), name)]
    return _page(lines)


def _described(thing: Any, name: str) -> list[str]:
    """Return the signature and the docstring of a public name, in Markdown."""
    lines = []
    if inspect.isfunction(thing):
        lines += ["```python", f"{name}{inspect.signature(thing)}", "```", ""]
    lines += [_summary(thing), ""]
    if isinstance(thing, enum.EnumMeta):
        return [*lines, ", ".join(f"`{name}`" for name in thing.__members__)]
    for title, text in _SECTION.findall(_doc(thing)):
        if title in {"Args", "Attributes"}:
            word = "argument" if title == "Args" else "attribute"
            lines += [*_table(word, _entries(text)), ""]
        else:
            lines += [f"**{title}**: {' '.join(text.split())}", ""]
    return lines


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for names, meaning in _ENTRY.findall(text):
        yield names, " ".join(meaning.split())


def _table(head: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    body = [
        f"| {', '.join(f'`{name}`' for name in names.split(', '))} | {_cell(meaning)} |"
        for names, meaning in rows
    ]
    return [f"| {head} | meaning |", "|---|---|", *body] if body else []


def _fields(struct: type[msgspec.Struct], head: str, leave_out: Iterable[str] = ()) -> list[str]:
    """Return the fields of a struct as a table: name, type, default, meaning."""
    import msgspec

    from edgeq.record.json_schema import meanings

    texts = meanings(struct)
    lines = [f"| {head} | type | default | meaning |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        if field.name in leave_out:
            continue
        default = "" if _is_unwritten(field.default, head) else f"`{_toml(field.default)}`"
        kind = _kind(_annotation(struct, field.name))
        meaning = _cell(texts.get(field.name, ""))
        lines.append(f"| `{field.encode_name}` | {kind} | {_cell(default)} | {meaning} |")
    return lines


def _kind(annotation: str) -> str:
    """Return a type for a table, in which a bar would end the cell."""
    kind = annotation.removesuffix(" | None")
    absent = " or none" if kind != annotation else ""
    return f"`{kind.replace(' | ', ' or ')}`{absent}"


def _is_unwritten(default: object, head: str) -> bool:
    """Return whether a field has no default to show: none at all, a table, or no key of a spec."""
    import msgspec

    absent = default is msgspec.NODEFAULT or isinstance(default, msgspec.Struct)
    return absent or (default is None and head == "key")


def _annotation(struct: type, name: str) -> str:
    known = (inspect.get_annotations(base) for base in struct.__mro__)
    return str(next(annotations[name] for annotations in known if name in annotations))


def _toml(value: object) -> str:
    """Return a default as a spec or a record would write it."""
    plain = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return plain[value]
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _reachable(root: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """Return a struct and those that its fields have, each once, in the order of the fields."""
    import msgspec

    from edgeq.record.json_schema import structs_in

    return list(dict.fromkeys(structs_in(msgspec.inspect.type_info(root))))


def _doc(thing: Any) -> str:
    return f"{inspect.getdoc(thing) or ''}\n"


def _summary(thing: Any) -> str:
    """Return a docstring without its sections; its paragraphs stay."""
    return _SECTION.sub("", _doc(thing)).strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "spec": spec,
    "gates": gates,
    "methods": methods,
    "exit-codes": exit_codes,
    "record": record,
    "api": api,
}
