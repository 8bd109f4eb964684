"""Files attached to a ``.tflite`` model: a zip behind the flatbuffer, usually labels."""

from __future__ import annotations

import io
import zipfile


def attached_bytes(data: bytes) -> int:
    """Return the bytes of the zip at the end of a model's file, 0 without a readable one.

    See https://ai.google.dev/edge/litert/models/metadata ("pack the associated files").
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            starts = [entry.header_offset for entry in archive.infolist()]
    except Exception:  # noqa: BLE001 (a damaged directory raises whatever it leads to)
        return 0
    start = min(starts, default=len(data))
    return len(data) - start if 0 < start < len(data) else 0
