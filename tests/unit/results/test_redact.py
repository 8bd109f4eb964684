from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.quantize.variant import Manifest
from edgeq.results import redact
from edgeq.results.redact import concealer, discreet, hider
from tests.unit.report import records

SECRET = "hunter2-and-more"  # noqa: S105 - not one
ENVIRONMENT = {
    "HOME": "/home/alice",
    "EDGEQ_DATA": "/data/shared",
    "HUB_TOKEN": SECRET,
    "AWS_SECRET_ACCESS_KEY": "AKIA/12345678",
    "MONKEY": "not secret",
    "SHORT_KEY": "abc",
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/alice/net/a.tflite: is damaged", "a.tflite: is damaged"),
        ("/home/alice/net: can't be read", ".: can't be read"),
        ("/home/alice/other/a.log, see it", "~/other/a.log, see it"),
        ("/home/alice2/a.log", "/home/alice2/a.log"),
        ("see /data/shared/models/x", "see $EDGEQ_DATA/models/x"),
        ("/mnt/work/alice/store is full", "/mnt/work/~/store is full"),
        ("Thread 0x00007f3a7f29cb80, flags 0x40", "Thread 0x..., flags 0x40"),
        ("not secret, abc, alice", "not secret, abc, alice"),
    ],
)
def test_places_users_and_secrets_are_not_told(
    monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr(redact, "_user", lambda _: "alice")
    assert concealer(Path("/home/alice/net"), ENVIRONMENT)(text) == told


def test_secrets_are_left_out_of_sentences_and_names_stay(tmp_path: Path) -> None:
    case = records.case("int8", "made", reason=f"the last line was {SECRET}!")
    case = msgspec.structs.replace(case, unit=SECRET, evidence={"output": [f"{SECRET}, AKIA/1"]})
    found = discreet(records.record((), (case,)), tmp_path, ENVIRONMENT)
    (told,) = found.cases
    assert told.reason == "the last line was ***!"
    assert told.evidence == {"output": ["***, AKIA/1"]}
    assert told.unit == SECRET  # no sentence: a field that others refer to
    assert hider(ENVIRONMENT)("AKIA/12345678") == "***"


def test_a_root_at_the_top_hides_nothing_by_mistake() -> None:
    assert concealer(Path("/"), {"HOME": "/"})("int8/made: 1/2") == "int8/made: 1/2"


def test_a_record_without_secrets_is_as_it_was(tmp_path: Path) -> None:
    record = records.full_record()
    assert discreet(record, tmp_path, {}) == record


def test_names_of_the_spec_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(redact, "_user", lambda _: "int8")
    plain = records.case("int8", "made", reason=f"{tmp_path}/x and /home/int8/y")
    record = records.record((records.variant("int8", 10),), (plain,))
    found = discreet(record, tmp_path, {})
    assert found.cases == (msgspec.structs.replace(plain, reason="x and /home/~/y"),)
    assert found.summary == record.summary


def test_every_text_of_a_record_is_printable(tmp_path: Path) -> None:
    evil = "a\x1b[2J\n::error::b\u202e"
    case = msgspec.structs.replace(
        records.case("int8", "made", reason=evil), evidence={evil: [evil], "output": f"1{evil}\n2"}
    )
    manifest = Manifest(engine="ready-made", method=None, description=evil)
    variant = msgspec.structs.replace(records.variant("int8", 10), manifest=manifest)
    record = records.record((variant,), (case,))
    (found,) = discreet(record, tmp_path, {}).cases
    plain = "a?[2J : :error::b?"
    assert found.reason == plain
    assert found.evidence == {plain: [plain], "output": "1a?[2J\n: :error::b?\n2"}
    hidden = discreet(record, tmp_path, {}).models[0].variants[0].manifest
    assert hidden == msgspec.structs.replace(manifest, description=plain)
