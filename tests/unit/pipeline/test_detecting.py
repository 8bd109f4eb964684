from __future__ import annotations

import msgspec
import pytest

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Preprocessing
from edgeq.pipeline.detecting import unlike_recipe
from edgeq.tasks.detection.decoders import DECODERS

USUAL = {name: decoder.preprocessing for name, decoder in DECODERS if decoder.preprocessing}


@pytest.mark.parametrize("name", USUAL)
def test_a_detector_with_other_pixels_than_its_recipe_is_noted(name: str) -> None:
    decoder = DECODERS.get(name)
    usual = PREPROCESSING.get(USUAL[name])
    resized = msgspec.structs.replace(usual, resize="whole", filter="bicubic")
    assert unlike_recipe(decoder, usual) is None
    assert unlike_recipe(decoder, resized) is None  # boxes follow the resize
    for other in ({"mean": (1.0, 1.0, 1.0)}, {"std": (2.0, 2.0, 2.0)}):
        note = unlike_recipe(decoder, msgspec.structs.replace(usual, **other))
        assert note is not None
        assert f'(preprocessing = "{USUAL[name]}")' in note
    swapped = msgspec.structs.replace(usual, channels="rgb" if usual.channels == "bgr" else "bgr")
    assert unlike_recipe(decoder, swapped) is not None


def test_a_decoder_without_a_preset_takes_any() -> None:
    assert unlike_recipe(DECODERS.get("ssd"), Preprocessing()) is None
