from __future__ import annotations

import datetime as dt
import os
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.config.gates import GATES
from edgeq.config.load import load_spec, parse, spec_sha256
from edgeq.config.structs import Images, Latency, Model, Preprocessing, ReadyVariant, Run, Spec
from edgeq.errors import SpecError
from edgeq.pipeline import run
from tests.unit.config.writing import ORIGIN, ROOT, table

MINIMAL = '[models.net]\nsource = "net.tflite"\n'
SHARED = '[tool.edgeq.models.shared]\nsource = "net.tflite"\n'


@pytest.fixture(autouse=True)
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEQ_DATA", raising=False)


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_file_of_its_own_is_found_from_below(tmp_path: Path) -> None:
    file = write(tmp_path / "edgeq.toml", MINIMAL)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = load_spec(below)
    assert (found.root, found.origin) == (tmp_path, str(file))
    assert found.models == {"net": Model(source="net.tflite")}


def test_the_own_file_comes_before_the_shared_one(tmp_path: Path) -> None:
    write(tmp_path / "edgeq.toml", MINIMAL)
    write(tmp_path / "pyproject.toml", SHARED)
    assert list(load_spec(tmp_path).models) == ["net"]


def test_the_nearest_file_wins(tmp_path: Path) -> None:
    write(tmp_path / "edgeq.toml", MINIMAL)
    write(tmp_path / "a" / "pyproject.toml", SHARED)
    found = load_spec(tmp_path / "a")
    assert list(found.models) == ["shared"]
    assert found.root == tmp_path / "a"


@pytest.mark.parametrize("other", ["", "[tool.other]\n", "tool = 3\n", "[project]\n"])
def test_a_shared_file_without_our_table_is_passed_over(tmp_path: Path, other: str) -> None:
    write(tmp_path / "edgeq.toml", MINIMAL)
    write(tmp_path / "a" / "pyproject.toml", other)
    assert list(load_spec(tmp_path / "a").models) == ["net"]


def test_without_any_file_the_built_in_spec_holds(tmp_path: Path) -> None:
    assert load_spec(tmp_path).origin == "built-in"


def test_a_file_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "edgeq.toml", MINIMAL)
    other = write(tmp_path / "ci" / "strict.toml", MINIMAL.replace("net]", "strict]"))
    found = load_spec(tmp_path, file=other)
    assert list(found.models) == ["strict"]
    assert found.root == tmp_path / "ci"
    shared = write(tmp_path / "b" / "pyproject.toml", SHARED)
    assert list(load_spec(tmp_path, file=shared).models) == ["shared"]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    write(tmp_path / "edgeq.toml", b"\xef\xbb\xbf" + MINIMAL.encode())
    assert list(load_spec(tmp_path).models) == ["net"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (MINIMAL.encode("utf-16"), "is not UTF-8 (byte 0). Save it as UTF-8"),
        (MINIMAL.encode("utf-16-le"), "is not valid TOML"),
        (bytes(range(256)), "is not UTF-8 (byte 128)"),
        (b"\x00\x01", "is not valid TOML"),
        (b"[models", "is not valid TOML: Expected"),
        (b"a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value"),
        (b"a = " + b"9" * 5000, "is not valid TOML: Exceeds the limit"),
        (b"a = " + b"[" * 5000, "is nested too deeply"),
    ],
    ids=["utf-16", "utf-16-le", "all bytes", "zeros", "cut", "twice", "digits", "deep"],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = write(tmp_path / "edgeq.toml", content)
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path)
    assert caught.value.where == str(file)
    assert said in str(caught.value)
    assert caught.value.remedy


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="can't be read: No such file") as caught:
        load_spec(tmp_path, file=tmp_path / "none.toml")
    assert "edgeq init" in (caught.value.remedy or "")
    with pytest.raises(SpecError, match="can't be read: Is a directory"):
        load_spec(tmp_path, file=tmp_path)


