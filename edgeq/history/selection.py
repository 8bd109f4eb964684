"""Selects cases by an expression, as pytest's ``-k`` selects tests.

``int8 and not latency``: a word stands for every case that has it in its id, in the name of its
test or in its marker, ignoring case. Words combine with ``and``, ``or``, ``not`` and brackets. This
is implemented here because pytest's own is in a private module, and accepts no ``@`` and so no
``int8@tensorflow``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edgeq.config.gates import GATES, shipped_test
from edgeq.errors import RecordError
from edgeq.record.case_ids import parsed

Selection = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(?:([()])|([^\s()]+))")
_WORDS = {"and", "or", "not"}


def select(expression: str) -> Selection:
    """Compile an expression to a function that tests a case id.

    Args:
        expression: The expression; an empty one selects every case.

    Raises:
        RecordError: The expression is not valid.
    """
    if not expression.strip():
        return lambda _: True
    parser = _Parser(expression)
    chosen = parser.either()
    if parser.next is not None:
        raise parser.error(f"{parser.next!r} is not expected there")
    return lambda case_id: chosen(_haystack(case_id))


def _haystack(case_id: str) -> str:
    """Return the text in which words are searched."""
    model, variant, gate, _ = parsed(case_id)
    marker = GATES.get(gate).marker if gate in GATES else ""
    return "\n".join((case_id, shipped_test(gate, f"{model}-{variant}"), marker)).lower()


class _Parser:
    """Recursive descent parser: either = both ("or" both)*, both = one ("and" one)*."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = [bracket or word for bracket, word in _TOKEN.findall(expression)]
        self._place = 0

    @property
    def next(self) -> str | None:
        """The next token, or None at the end."""
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def either(self) -> Selection:
        """Parse alternatives."""
        expression = self._both()
        while self._takes("or"):
            expression = _or(expression, self._both())
        return expression

    def _both(self) -> Selection:
        expression = self._one()
        while self._takes("and"):
            expression = _and(expression, self._one())
        return expression

    def _one(self) -> Selection:
        if self._takes("not"):
            inner = self._one()
            return lambda text: not inner(text)
        if self._takes("("):
            expression = self.either()
            if not self._takes(")"):
                raise self.error("a bracket is not closed")
            return expression
        word = self.next
        if word is None or word == ")" or word.lower() in _WORDS:
            raise self.error("a word is missing" + (f" before {word!r}" if word else " at the end"))
        self._place += 1
        return lambda text: word.lower() in text

    def _takes(self, token: str) -> bool:
        matches = self.next is not None and self.next.lower() == token
        self._place += matches
        return matches

    def error(self, what: str) -> RecordError:
        """Return the error for this expression."""
        return RecordError(
            f"{what} in the expression {self._expression!r}",
            where="-k",
            remedy="Write for example: -k 'int8 and not latency'",
        )


def _or(left: Selection, right: Selection) -> Selection:
    return lambda text: left(text) or right(text)


def _and(left: Selection, right: Selection) -> Selection:
    return lambda text: left(text) and right(text)
