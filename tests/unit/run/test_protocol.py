"""Frames survive any cutting, and what is not a frame is refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.run.protocol import DTYPES, Decoder, Frame, FrameError, encode

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
headers = st.dictionaries(texts.filter(lambda key: key != "blobs"), values, max_size=4)
arrays = hnp.arrays(
    dtype=st.sampled_from(sorted(DTYPES)).map(np.dtype),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
)
frames = st.builds(Frame, headers, st.lists(arrays, max_size=3).map(tuple))


def decode(data: bytes, cuts: list[int]) -> list[Frame]:
    decoder, found, last = Decoder(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        decoder.feed(data[last:cut])
        last = cut
        while (frame := decoder.next()) is not None:
            found.append(frame)
    return found


@given(st.lists(frames, min_size=1, max_size=3), st.data())
def test_frames_come_back_whole_however_the_bytes_are_cut(
    sent: list[Frame], data: st.DataObject
) -> None:
    stream = b"".join(encode(frame) for frame in sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    found = decode(stream, cuts)
    assert [frame.header for frame in found] == [frame.header for frame in sent]
    for one, other in zip(found, sent, strict=True):
        assert [blob.shape for blob in one.blobs] == [blob.shape for blob in other.blobs]
        assert [blob.dtype for blob in one.blobs] == [blob.dtype for blob in other.blobs]
        for mine, theirs in zip(one.blobs, other.blobs, strict=True):
            assert mine.tobytes() == theirs.tobytes()
            assert mine.flags.owndata
            assert mine.flags.writeable


@given(frames, st.data())
def test_a_frame_that_is_cut_short_never_appears(frame: Frame, data: st.DataObject) -> None:
    stream = encode(frame)
    length = data.draw(st.integers(0, len(stream) - 1))
    assert decode(stream[:length], []) == []


@given(st.binary(min_size=4, max_size=200))
def test_rubbish_is_refused_or_waits_for_more(rubbish: bytes) -> None:
    decoder = Decoder()
    decoder.feed(rubbish)
    try:
        frame = decoder.next()
    except FrameError:
        return
    assert frame is None
    assert struct.unpack("<I", rubbish[:4])[0] > len(rubbish) - 4


def test_a_transposed_array_and_a_big_endian_one_arrive_as_they_read() -> None:
    square = np.arange(6, dtype=">i4").reshape(2, 3).T
    found = decode(encode(Frame({}, (square,))), [])[0].blobs[0]
    assert found.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found.dtype == np.dtype("int32")


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}",
        b'{"blobs": 1}',
        b'{"blobs": [{"dtype": "object", "shape": [1]}]}',
        b'{"blobs": [{"dtype": "int8", "shape": [-1]}]}',
        b'{"blobs": [{"dtype": "int8", "shape": [1099511627776]}]}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_a_header_that_is_not_one_is_refused(header: bytes) -> None:
    decoder = Decoder()
    decoder.feed(struct.pack("<I", len(header)) + header)
    with pytest.raises(FrameError):
        decoder.next()


def test_a_length_beyond_reason_is_refused_before_it_is_waited_for() -> None:
    decoder = Decoder()
    decoder.feed(b"Hell")
    with pytest.raises(FrameError, match="a header of"):
        decoder.next()


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([1j]), np.array([None])])
def test_arrays_that_are_no_numbers_are_not_sent(array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(FrameError):
        encode(Frame({}, (array,)))


def test_the_layout_is_the_documented_one() -> None:
    data = encode(Frame({"op": "x"}, (np.array([1, 2], np.uint16),)))
    size = struct.unpack("<I", data[:4])[0]
    assert json.loads(data[4 : 4 + size]) == {
        "op": "x",
        "blobs": [{"dtype": "uint16", "shape": [2]}],
    }
    assert data[4 + size :] == b"\x01\x00\x02\x00"
