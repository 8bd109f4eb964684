from __future__ import annotations

import pytest

from edgeq.errors import SpecError
from edgeq.registry import Registry, suggestion, unknown


@pytest.fixture
def animals() -> Registry[int]:
    return Registry("animal", [("zebra", 1), ("Mouse", 2)])


def test_things_come_back_by_name_in_the_order_of_registration(animals: Registry[int]) -> None:
    assert animals.add("cat", 3) == 3
    assert animals.names() == ("zebra", "Mouse", "cat")
    assert list(animals) == [("zebra", 1), ("Mouse", 2), ("cat", 3)]
    assert animals.get("cat") == 3
    assert "cat" in animals
    assert "dog" not in animals


def test_a_name_is_given_once(animals: Registry[int]) -> None:
    with pytest.raises(SpecError, match="animal 'zebra' is already registered"):
        animals.add("zebra", 9)
    assert animals.get("zebra") == 1


def test_an_unknown_name_is_answered_with_the_one_meant(animals: Registry[int]) -> None:
    with pytest.raises(SpecError) as caught:
        animals.get("mose", where="edgeq.toml: pets")
    assert str(caught.value) == (
        "edgeq.toml: pets: unknown animal 'mose'. Did you mean 'Mouse'? Valid: Mouse, zebra"
    )
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ZEBRA", "Did you mean 'zebra'? Valid: Mouse, zebra"),
        ("crocodile", "Valid: Mouse, zebra"),
        ("", "Valid: Mouse, zebra"),
    ],
)
def test_only_a_close_name_is_suggested(name: str, expected: str) -> None:
    assert suggestion(name, ["zebra", "Mouse"]) == expected


def test_finding_a_name_that_is_unknown_gives_none(animals: Registry[int]) -> None:
    assert (animals.find("zebra"), animals.find("mose")) == (1, None)


def test_nothing_known_is_said_so() -> None:
    assert str(unknown("animal", "cat", [])) == "unknown animal 'cat'. None are known"
