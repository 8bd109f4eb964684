"""The picture and the table of the rooms, drawn from the import rules and the rooms' docstrings.

A page asks for them with ``<!-- house: picture -->`` and ``<!-- house: rooms -->``. What they show
is what ``lint-imports`` checks: a row may import only from the rows below it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "edgeq"
MARK = re.compile(r"<!-- house: (picture|rooms) -->")
WIDTH, HEIGHT, GAP = 760, 30, 8
"""Of the picture and of a row in it, in CSS pixels."""


@dataclass(frozen=True)
class Room:
    """A package, or a module at the top of edgeq.

    Attributes:
        name: Below ``edgeq``.
        purpose: The first paragraph of its docstring.
        modules: How many it has; 0 for a module.
    """

    name: str
    purpose: str
    modules: int


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the picture and the table of the rooms."""
    del page, config, files
    return MARK.sub(
        lambda match: {"picture": picture, "rooms": table}[match[1]](layers()), markdown
    )


def layers() -> list[list[Room]]:
    """Return the rooms by layer, the top one first, as the import rules have them."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (house,) = (rule for rule in rules["contracts"] if rule["type"] == "layers")
    return [[_room(name.strip()) for name in row.split("|")] for row in house["layers"]]


def picture(rows: list[list[Room]]) -> str:
    """Return the rooms as an inline drawing, one row for each layer."""
    height = len(rows) * (HEIGHT + GAP) + GAP
    shapes = []
    for place, row in enumerate(rows):
        top = GAP + place * (HEIGHT + GAP)
        width = (WIDTH - GAP * (len(row) + 1)) / len(row)
        for column, room in enumerate(row):
            left = GAP + column * (width + GAP)
            kind = "room" if room.modules else "module"
            label = f"{room.name}/" if room.modules else f"{room.name}.py"
            shapes.append(
                f'<rect class="{kind}" x="{left:.0f}" y="{top}" width="{width:.0f}" '
                f'height="{HEIGHT}" rx="4"/><text x="{left + width / 2:.0f}" '
                f'y="{top + HEIGHT / 2 + 5:.0f}">{escape(label)}</text>'
            )
    return (
        f'<svg class="house" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="The rooms of edgeq from the command line at the top to errors at the bottom; '
        f'each imports only from rows below it">{"".join(shapes)}</svg>'
    )


def table(rows: list[list[Room]]) -> str:
    """Return the rooms as a table: name, number of modules, purpose."""
    lines = ["| room | modules | what it is for |", "|---|---|---|"]
    lines += [
        f"| `{room.name}` | {room.modules or 1} | {room.purpose} |" for row in rows for room in row
    ]
    return "\n".join(lines)


def _room(name: str) -> Room:
    folder = PACKAGE / name
    file = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{name}.py"
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    if docstring is None:
        raise ValueError(f"{file} has no docstring")
    purpose = " ".join(docstring.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
    return Room(name, purpose, len(list(folder.rglob("*.py"))) if folder.is_dir() else 0)
