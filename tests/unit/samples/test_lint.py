"""What is odd about a calibration set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeq.samples.lint import MIN_USUAL, Lint, lint, near_copies, pixel_facts
from edgeq.samples.sets import ImageSet, Photo

Bytes = npt.NDArray[np.uint8]
SIDE = 32


def photographs(count: int, *, seed: int = 0, side: int = SIDE) -> Bytes:
    """Return smooth pictures, each with its own brightness, as photographs are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 6, 6, 3), np.uint8)
    return np.stack(
        [
            np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC))
            for one in coarse
        ]
    )


def noise(count: int, side: int = SIDE) -> Bytes:
    return np.random.default_rng(7).integers(0, 256, (count, side, side, 3), np.uint8)


def images(count: int, labels: list[int] | None = None, same: str | None = None) -> ImageSet:
    return ImageSet(
        "calibration",
        "set",
        tuple(
            Photo("", f"{i}.png", same or str(i), None if labels is None else labels[i])
            for i in range(count)
        ),
    )


def looked(pixels: Bytes, labels: list[int] | None = None, other: Bytes | None = None) -> Lint:
    evaluation = None if other is None else pixel_facts(other)
    return lint(images(len(pixels), labels), pixel_facts(pixels), evaluation)


def test_photographs_like_the_evaluation_set_are_clean() -> None:
    found = looked(
        photographs(MIN_USUAL),
        [i % 2 for i in range(MIN_USUAL)],
        photographs(200, seed=1),
    )
    assert (found.problems, found.notes) == ((), ())
    assert found.images == MIN_USUAL
    assert found.facts["noise"] == 0


def test_near_copies_of_other_photographs_are_named() -> None:
    scenes = photographs(3, seed=4)
    frames = np.repeat(scenes, 4, axis=0)
    frames[1::4, 0, 0] ^= 1
    pixels = pixel_facts(iter(frames))
    every = images(len(frames))
    later = [f"{i}.png" for i in range(len(frames)) if i % 4]
    assert near_copies(every, pixels) == tuple(later)
    assert near_copies(images(3), pixel_facts(scenes)) == ()
    grouped = replace(
        every, photos=tuple(replace(p, group=str(i // 4)) for i, p in enumerate(every.photos))
    )
    assert near_copies(grouped, pixels) == ()


def test_few_photographs_are_a_note() -> None:
    found = looked(photographs(MIN_USUAL - 1))
    assert found.problems == ()
    assert found.notes == (
        f"only {MIN_USUAL - 1} calibration images; {MIN_USUAL} to 500 are usual",
    )


def test_noise_is_a_problem() -> None:
    [problem] = looked(noise(8)).problems
    assert "are noise" in problem


def test_noise_with_few_photographs_among_it_is_a_problem() -> None:
    [problem] = looked(np.concatenate([photographs(1), noise(9)])).problems
    assert problem.startswith("9 of 10 of the calibration images are noise")


def test_a_brighter_noise_is_noise_as_well() -> None:
    dim = (noise(8) // 4 + 150).astype(np.uint8)
    assert "are noise" in looked(dim).problems[0]


def test_one_noisy_picture_is_a_note_by_name() -> None:
    found = looked(np.concatenate([photographs(4), noise(1)]))
    assert found.problems == ()
    assert "1 of 5 calibration images is noise: 4.png" in found.notes


@pytest.mark.parametrize("period", [1, 2])
def test_stripes_and_a_checkerboard_are_no_noise(period: int) -> None:
    rows, columns = np.indices((SIDE, SIDE))
    board = (((rows * (period - 1) + columns) % 2) * 255).astype(np.uint8)
    pixels = np.repeat(np.stack([board, 255 - board])[..., None], 3, axis=3)
    assert not any("noise" in one for one in looked(pixels).problems)


def test_pictures_too_small_to_tell_are_not_called_noise() -> None:
    assert looked(noise(4, side=12)).problems == ()


def test_the_same_picture_over_and_over_is_a_problem() -> None:
    found = looked(np.repeat(photographs(1), 5, axis=0))
    assert found.problems == ("all 5 calibration images are identical: 0.png",)


def test_one_picture_alone_is_only_few() -> None:
    found = looked(photographs(1))
    assert found.problems == ()
    assert "only 1 calibration image;" in found.notes[0]


def test_copies_and_near_copies_are_a_note_by_name() -> None:
    pixels = photographs(6)
    pixels[4] = pixels[1]
    pixels[5] = np.clip(pixels[0].astype(int) + np.random.default_rng(1).integers(-3, 4), 0, 255)
    found = looked(pixels)
    assert found.problems == ()
    assert "2 of 6 calibration images are the same as another, or nearly so: 4.png, 5.png" in (
        found.notes
    )
    assert found.facts["copies"] == [["1.png", "4.png"], ["0.png", "5.png"]]


def test_copies_of_a_file_are_found_by_content() -> None:
    found = lint(images(3, same="x"), pixel_facts(photographs(3)))
    assert "are identical" in found.problems[0]


def test_a_darker_copy_is_another_picture() -> None:
    one = photographs(1)[0] // 2
    assert looked(np.stack([one, one + 60])).facts["copies"] == []


def test_copies_are_found_across_the_rows_that_are_compared_at_once() -> None:
    pixels = photographs(300, side=16)
    pixels[299] = pixels[2]
    assert looked(pixels).facts["copies"] == [["2.png", "299.png"]]


def test_pictures_of_one_colour() -> None:
    flat = np.full((3, SIDE, SIDE, 3), [[[[10]]], [[[90]]], [[[200]]]], np.uint8)
    [problem] = looked(flat).problems
    assert problem.startswith("every calibration image is a single colour")
    found = looked(np.concatenate([photographs(4), flat[:1]]))
    assert found.problems == ()
    assert "1 of 5 calibration images is a single colour: 4.png" in found.notes


def test_one_class_is_a_note() -> None:
    assert "all 4 calibration images are of one class (2)" in looked(photographs(4), [2] * 4).notes
    assert not any("class" in one for one in looked(photographs(4), [2, 2, 2, 1]).notes)
    assert not any("class" in one for one in looked(photographs(4)).notes)


def test_another_brightness_or_contrast_than_the_evaluation_set_is_a_note() -> None:
    evaluation = photographs(50, seed=3)
    dark = looked((photographs(50) / 255).astype(np.uint8), None, evaluation)
    assert any("pixels differ from the evaluation set's: mean of" in one for one in dark.notes)
    dull = looked((photographs(50) // 4 + 96).astype(np.uint8), None, evaluation)
    assert [one for one in dull.notes if "vary differently" in one]
    assert not any("pixels differ" in one for one in dull.notes)


def test_a_difference_that_chance_explains_is_no_note() -> None:
    brighter = photographs(2) + np.array([90, 0]).reshape(2, 1, 1, 1)
    bright = np.clip(brighter, 0, 255).astype(np.uint8)
    found = looked(bright, None, photographs(50, seed=3))
    assert not any("pixels differ" in one for one in found.notes)


def test_pictures_saved_in_0_to_1_show_nothing() -> None:
    [problem] = looked((photographs(4) / 255).round().astype(np.uint8)).problems
    assert "a single colour" in problem
