from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.history.images import moved
from tests.unit.history.figures import figure, flips, run, unnamed_flips

KINDS = {
    (True, False): "right_to_wrong",
    (False, True): "wrong_to_right",
    (False, False): "wrong_to_wrong",
}
ANSWERS = st.lists(st.tuples(st.booleans(), *[st.sampled_from("rwx")] * 2), max_size=30)


def test_the_images_of_agreement() -> None:
    before = figure(run(agreement=flips(a=None, b=None)), "top1_agreement")
    after = figure(run(agreement=flips(b=None, c=None, d=None)), "top1_agreement")
    found = moved(before, after)
    assert found is not None
    assert (found.worse, found.better) == (("c.jpg", "d.jpg"), ("a.jpg",))
    assert found.p == 1.0
    assert found.sentence() == ("2 images got worse and 1 better (exact McNemar p 1): c.jpg, d.jpg")


@settings(max_examples=100)
@given(ANSWERS)
def test_the_images_of_accuracy_are_those_whose_rightness_differs(
    answers: list[tuple[bool, str, str]],
) -> None:
    """Each image: is the baseline right, and is each variant right (r), wrong (w), the same (x)."""
    sides: list[dict[str, str | None]] = [{}, {}]
    worse, better = [], []
    for number, (right, *said) in enumerate(answers):
        states = []
        for side, word in zip(sides, said, strict=True):
            own = right if word == "x" else word == "r"
            if word != "x" and (right, own) in KINDS:
                side[f"i{number}"] = KINDS[right, own]
            states.append(own)
        if states == [True, False]:
            worse.append(f"i{number}.jpg")
        elif states == [False, True]:
            better.append(f"i{number}.jpg")
    before, after = (figure(run(agreement=flips(**one)), "accuracy_drop") for one in sides)
    found = moved(before, after)
    assert found is not None
    assert found.worse == tuple(sorted(worse))
    assert found.better == tuple(sorted(better))


def test_nothing_is_known_without_names_or_labels() -> None:
    unnamed = run(agreement=unnamed_flips())
    none = run(variant={"agreement": None})
    named = run(agreement=flips(a=None))
    for gate, other in itertools.product(("top1_agreement", "accuracy_drop"), (unnamed, none)):
        assert moved(figure(named, gate), figure(other, gate)) is None
    assert moved(figure(named, "accuracy_drop"), figure(named, "accuracy_drop")) is None
    assert moved(figure(named, "worst_cosine"), figure(named, "worst_cosine")) is None


def test_no_image_changed() -> None:
    same = figure(run(), "top1_agreement")
    found = moved(same, same)
    assert found is not None
    assert found.sentence() == "no image changed"
