from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.accept import Signature, accept, select
from edgeq.history.accepted import Accepted
from tests.unit.history.figures import case, flips, run

SIGNED = Signature(reason="first", date="2026-01-02T03:04:05+00:00", commit="c0ffee")


def made() -> Accepted:
    record = run(agreement=flips(b="right_to_wrong", a="wrong_to_wrong"))
    found = accept(record, {}, select(""), SIGNED).records["net"]
    assert found is not None
    return found


def damaged(**other: Any) -> bytes:
    return json.dumps({**json.loads(accepted.to_json(made())), **other}).encode()


def test_it_survives_its_file(tmp_path: Path) -> None:
    path = accepted.write(made(), tmp_path / "accepted")
    assert path == tmp_path / "accepted" / "net.json"
    assert accepted.read(path) == made()
    assert accepted.read_all(path.parent) == (made(),)


def test_the_file_is_readable_and_its_order_is_stable() -> None:
    one = made()
    text = accepted.to_json(one).decode()
    shuffled = Accepted(
        model=one.model,
        acceptances=one.acceptances,
        cases=dict(reversed(one.cases.items())),
    )
    assert accepted.to_json(shuffled).decode() == text
    assert text.endswith("}\n")
    plain = json.loads(text)
    assert plain["schema"] == "edgeq.accepted/1"
    (acceptance,) = plain["acceptances"].values()
    assert acceptance["reason"] == "first"
    assert acceptance["commit"] == "c0ffee"
    assert acceptance["measured_with"]["machine"] == {
        "architecture": "x86_64",
        "processor": "A",
        "cores": 2,
    }
    assert acceptance["variants"]["int8"] == {
        "sha256": "ab" * 32,
        "bytes": 8_000_000,
        "flips": {"a.jpg": "wrong_to_wrong", "b.jpg": "right_to_wrong"},
    }
    assert plain["cases"]["net/int8/latency_ratio"] == {
        "acceptance": "1",
        "status": "PASS",
        "value": 0.5,
        "interval": [0.49, 0.51],
        "unit": "ratio",
    }
    assert plain["cases"]["net/int8/made"] == {"acceptance": "1", "status": "PASS"}
    assert list(plain["cases"]) == sorted(plain["cases"])


def test_no_folder_is_nothing_accepted(tmp_path: Path) -> None:
    assert accepted.read_all(tmp_path / "none") == ()


@pytest.mark.parametrize("kind", ["file", "link", "loop"])
def test_a_folder_that_cant_be_listed_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "accepted"
    if kind == "file":
        folder.write_bytes(b"")
    else:
        folder.symlink_to("accepted" if kind == "loop" else "nowhere")
    with pytest.raises(RecordError, match="can't be read") as caught:
        accepted.read_all(folder)
    assert caught.value.where == str(folder)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an accepted record"),
        (b"[]", "not an accepted record"),
        (b"\xff", "not an accepted record"),
        (b'{\n<<<<<<< HEAD\n "model": 1\n=======\n', "both sides of a conflict that git left"),
        (b'{"schema": "edgeq.accepted/2"}', "'edgeq.accepted/2' is not one this version"),
        (b'{"schema": "edgeq.run/1"}', "not an accepted record: its schema is 'edgeq.run/1'"),
        (b'{"schema": "edgeq.accepted/1"}', "damaged"),
        (damaged(model=7), "damaged"),
        (damaged(acceptances={}), "belongs to no acceptance of 'net'"),
        (damaged(model="other"), "belongs to no acceptance of 'other'"),
        (damaged(cases={}), "it has no case"),
        (damaged(cases={"net/made": {"acceptance": "1", "status": "PASS"}}), "'net/made'"),
    ],
)
def test_what_is_none_is_refused_with_its_place_and_a_remedy(
    tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "net.json"
    path.write_bytes(data)
    with pytest.raises(RecordError) as caught:
        accepted.read_all(tmp_path)
    assert said in caught.value.what
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_another_models_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(accepted.to_json(made()))
    with pytest.raises(RecordError, match=r"holds the figures of another model, 'net'"):
        accepted.read_all(tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="can't be read"):
        accepted.read(tmp_path / "net.json")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "../net", "a/b", "/tmp"])  # noqa: S108
def test_a_models_name_can_leave_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match="is not a valid file name"):
        accepted.path_of(tmp_path, name)


def test_a_record_with_a_hostile_model_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    record = run(case("made", model=".."), model="..")
    found = accept(record, {}, select(""), SIGNED).records[".."]
    assert found is not None
    with pytest.raises(RecordError, match="is not a valid file name"):
        accepted.write(found, tmp_path / "accepted")
    assert list(tmp_path.iterdir()) == []
