"""How a set is shared out to several workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.config.structs import Preprocessing
from edgeq.pipeline.evaluating import missing_portions
from edgeq.samples.sets import ImageSet, Photo
from edgeq.samples.stream import PORTION, Stream
from edgeq.store.content import Store
from edgeq.store.rows import Ledger


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@given(count=st.integers(1, 700), parts=st.integers(1, 6))
def test_parts_are_even_and_leave_nothing_out(empty: Store, count: int, parts: int) -> None:
    photos = tuple(Photo(str(n), str(n), f"{n:064x}", None) for n in range(count))
    images = ImageSet("evaluation", "nowhere", photos)
    stream = Stream(images, Preprocessing(), (4, 4), empty)
    kept = Ledger(empty, "answers", {})
    shares = [missing_portions(stream, kept, part, parts) for part in range(parts)]
    given_out = [photo for share in shares for portion in share for photo in portion]
    assert sorted(given_out, key=photos.index) == list(photos)
    assert all(len(portion) <= PORTION for share in shares for portion in share)
    sizes = [sum(map(len, share)) for share in shares]
    if parts in {1, 2, 4} and count > PORTION:
        assert max(sizes) - min(sizes) <= 8 + count // PORTION
