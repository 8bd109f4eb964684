"""The reference that the site makes from the code names all of it."""

from __future__ import annotations

import re
from types import ModuleType

import msgspec
import pytest

import edgeq
from edgeq.cli import edgeq as command_line
from edgeq.config.gates import GATES
from edgeq.config.methods import METHODS
from edgeq.config.structs import Latency, Model, Spec
from edgeq.record import exit_code
from edgeq.record.structs import RunRecord
from tests.unit.docs.test_site import hook


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return hook("reference", monkeypatch)


def rows(page: str) -> dict[str, str]:
    """Return the rows of a page's tables by what stands as code in their first column."""
    return dict(re.findall(r"(?m)^\| `([^`]+)` \| (.*) \|$", page))


def test_every_command_has_its_help_with_its_options(reference: ModuleType) -> None:
    page = reference.commands()
    for name, command in command_line.commands.items():
        assert f"\n## edgeq {name}\n" in page
        for option in command.params:
            assert all(word in page for word in option.opts if word.startswith("--"))
    assert "\n## edgeq store prune\n" in page
    assert max(map(len, page.splitlines())) <= 100


def test_every_key_has_its_type_default_and_meaning(reference: ModuleType) -> None:
    page = reference.spec()
    for struct in (Spec, Model, Latency):
        for field in msgspec.structs.fields(struct):
            if field.name not in {"root", "origin"}:
                assert f"| `{field.encode_name}` | " in page, field.name
    assert rows(page)["confidence"].startswith("`float` | `0.95` | ")
    assert rows(page)["engine"].startswith("`str` or none | ")
    assert "\\|" not in page
    assert [name for name, row in rows(page).items() if len(row.rpartition(" | ")[2]) < 5] == []


def test_every_gate_method_and_exit_code_has_a_row(reference: ModuleType) -> None:
    assert rows(reference.gates()).keys() == {name for name, _ in GATES}
    assert rows(reference.methods()).keys() == {name for name, _ in METHODS}
    codes = set(re.findall(r"(?m)^\| (\d+) \|", reference.exit_codes()))
    numbers = {value for name, value in vars(exit_code).items() if name.isupper()}
    assert codes == {str(number) for number in numbers}


def test_every_part_of_the_record_is_there(reference: ModuleType) -> None:
    page = reference.record()
    for name in ("RunRecord", "ModelRecord", "VariantRecord", "CaseRecord", "RecordedAgreement"):
        assert f"\n## {name}\n" in page
    for field in msgspec.structs.fields(RunRecord):
        assert f"| `{field.encode_name}` | " in page


def test_every_public_name_is_described(reference: ModuleType) -> None:
    page = reference.api()
    for name in set(edgeq.__all__) - {"__version__"}:
        about = page.partition(f"\n## edgeq.{name}\n")[2].partition("\n## ")[0]
        assert len(about.strip()) > 40, name
    assert "`PASS`, `FAIL`, `INCONCLUSIVE`, `MISSING`" in page
    assert "| `spec` | A spec" in page
