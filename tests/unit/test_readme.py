"""README and documentation name all that can be asked for, as the code has it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from edgeq.cli import edgeq
from edgeq.config.gates import GATES
from edgeq.config.load import parse
from edgeq.config.methods import METHODS
from edgeq.config.presets import PREPROCESSING, find_preprocessing
from edgeq.config.structs import (
    Images,
    Latency,
    Model,
    Preprocessing,
    ReadyVariant,
    Report,
    Run,
    Spec,
)
from edgeq.judge.verdict import Verdict
from edgeq.pipeline import run
from edgeq.record.feeding import differences

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
NOT_WRITTEN = {"root", "origin"}
"""Fields of the spec that are not keys."""
MAX_LINES = 130
"""Lines of the README: what and for whom; the rest is documentation."""


def page(name: str) -> str:
    """Return a page of the documentation."""
    path = ROOT / "docs" / f"{name}.md"
    if not path.is_file():
        pytest.skip("the documentation is not beside the tests")
    return path.read_text(encoding="utf-8")


def rows(text: str) -> set[str]:
    """Return what stands as code in the first column of a page's tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_gate_and_proof_has_a_row_and_no_other() -> None:
    text = page("gates")
    assert rows(text) == {name for name, _ in GATES}
    for name, gate in GATES:
        if gate.marker != "proof":
            assert f"| `{name}` | {gate.marker} |" in text, name


def test_every_method_has_a_row_with_its_engines() -> None:
    text = page("methods")
    assert rows(text) == {name for name, _ in METHODS}
    lines = text.splitlines()
    for name, method in METHODS:
        [row] = [line for line in lines if line.startswith(f"| `{name}` |")]
        assert row.split("|")[3].strip() == ", ".join(method.engines), name


def test_every_key_of_the_spec_is_explained() -> None:
    words = set(re.findall(r"\w+", page("configuration") + page("projects")))
    structs = (Spec, Model, ReadyVariant, Images, Run, Latency, Report, Preprocessing)
    for struct in structs:
        keys = {field.encode_name for field in msgspec.structs.fields(struct)} - NOT_WRITTEN
        assert keys <= words, (struct.__name__, keys - words)


def test_a_variant_that_is_fed_otherwise_is_shown_in_a_valid_spec(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", page("projects") + page("models"), re.DOTALL)
    whole = next(one for one in blocks if "[models.efficientnetv2-b0]" in one)
    own = next(one for one in blocks if "[variants.int8-on-the-board]" in one)
    spec = parse(tomllib.loads(whole + own), root=tmp_path, origin=tmp_path / "edgeq.toml")
    board = run.Run(spec).variant("efficientnetv2-b0/int8-on-the-board")
    assert (board.method, board.choice is not None) == ("int8", True)
    # As the text has it, the filter is all that differs from the model's own.
    fed = find_preprocessing(spec.variants[board.short_name].preprocessing or "", where="")
    assert [one.what for one in differences(fed, PREPROCESSING.get("keras-0-255"))] == ["filter"]


def test_every_command_is_there() -> None:
    text = page("commands")
    for name in edgeq.commands:
        assert f"edgeq {name}" in text, name


def test_every_verdict_is_there() -> None:
    written = set(re.findall(r"\| [A-Z]+ \|", page("verdicts")))
    assert {f"| {verdict.value} |" for verdict in Verdict} <= written


def test_the_readme_is_short_and_what_it_links_to_exists() -> None:
    if not README.is_file() or not README.with_name("docs").is_dir():
        pytest.skip("a source distribution holds no docs")
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    for link in re.findall(r"\]\(([^)#:]+)", text):
        assert (README.parent / link).exists(), link
