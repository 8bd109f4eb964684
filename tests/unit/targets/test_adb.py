from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.target_kinds import Adb
from edgeq.errors import EdgeqError
from edgeq.run.targets import Ended
from edgeq.targets import adb, bundle
from edgeq.targets.bundle import Bundle
from edgeq.targets.parts import Supply
from edgeq.targets.root import Root

PHONE = Adb(serial="R58M1", adb="sh")
"""A phone, with another program in the place of adb's."""


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    def packed(name: str, machine: str, folder: str) -> Bundle:
        assert name == "phone"
        return Bundle(Path("/bundle.tgz"), 64 * "a", Root(kind="bundle", machine=machine), folder)

    monkeypatch.setattr(bundle, "bundle", packed)


def test_the_serial_chooses_the_phone() -> None:
    command = adb.start("phone", PHONE).command
    assert command[:5] == ("sh", "-s", "R58M1", "shell", "-T")
    assert len(command) == 6
    assert command[-1].startswith(
        'export TMPDIR="/data/local/tmp"; edgeq="/data/local/tmp/edgeq-aa'
    )
    assert adb.start("phone", Adb(adb="sh")).command[:3] == ("sh", "shell", "-T")


def test_without_adb_it_says_what_to_install() -> None:
    with pytest.raises(EdgeqError, match="there is no 'no-adb' here") as caught:
        adb.start("phone", Adb(adb="no-adb"))
    assert "apt-get install adb" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("adb: no devices/emulators found", "sees no phone"),
        ("adb: device 'R58M1' not found", "does not see the phone R58M1"),
        ("adb: more than one device/emulator", "sees several phones"),
        ("adb: device unauthorized.\nerror: device unauthorized", "does not trust this machine"),
        ("error: device offline", "R58M1 is offline"),
        ("adb: cannot connect to daemon", "adb's server does not run"),
    ],
)
def test_adb_that_fails_says_why(output: str, words: str) -> None:
    explanation = adb.explain("phone", PHONE, Ended(1, output, greeted=False))
    assert explanation is not None
    assert words in explanation.what
    assert output.splitlines()[-1] in explanation.what


def test_a_lost_phone_is_not_one_that_was_never_there() -> None:
    explanation = adb.explain("phone", PHONE, Ended(1, "", greeted=True))
    assert explanation is not None
    assert "the connection to the phone was lost" in explanation.what


def test_a_bundle_that_is_not_there_and_the_workers_own_end() -> None:
    explanation = adb.explain("phone", PHONE, Ended(bundle.NOT_THERE, "", greeted=False))
    assert explanation is not None
    assert explanation.remedy == "Run: edgeq target add phone"
    assert adb.explain("phone", PHONE, Ended(1, "Traceback", greeted=False)) is None
    assert adb.explain("phone", PHONE, Ended(139, "", greeted=True)) is None


def test_nothing_is_fetched_for_an_adb_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "prepare", lambda *_, **__: pytest.fail("it would fetch"))
    with pytest.raises(EdgeqError, match="there is no 'nobody'"):
        list(adb.prepare("phone", Adb(adb="nobody"), Supply()))


@pytest.mark.parametrize(
    "settings", [{"serial": "-d"}, {"serial": "a b"}, {"adb": ""}, {"folder": "/a b"}]
)
def test_settings_that_adb_would_read_otherwise_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"is not (a|the)"):
        Adb(**settings)  # type: ignore[arg-type]


def test_the_bundle_is_sent_by_adb_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def prepare(*_: object, command: object, **__: object) -> list[str]:
        assert callable(command)
        calls.append(list(command("receive it")))
        return ["there"]

    monkeypatch.setattr(bundle, "prepare", prepare)
    assert list(adb.prepare("phone", PHONE, Supply())) == ["there"]
    assert calls == [["sh", "-s", "R58M1", "shell", "-T", "receive it"]]
