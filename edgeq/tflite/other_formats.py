"""Formats that files are often mistaken for models in."""

from __future__ import annotations

_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive, such as a .keras or .task file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "HDF5, such as a Keras .h5 file"),
    (b"\x08\x01\x12", "the saved_model.pb of a SavedModel"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"<", "a web page"),
    (b"\x80", "a pickle"),
)
_ONNX = range(3, 20)
"""Versions of ONNX's format, the file's first number. See https://onnx.ai/onnx/repo-docs/IR.html"""
_TEXT_BYTES = 4096


def other_format(content: bytes) -> str | None:
    """Return which other format a file seems to have, None if it is none of those often met."""
    start = content[:_TEXT_BYTES].lstrip()
    for magic, name in _OTHER_FORMATS:
        if start.startswith(magic):
            return name
    if content[:1] == b"\x08" and content[2:3] in {b"\x12", b"\x1a", b":"} and content[1] in _ONNX:
        return "an ONNX model"
    return "a C array, as microcontrollers compile it" if b"unsigned char" in start else None
