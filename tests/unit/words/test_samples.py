"""Sentences about samples that are not images."""

from __future__ import annotations

import pytest

from edgeq.words.samples import of_arrays, page_of_arrays


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("agrees on 3 of 400 images", "agrees on 3 of 400 samples"),
        (
            "8 lost of 400 crops of 397 photographs: 2 points",
            "8 lost of 400 samples (397 of them independent): 2 points",
        ),
        ("About 460 different photographs", "About 460 different samples"),
        ("Images whose answer changed", "Samples whose answer changed"),
        ("1 image got worse", "1 sample got worse"),
        ("an image of a hand", "a sample of a hand"),
        ("An image is lost", "A sample is lost"),
        ("cosine image by image", "cosine sample by sample"),
        ("set `max_images` or images.labels", "set `max_images` or images.labels"),
        ("400 images of data/images/x.npy", "400 samples of data/images/x.npy"),
        ("output 0 ('image') of 4 images", "output 0 ('image') of 4 samples"),
        ("the baseline's images and the variant's", "the baseline's samples and the variant's"),
        ("Add evaluation to [images]", "Add evaluation to [images]"),
        ("an image_to_image network", "an image_to_image network"),
    ],
)
def test_images_are_samples_but_names_stay(sentence: str, expected: str) -> None:
    assert of_arrays(sentence) == expected
    assert of_arrays(expected) == expected


def test_only_the_texts_of_a_page_change() -> None:
    page = '<p class="image" title="image">4 images of the baseline&#39;s <b>image</b></p>'
    assert page_of_arrays(page) == (
        '<p class="image" title="image">4 samples of the baseline&#39;s <b>sample</b></p>'
    )
