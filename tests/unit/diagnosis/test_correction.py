from __future__ import annotations

from edgeq.config.structs import Preprocessing
from edgeq.diagnosis.correction import Correction, most_right

FED = Correction(("fed with pixels from 0 to 1",), Preprocessing(), right=22, images=136)
REORDERED = Correction(("with its classes in another order",), None, right=198, images=200)


def test_the_way_with_which_most_images_are_right_is_chosen() -> None:
    """Another range of pixels helped a little, another order of the classes wholly."""
    assert most_right((FED, REORDERED)) is REORDERED
    assert most_right((None, FED)) is FED
    assert most_right((None, None)) is None


def test_the_way_to_feed_it_is_chosen_if_both_are_as_right() -> None:
    fed = Correction(FED.changes, FED.fed, right=99, images=100)
    assert most_right((fed, REORDERED)) is fed
