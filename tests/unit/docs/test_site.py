"""The documentation's own code: links between files, and the rooms that import rules name."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SITE = Path(__file__).parents[3] / "docs" / "_site"


def hook(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return one of MkDocs's hooks, which are files and no package."""
    spec = spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    if spec is None or spec.loader is None or not Path(spec.origin or "").is_file():
        pytest.skip("the documentation is not beside the tests")
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


KNOWN = {"README.md": "index.md", "benchmarks/engines.md": "benchmarks/engines.md"}


@pytest.mark.parametrize(
    ("place", "link", "expected"),
    [
        ("index.md", "docs/extending.md", "extending.md"),
        ("index.md", "docs/report.png", "report.png"),
        ("index.md", "benchmarks/engines.md#times", "benchmarks/engines.md#times"),
        ("extending.md", "../README.md#gates", "index.md#gates"),
        ("benchmarks/engines.md", "../README.md", "../index.md"),
        ("index.md", "#gates", "#gates"),
        ("index.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_a_link_of_the_repository_holds_in_the_site(
    place: str, link: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = hook("pages", monkeypatch)
    assert pages.rewritten(f"see [it]({link}).", place, KNOWN) == f"see [it]({expected})."


def test_every_package_of_edgeq_is_in_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    house = hook("house", monkeypatch)
    rooms = {room.name for row in house.layers() for room in row}
    packages = {path.parent.name for path in house.PACKAGE.glob("*/__init__.py")}
    assert packages <= rooms
    drawn = house.picture(house.layers())
    assert all(f">{name}/<" in drawn for name in packages)


def test_every_room_says_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    house = hook("house", monkeypatch)
    purposes = [room.purpose for row in house.layers() for room in row]
    assert all(len(purpose) > 20 for purpose in purposes), purposes