def test_a_named_shared_file_must_have_our_table(tmp_path: Path) -> None:
    file = write(tmp_path / "pyproject.toml", "[project]\n")
    with pytest.raises(SpecError, match=r"has no table \[tool\.edgeq\]"):
        load_spec(tmp_path, file=file)
    write(file, "[tool]\nedgeq = 1\n")
    with pytest.raises(SpecError, match=r"tool\.edgeq is not a table"):
        load_spec(tmp_path, file=file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("confidence = 1e400", "confidence = inf is outside its range"),
        ("confidence = nan", "confidence = nan is outside its range"),
        (f"models.net.seed = {2**70}", "models.net.seed = 1180591620717411303424 is outside"),
        (f"run.memory_limit = 0x{'f' * 4000}", "run.memory_limit = "),
        (f"gates.max_bytes = 1{'0' * 400}", "max_bytes = 1000000000000000000000000000000000000000"),
        ("gates.latency_ratio = 1e400", "latency_ratio = inf is outside its range"),
        ("latency.budget_s = inf", "latency.budget_s = inf is outside its range"),
    ],
    ids=lambda value: value[:20],
)
def test_huge_numbers_are_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    file = write(tmp_path / "edgeq.toml", f'models.net.source = "a.tflite"\n{text}\n')
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path, file=file)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200 + len(str(file))


KEYS = sorted(
    {
        "net",
        "v",
        "int8",
        "every",
        *GATES.names(),
        *(
            field.name
            for struct in (Spec, Model, ReadyVariant, Images, Run, Latency, Preprocessing)
            for field in msgspec.structs.fields(struct)
        ),
    }
)
TEXTS = st.sampled_from(
    ["net", "int8", "int8@tensorflow", "x.tflite", "~nobody-here/x", "\0", "", "9.5 MB", "random"]
)
VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.integers(2**60, 2**1100)
    | st.floats()
    | st.text(max_size=5)
    | TEXTS
    | st.datetimes()
    | st.dates()
    | st.just(dt.time(1, 2)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
NUMBERS = st.integers(-1, 300) | st.floats() | st.integers(2**60, 2**1100)


def keys(struct: type[msgspec.Struct], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = [field.name for field in msgspec.structs.fields(struct)]
    return st.dictionaries(st.sampled_from(names), values, max_size=3)


LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "methods": st.lists(TEXTS, max_size=2),
        "run": keys(Run, NUMBERS | st.just("builtin")),
        "latency": keys(Latency, NUMBERS),
        "images": keys(Images, TEXTS | NUMBERS),
        "confidence": NUMBERS,
        "gates": st.dictionaries(st.sampled_from(GATES.names()), NUMBERS | TEXTS, max_size=2),
        "models": st.dictionaries(TEXTS, keys(Model, TEXTS | NUMBERS | st.booleans()), max_size=2),
        "variants": st.dictionaries(TEXTS, keys(ReadyVariant, TEXTS), max_size=2),
        "store": TEXTS,
    },
)
TABLES = LIKELY | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), VALUES, max_size=4)


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(TABLES, st.booleans())
def test_no_table_raises_anything_but_a_spec_error(changes: dict[str, Any], least: bool) -> None:
    try:
        found = parse(table(**changes) if least else changes, root=ROOT, origin=ORIGIN)
        assert run.Run(found).cases
    except SpecError:
        return
    assert len(spec_sha256(found)) == 64


@settings(max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_content_raises_anything_but_a_spec_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = write(tmp_path_factory.mktemp("any") / "edgeq.toml", content)
    with pytest.raises(SpecError):
        load_spec(file.parent, file=file)


def test_the_example_of_the_readme_style_is_valid(tmp_path: Path) -> None:
    text = """
        methods = ["dynamic_range", "int8@tensorflow"]
        [models.net]
        source = "keras:EfficientNetV2B0"
        [models.net.images]
        evaluation = "mine"
        [images]
        calibration = "data/calibration"
        evaluation = "data/evaluation"
        [gates]
        top1_agreement = 0.97
        max_bytes = "9.5 MB"
        [gates.dynamic_range]
        latency_ratio = false
        [variants.vendor-int8]
        model = "net"
        file = "vendor.tflite"
        method = "int8"
    """
    found = parse(tomllib.loads(text), root=tmp_path, origin=tmp_path / "edgeq.toml")
    assert found.gates.every == {"top1_agreement": 0.97, "max_bytes": 9_500_000}
    assert found.gates.off == {"dynamic_range": ("latency_ratio",)}
    assert found.variants["vendor-int8"].method == "int8"
    assert found.path("a") == tmp_path / "a"
    assert found.path(os.sep + "a") == Path(os.sep + "a")


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(SpecError, match="/dev/zero: can't be read: is not a regular file"):
        load_spec(Path(), file=Path("/dev/zero"))
