"""The catalogue: what it holds, and how other packages add to it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from edgeq import registry
from edgeq.errors import SpecError
from edgeq.faults import fault as catalogue
from edgeq.faults.fault import Fault, Faulty, new_fault
from edgeq.faults.good import Good

PLACES = {
    "quantization",
    "weights",
    "bias",
    "graph",
    "activations",
    "preprocessing",
    "labels",
    "file",
    "run time",
}


def third_party(good: Good) -> Faulty:
    """Something that happens elsewhere.

    And more about it.
    """
    del good
    return Faulty(conduct={"do": "nan"})


ONE = new_fault(third_party, "third_party", "file", "low", "other")
SEVERAL = (ONE, new_fault(third_party, "fourth_party", "file", "low", "other"))
TAKEN = new_fault(third_party, "layer_zeroed", "file", "low", "other")
NO_FAULT = 3


def register(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    entry = EntryPoint("theirs", f"{__name__}:{name}", catalogue.GROUP)
    things: dict[str, Any] = globals()

    class Given:
        name = entry.name
        value = entry.value

        def load(self) -> Any:
            return things[entry.attr]

    def entries(group: str) -> list[Given]:
        return [Given()] if group == catalogue.GROUP else []

    monkeypatch.setattr(registry, "_entries", entries)


def test_there_are_forty_faults_of_every_place_and_controls() -> None:
    every = [one for _, one in catalogue.faults()]
    faults = [one for one in every if not one.control]
    assert len(faults) >= 40
    assert {one.place for one in faults} == PLACES
    assert len(every) - len(faults) >= 4
    assert all(one.summary and one.cause for one in every)


def test_names_are_keys_and_stay_the_same_when_asked_twice() -> None:
    assert catalogue.faults().names() == catalogue.faults().names()
    assert all(name == one.name for name, one in catalogue.faults())


def test_a_summary_is_the_first_line_of_what_the_function_says() -> None:
    assert ONE.summary == "Something that happens elsewhere"


@pytest.mark.parametrize(
    ("name", "added"), [("ONE", {"third_party"}), ("SEVERAL", {"third_party", "fourth_party"})]
)
def test_other_packages_add_faults(
    monkeypatch: pytest.MonkeyPatch, name: str, added: set[str]
) -> None:
    before = set(catalogue.faults().names())
    register(monkeypatch, name)
    found = catalogue.faults()
    assert set(found.names()) - before == added
    assert isinstance(found.get("third_party"), Fault)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("NO_FAULT", "is not a fault"),
        ("TAKEN", "already registered"),
        ("ABSENT", "can't be loaded"),
    ],
)
def test_a_bad_entry_point_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    register(monkeypatch, name)
    with pytest.raises(SpecError, match=what):
        catalogue.faults()
