from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec
import pytest

from edgeq.cli import edgeq as command_line
from edgeq.cli import main
from edgeq.cli.init import NEXT, STARTERS
from edgeq.config.gates import limits
from edgeq.config.load import load_spec
from edgeq.config.methods import METHODS
from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import (
    Images,
    Latency,
    Measure,
    Model,
    Preprocessing,
    ReadyVariant,
    Run,
    Samples,
    Spec,
)
from edgeq.errors import StoreError

_HIDDEN = {"root", "origin"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def starter(here: Path) -> str:
    assert main(["init"]) == 0
    return (here / "edgeq.toml").read_text(encoding="utf-8")


def uncommented(text: str) -> str:
    return re.sub(r"(?m)^#(?=\S)", "", text)


def test_the_spec_that_it_writes_is_valid(starter: str, here: Path) -> None:
    spec = load_spec(here)
    assert spec.origin.endswith("edgeq.toml")
    assert list(spec.models) == ["efficientnet-lite0"]


def test_every_command_that_it_names_parses_and_fits_80_columns(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    for text, _ in NEXT:
        program, *arguments = shlex.split(text)
        if program == "edgeq":
            command = command_line.commands[arguments[0]]
            command.make_context(arguments[0], arguments[1:])  # a missing option is refused here


def test_every_example_in_it_is_valid_too(starter: str, here: Path) -> None:
    (here / "edgeq.toml").write_text(uncommented(starter), encoding="utf-8")
    spec = load_spec(here)
    assert list(spec.variants) == ["vendor-int8", "pruned-int8"]
    assert isinstance(spec.models["net"].preprocessing, Preprocessing)


@pytest.mark.parametrize(
    "struct", [Spec, Model, Images, Samples, Measure, Preprocessing, ReadyVariant, Run, Latency]
)
def test_every_key_is_in_it(struct: type[msgspec.Struct], starter: str) -> None:
    absent = [
        field.name
        for field in msgspec.structs.fields(struct)
        if field.name not in _HIDDEN
        and not re.search(
            rf"(?m)^#?(\[(models\.[\w-]+\.)?{field.name}[\].]|{field.name} = )", starter
        )
    ]
    assert absent == []


def test_every_method_gate_and_preset_is_in_it(starter: str) -> None:
    assert [name for name in METHODS.names() if name not in starter] == []
    assert [name for name in limits() if f"\n#{name} = " not in starter] == []
    assert [name for name in PREPROCESSING.names() if f'"{name}"' not in starter] == []


def test_its_defaults_are_the_defaults(starter: str, here: Path) -> None:
    (here / "edgeq.toml").write_text(uncommented(starter), encoding="utf-8")
    spec = load_spec(here)
    plain = Spec(root=here, origin="", models={})
    assert (spec.run, spec.latency) == (Run(cluster="ray"), Latency())  # an example, not a default
    assert spec.models["net"].preprocessing == Preprocessing()
    for key in ("methods", "default_gates", "confidence", "reports", "store"):
        assert getattr(spec, key) == getattr(plain, key), key


def test_what_is_open_fails_in_a_new_project(starter: str, here: Path) -> None:
    assert load_spec(here).inconclusive == "fail"
    assert '\ninconclusive = "fail"\n' in starter


def test_the_test_file_takes_the_whole_suite(starter: str, here: Path) -> None:
    text = (here / "tests" / "test_gate.py").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec(compile(text, "test_gate.py", "exec"), names)  # noqa: S102 - what pytest would do
    assert "test_top1_agreement" in names


def test_it_says_what_to_do_next(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "new"]) == 0
    said = capsys.readouterr().out
    assert "new/edgeq.toml and new/tests/test_gate.py" in said
    assert "cd new" in said
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize("there", list(STARTERS))
def test_what_is_there_stays_and_nothing_else_is_written(
    here: Path, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / there).parent.mkdir(exist_ok=True)
    (here / there).write_text("mine", encoding="utf-8")
    assert main(["init"]) == 2
    assert f"edgeq: {there} already exists" in capsys.readouterr().err
    assert (here / there).read_text(encoding="utf-8") == "mine"
    assert [path for path in here.rglob("*") if path.is_file()] == [here / there]


def test_both_files_are_named_where_both_are_there(
    starter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 2
    assert "edgeq.toml and tests/test_gate.py already exist" in capsys.readouterr().err


def test_a_spec_in_pyproject_is_not_put_out_of_force(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "pyproject.toml").write_text("[tool.edgeq]\n", encoding="utf-8")
    assert main(["init"]) == 2
    assert "pyproject.toml: already has a spec" in capsys.readouterr().err
    assert not (here / "edgeq.toml").exists()


@pytest.mark.parametrize("text", ["[tool.other]\n", "tool = 3\n", "not toml"])
def test_another_pyproject_is_no_hindrance(here: Path, text: str) -> None:
    (here / "pyproject.toml").write_text(text, encoding="utf-8")
    assert main(["init"]) == 0


def test_where_the_second_file_fails_the_first_is_taken_back(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "tests").write_text("a file where the folder belongs", encoding="utf-8")
    assert main(["init"]) == StoreError.exit_code
    assert "tests/test_gate.py: can't be written" in capsys.readouterr().err
    assert not (here / "edgeq.toml").exists()
