"""What Ray's errors become; what needs a cluster is in tests/end_to_end/test_cluster.py."""

from __future__ import annotations

import pytest

from edgeq.cluster.ray_nodes import _in_a_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", "ValueError"),
        ("The node died.\nMore is in its log.", "The node died"),
        (
            "From server:\nTraceback:\n  File\nRuntimeError: full.\n",
            "From server: RuntimeError: full",
        ),
        ("No cluster:\n", "No cluster:"),
    ],
)
def test_an_error_of_ray_becomes_one_line_with_its_reason(message: str, line: str) -> None:
    assert _in_a_line(ValueError(message)) == line
