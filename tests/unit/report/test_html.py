from __future__ import annotations

import base64
import hashlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from edgeq.errors import RecordError
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import RunRecord, VariantRecord, from_json
from edgeq.report import html
from edgeq.report.html import _environment, template
from tests.unit.report import records

VOID = {"meta", "link", "br", "input", "line", "path", "circle", "rect"}


class Page(HTMLParser):
    """Elements, attributes, and text of a page; fails where tags do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def page(record: RunRecord) -> Page:
    return Page(html.render(record))


def test_the_page_needs_nothing_else() -> None:
    shown = page(records.full_record())
    for tag, name, value in shown.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in {"src", "href", "srcset", "action", "data", "xlink:href"}:
            assert value.startswith("#") or value == "data:,", (tag, value)
    assert not re.search(r"@import|url\(", html.render(records.full_record()))
    assert "img" not in shown.tags
    assert "image" not in shown.tags
    assert "iframe" not in shown.tags


def test_the_scripts_are_the_record_and_one_that_is_allowed_by_its_hash() -> None:
    record = records.full_record()
    shown = page(record)
    embedded, script = shown.scripts
    assert ("script", "type", "application/json") in shown.attributes
    assert from_json(embedded.encode()) == record
    [policy] = [v for _, name, v in shown.attributes if name == "content" and "default-src" in v]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_hostile_names_are_text() -> None:
    shown = page(records.full_record())
    assert records.HOSTILE in shown.text
    assert records.HOSTILE_REASON in shown.text


def test_links_lead_to_something() -> None:
    shown = page(records.full_record())
    places = {value for _, name, value in shown.attributes if name == "id"}
    links = [value for _, name, value in shown.attributes if name == "href" and value[0] == "#"]
    assert len(links) == 2 * 5  # from the answer, and from the table
    assert {link[1:] for link in links} <= places


def test_everything_a_reader_needs_is_there() -> None:
    text = " ".join(page(records.full_record()).text.split())
    for needle in (
        "1 of 5 variants is cleared",
        "28.5 MB",
        "rejected",
        "dynamic_range is unproven: 500 images prove too little",
        "not measured",
        "Use about 2,900 labelled images instead of 500",
        "ended by SIGSEGV at invoke",
        "DEPTHWISE_CONV_2D",
        "quantization parameters",
        "473 of 500 images agree",
        "bicubic",
        "ai-edge-litert",
        "pytest -m size",
    ):
        assert needle in text, needle


def test_symbols_stand_beside_colours() -> None:
    shown = html.render(records.full_record())
    for tone, symbol, word in (
        ("good", "\u2713", "PASS"),
        ("bad", "\u2717", "FAIL"),
        ("warn", "?", "INCONCLUSIVE, leans to PASS"),
        ("none", "\u25cb", "MISSING"),
    ):
        mark = f'<span class="mark {tone}"><span aria-hidden="true">{symbol}</span>{word}</span>'
        assert mark in shown


def test_an_empty_record_has_a_page() -> None:
    assert "The run fails: there is no variant to judge" in page(records.record((), ())).text


def test_a_variant_without_facts_has_a_page() -> None:
    bare = VariantRecord(name="int8", method="int8")
    shown = page(records.record((bare,), ()))
    assert "No case of this variant was judged." in shown.text
    assert "Peak memory" not in shown.text  # no variant has any


def test_a_number_that_is_not_finite_is_refused() -> None:
    bad = records.case("int8", "size_reduction", Verdict.PASS, value=float("nan"))
    record = records.record((records.variant("int8", 10),), (bad,))
    with pytest.raises(RecordError, match="not finite"):
        html.render(record)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_text_breaks_the_page(text: str) -> None:
    clean = page(records.full_record())
    variant = VariantRecord(name=text, method=text, engine=text, error=text)
    one = records.case(text, "made", Verdict.FAIL, reason=text, next_step=text)
    record = records.record((variant,), (one,), notes=(text,))
    shown = page(record)
    assert set(shown.tags) <= set(clean.tags)
    assert shown.tags.count("script") == 2
    assert from_json(shown.scripts[0].encode()) == record


NAME = "report.html.j2"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(html, "cache_from_source", lambda _: str(tmp_path / "a.pyc"))
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


def test_a_page_about_models_that_take_arrays_speaks_of_samples() -> None:
    record = records.full_record()
    models = tuple(msgspec.structs.replace(model, arrays=True) for model in record.models)
    page = Page(html.render(msgspec.structs.replace(record, models=models)))
    main = page.text.partition("Data, machine and tools")[0]
    assert "500 samples" in main
    assert not re.search(r"\b\d+ (images|photographs)\b", main)
