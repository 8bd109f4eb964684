from __future__ import annotations

import pytest

from edgeq.words.status import BAR, status_line


@pytest.mark.parametrize(
    ("done", "filled"), [(0, 0), (1, 0), (1000, BAR // 2), (1999, BAR - 1), (2000, BAR)]
)
def test_a_count_becomes_a_bar_that_is_full_only_at_the_end(done: int, filled: int) -> None:
    text = f"net/int8: evaluating images, {done} of 2000, about 4 min left"
    bar = "#" * filled + "-" * (BAR - filled)
    assert status_line(text, 100) == f"edgeq: [{bar}] {text}"


@pytest.mark.parametrize("text", ["net: loading", "5 of 3 images", "0 of 0", "1,000 of 2,000 kB"])
def test_without_a_count_there_is_no_bar(text: str) -> None:
    assert status_line(text, 100) == f"edgeq: {text}"


def test_it_is_one_harmless_line_that_fits_and_a_narrow_terminal_has_no_bar() -> None:
    assert status_line("a\n\x1b[2Jb", 100) == "edgeq: a??[2Jb"
    assert len(status_line("x" * 300 + " 3 of 8", 80)) == 80
    assert status_line("3 of 8", 59) == "edgeq: 3 of 8"
    assert status_line("", 100) == ""
