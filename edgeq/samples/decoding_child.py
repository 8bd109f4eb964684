"""The child's side of ``edgeq.samples.apart``: decodes one photograph at a time.

A request is a line of JSON on standard input. The answer on standard output is a line of JSON
that gives a number of bytes, followed by that many bytes of pixels; or, if the request names no
size, the photograph's own width and height.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edgeq.errors import ImageError
from edgeq.samples.photo import pillow_warnings_are_errors, size_of
from edgeq.samples.resize import read_indices, read_resized


def serve(memory_limit: int) -> None:
    """Answer requests until standard input closes."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, hard))
    answers = sys.stdout.buffer
    with pillow_warnings_are_errors():
        for line in sys.stdin.buffer:
            head, pixels = _answer(json.loads(line))
            answers.write(json.dumps(head).encode() + b"\n")
            answers.write(pixels)
            answers.flush()


def _answer(request: dict[str, Any]) -> tuple[dict[str, object], bytes]:
    path = Path(request["file"])
    try:
        if request["size"] is None:
            width, height = size_of(path, sha256=request["sha256"])
            return {"width": width, "height": height}, b""
        geometry = SimpleNamespace(**request["preprocessing"])
        height, width = request["size"]
        reading = path, request["sha256"], geometry, (height, width)
        if "padding" in request:
            pixels = read_indices(*reading, request["padding"]).tobytes()
        else:
            pixels = read_resized(*reading).tobytes()
    except ImageError as error:
        return {"what": error.what, "where": error.where, "remedy": error.remedy}, b""
    return {"bytes": len(pixels)}, pixels


if __name__ == "__main__":
    serve(int(sys.argv[1]))
