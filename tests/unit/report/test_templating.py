from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment

from edgeq.report import templating
from edgeq.report.templating import _environment, template

NAME = "report.html.j2"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(templating, "cache_from_source", lambda _: str(tmp_path / "a.pyc"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    compile_ = Environment.compile

    def note(self: Environment, source: str, name: str, filename: str) -> object:
        names.append(name)
        return compile_(self, source, name, filename)

    monkeypatch.setattr(Environment, "compile", note)
    return names


def fresh() -> None:
    _environment.cache_clear()
    assert template(NAME).name == NAME
    _environment.cache_clear()


@pytest.mark.usefixtures("folder")
def test_a_template_is_compiled_once(compiled: list[str]) -> None:
    fresh()
    fresh()
    assert compiled == [NAME]


@pytest.mark.parametrize("torn", [b"", b"j2", b"no bytecode at all"])
def test_a_torn_file_is_made_again(folder: Path, compiled: list[str], torn: bytes) -> None:
    fresh()
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    for content in (torn, whole[: len(whole) // 2], whole[:20] + torn):
        kept.write_bytes(content)
        fresh()
        assert kept.read_bytes() == whole
    assert compiled == [NAME] * 4


def test_nothing_is_kept_where_python_keeps_no_bytecode(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    fresh()
    assert not list(folder.iterdir())


def test_a_full_disk_keeps_no_report_from_being_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    fresh()
    assert not list(folder.iterdir())
