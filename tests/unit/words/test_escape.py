from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from edgeq.words.escape import (
    columns,
    fitted,
    hidden,
    line,
    markdown,
    printable,
    shortened,
    wrapped,
)


def test_markup_shows_as_it_is() -> None:
    assert markdown("<img src=x> & a|b") == "&lt;img src=x&gt; &amp; a&#124;b"
    assert markdown("weight_only `x` **b** [a](u)") == (
        "weight\\_only \\`x\\` \\*\\*b\\*\\* \\[a\\](u)"
    )


def test_mentions_and_links_are_broken() -> None:
    assert "@all" not in markdown("ask @all")
    assert "#12" not in markdown("see #12")
    assert "https://" not in markdown("https://host.example/x")
    assert "www." not in markdown("www.host.example")


def test_a_sign_within_a_name_stays() -> None:
    assert markdown("int8@tensorflow") == "int8@tensorflow"


@given(st.text())
def test_no_text_escapes(text: str) -> None:
    shown = markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert "|" not in shown
    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]]", shown)


def test_control_and_direction_characters_are_visible() -> None:
    assert printable("a\x1b[31mb\u202ec\nd\te") == "a?[31mb?c d e"


HOSTILE = (
    "Nice\x1b[2J\x1b]0;title\x07\r\n::error title=x::said by a file\u2028::stop-commands::t\n"
    "  ::warning::y ##[error]z ##vso[task.setvariable variable=a]b \u202egnp\x9b31m"
)


def obeyed(text: str) -> bool:
    """Return whether a terminal or a service of CI would take some of a text for a command."""
    hidden = any(unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} for sign in text)
    return hidden or text.lstrip().startswith("::") or re.search(r"##\w*\[", text) is not None


def test_commands_of_ci_are_broken() -> None:
    assert printable("::error ::x") == ": :error : :x"
    assert printable("##[error]x ##vso[a]") == "# #[error]x # #vso[a]"


def test_names_of_languages_stay() -> None:
    assert printable("tflite::ops::Conv, test_gate.py::test_made") == (
        "tflite::ops::Conv, test_gate.py::test_made"
    )


@given(st.text(st.sampled_from(HOSTILE)) | st.text())
def test_no_line_is_obeyed(text: str) -> None:
    assert not obeyed(printable(text))
    assert not obeyed(line(text))
    assert not any(map(obeyed, wrapped(printable(text), 20)))


def test_a_word_that_is_cut_begins_no_command() -> None:
    assert not any(map(obeyed, wrapped("x" * 20 + "::error ::y", 20)))


def test_line_keeps_columns() -> None:
    assert line("a   b\tc") == "a   b?c"


def test_lines_of_a_page_stay() -> None:
    assert hidden("a\nb\x1b[0m\u202ec") == "a\nb?[0m?c"


@given(st.text(), st.integers(1, 30))
def test_fitted_fits(text: str, width: int) -> None:
    assert columns(fitted(printable(text), width)) <= width


def test_wide_signs_take_two_columns() -> None:
    assert columns("ab\u4e2d") == 4
    assert fitted("\u4e2d\u4e2d\u4e2d", 4) == "\u4e2d~"


@given(st.text(), st.integers(8, 30))
def test_wrapped_fits_and_loses_nothing(text: str, width: int) -> None:
    plain = printable(text)
    lines = wrapped(plain, width, indent="  ")
    assert max(columns(line) for line in lines) <= width
    assert "".join(lines).replace(" ", "") == plain.replace(" ", "")


def test_what_is_shortened_has_the_given_length() -> None:
    assert [shortened(text, 4) for text in ("", "four", "fives")] == ["", "four", "fiv…"]


def test_wrapped_breaks_at_words() -> None:
    assert wrapped("one two three", 8, indent="  ") == ["one two", "  three"]
