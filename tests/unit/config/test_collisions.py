from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.config.load import parse
from edgeq.errors import SpecError


def load(models: list[str], variants: dict[str, str], **keys: Any) -> None:
    table = {
        "models": {name: {"source": "net.tflite"} for name in models},
        "variants": {
            name: {"model": model, "file": "v.tflite"} for name, model in variants.items()
        },
        "methods": [],
    }
    parse(table | keys, root=Path(), origin=Path("edgeq.toml"))


@pytest.mark.parametrize(
    ("models", "variants", "said"),
    [
        (
            ["tiny", "tiny-a"],
            {"a-b": "tiny", "b": "tiny-a"},
            "tiny/a-b and tiny-a/b .*ids of tests",
        ),
        (["tiny", "TINY"], {}, "the model 'tiny' and the model 'TINY' .*in files"),
        (["tiny"], {"vendor": "tiny", "Vendor": "tiny"}, "'vendor' and the variant 'Vendor'"),
        (["n" * 101], {}, "101 characters"),
        (["con"], {}, "not a valid file name"),
        (["tiny"], {"nul.txt": "tiny"}, "not a valid file name"),
        (["tiny."], {}, "not a valid file name"),
    ],
)
def test_names_that_would_be_one_are_refused(
    models: list[str], variants: dict[str, str], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        load(models, variants)


def test_a_variant_can_not_be_called_like_a_method_in_capitals() -> None:
    with pytest.raises(SpecError, match="'int8' and the variant 'INT8'"):
        load(["tiny"], {"INT8": "tiny"}, methods=["int8"])


def test_names_that_stay_apart_are_taken() -> None:
    load(["tiny", "tiny-a", "console"], {"b": "tiny", "c": "tiny-a", "n" * 100: "console"})
