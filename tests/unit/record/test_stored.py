"""Records that earlier versions wrote, shortened: they are read for ever."""

from __future__ import annotations

import json
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edgeq import cli
from edgeq.errors import RecordError
from edgeq.record import json_schema
from edgeq.record.structs import SCHEMA, VariantRecord, from_json, read, to_json
from edgeq.report import cases_csv, html, markdown
from edgeq.report.words import percent

STORED = Path(__file__).with_name("stored")
OLDER = ("run_1.json", "run_2.json")


def plain(name: str) -> Any:
    return json.loads((STORED / name).read_bytes())


def variant(name: str) -> tuple[VariantRecord, Any]:
    """Return the variant of a stored record, as it is read and as it stands there."""
    [model] = read(STORED / name).models
    return model.variants[0], plain(name)["models"][0]["variants"][0]


@pytest.mark.parametrize("name", OLDER)
def test_its_numbers_are_read_as_they_stand(name: str) -> None:
    read_variant, stored = variant(name)
    assert read_variant.operators is not None
    assert read_variant.operators.delegated == stored["operators"]["delegated"]
    assert read_variant.agreement is not None
    assert read_variant.agreement.top1 == stored["agreement"]["top1"]
    assert read_variant.agreement.cosine.worst == stored["agreement"]["cosine"]["worst"]
    assert read_variant.accuracy is not None
    assert read_variant.accuracy.variant_top1.value == stored["accuracy"]["variant_top1"]["value"]
    worst = [image.cosine for image in read_variant.agreement.worst_images]
    assert worst == [image["cosine"] for image in stored["agreement"]["worst_images"]]


@pytest.mark.parametrize("name", OLDER)
def test_what_it_lacks_reads_none(name: str) -> None:
    read_variant, stored = variant(name)
    assert "drift" not in stored["agreement"]
    assert read_variant.agreement is not None
    assert read_variant.agreement.drift is None
    assert read_variant.agreement.drift_interval is None
    assert read_variant.agreement.lowest_cosines == ()
    assert read_variant.control is None
    assert read(STORED / name).models[0].baseline.agreement is None


def test_what_was_not_measured_reads_none() -> None:
    read_variant, stored = variant("run_1.json")
    assert stored["latency"] == stored["memory"] == stored["network"] == {}
    sections = (read_variant.latency, read_variant.memory, read_variant.network)
    assert sections == (None, None, None)


def test_names_times_and_memory_of_a_measured_variant() -> None:
    read_variant, stored = variant("run_2.json")
    assert read_variant.agreement is not None
    assert [flip.name for flip in read_variant.agreement.flips] == [
        flip["name"] for flip in stored["agreement"]["flips"]
    ]
    assert read_variant.latency is not None
    assert read_variant.latency.variant.median_s == stored["latency"]["variant"]["median_s"]
    assert read_variant.size is not None
    assert read_variant.size.parts == stored["size"]["parts"]
    assert read_variant.memory is not None
    assert read_variant.memory.peak == stored["memory"]["peak"]
    assert read_variant.manifest is not None
    assert read_variant.manifest.float_model is not None
    assert read_variant.manifest.float_model.name == "efficientnet-lite0"


@pytest.mark.parametrize("name", OLDER)
def test_its_cases_name_their_variant_under_both_keys(name: str) -> None:
    record = read(STORED / name)
    assert "variant" not in plain(name)["cases"][0]
    assert {case.variant for case in record.cases} == {record.models[0].variants[0].name}
    written = json.loads(to_json(record))["cases"][0]
    assert list(written)[:5] == ["id", "model", "method", "variant", "gate"]
    assert written["variant"] == written["method"] == record.models[0].variants[0].name


@pytest.mark.parametrize("name", OLDER)
def test_it_is_written_again_in_the_current_schema(name: str) -> None:
    record = read(STORED / name)
    written = json.loads(to_json(record))
    assert written["schema"] == SCHEMA
    Draft202012Validator(json.loads(json_schema.FILE.read_bytes())).validate(written)
    assert to_json(from_json(to_json(record))) == to_json(record)


def test_what_it_says_is_written_as_it_stands() -> None:
    """All keys and values, in their order, but for what is new."""
    added: dict[str, object] = {"drift": None, "drift_interval": None, "lowest_cosines": []}
    stored = plain("run_2.json")
    [model] = stored["models"]
    for one in model["variants"]:
        one["agreement"] |= added
    for place, case in enumerate(stored["cases"]):
        pairs = list(case.items())
        stored["cases"][place] = dict([*pairs[:3], ("variant", case["method"]), *pairs[3:]])
    written = json.loads(to_json(read(STORED / "run_2.json")))

    def known(new: Any, old: Any) -> Any:
        """Return a new value without the keys that the old one lacks, at every depth."""
        if isinstance(new, dict) and isinstance(old, dict):
            return {key: known(value, old[key]) for key, value in new.items() if key in old}
        if isinstance(new, list) and isinstance(old, list):
            return [known(*pair) for pair in zip(new, old, strict=True)]
        return new

    assert json.dumps(known(written, stored)) == json.dumps(stored)


@pytest.mark.parametrize("name", OLDER)
def test_it_is_rendered(name: str) -> None:
    record = read(STORED / name)
    [model] = record.models
    [one] = model.variants
    assert one.agreement is not None
    share = percent(one.agreement.top1).replace("\xa0", " ")
    for text in (html.render(record), markdown.render(record)):
        assert share in text.replace("\xa0", " ")
        assert one.name in text
    lines = cases_csv.render(record).splitlines()
    assert len(lines) == 1 + len(record.cases)


VARIANT = ("models", 0, "variants", 0)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ((*VARIANT, "agreement", "top1"), "high", "variants[0].agreement.top1"),
        ((*VARIANT, "agreement", "flips"), [{"image": 1}], "variants[0].agreement.flips[0]"),
        ((*VARIANT, "agreement"), {"top1": 0.9}, "variants[0].agreement"),
        ((*VARIANT, "agreement"), 0, "variants[0].agreement"),
        ((*VARIANT, "latency", "ratio"), None, "variants[0].latency.ratio"),
        ((*VARIANT, "memory", "peak"), "much", "variants[0].memory.peak"),
        ((*VARIANT, "size", "parts"), [1], "variants[0].size.parts"),
        ((*VARIANT, "manifest", "engine"), 3, "variants[0].manifest.engine"),
        (("models", 0, "images", "evaluation"), [], "models[0].images.evaluation"),
        (("models", 0, "preprocessing"), {"filter": "box"}, "a preprocessing lacks resize"),
        (("models", 0, "preprocessing"), 3, ""),
        (("models", 0, "variants"), {"a": 1}, ""),
        (("models",), 3, ""),
        (("machine", "cores"), "two", "machine.cores"),
        (("toolchain", "kernels"), ["xnnpack"], "toolchain.kernels"),
        (("cases", 0, "evidence"), [1], "cases[0].evidence"),
    ],
    ids=str,
)
def test_a_wrong_type_is_one_clear_error(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    path: tuple[str | int, ...],
    value: object,
    place: str,
) -> None:
    tree = plain("run_2.json")
    *within, last = path
    reduce(getitem, within, tree)[last] = value
    file = tmp_path / "run.json"
    file.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(RecordError, match="the record is damaged") as caught:
        read(file)
    assert place in caught.value.what
    assert caught.value.where == str(file)
    assert cli.main(["report", str(file)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("the record is damaged") == 1
    assert "Traceback" not in said
