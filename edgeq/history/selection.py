"""Choosing cases by an expression, as pytest's ``-k`` chooses tests.

``int8 and not latency``: words stand for every case that has them in its id, in the name of its
test or in its marker, whatever their case; with ``and``, ``or``, ``not`` and brackets. This is
written out here because pytest's own lives in a private module, and knows no ``@`` and so no
``int8@tensorflow``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edgeq.config.gates import GATES
from edgeq.errors import RecordError

Selection = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(?:([()])|([^\s()]+))")
_WORDS = {"and", "or", "not"}


def select(expression: str) -> Selection:
    """Return the test that an expression makes of a case id.

    Args:
        expression: Empty for every case.

    Raises:
        RecordError: The expression is none.
    """
    if not expression.strip():
        return lambda _: True
    parser = _Parser(expression)
    chosen = parser.either()
    if parser.next is not None:
        raise parser.error(f"{parser.next!r} is not expected there")
    return lambda case_id: chosen(_haystack(case_id))


def _haystack(case_id: str) -> str:
    """Return all that a word may be found in."""
    model, _, rest = case_id.partition("/")
    method, _, gate = rest.rpartition("/")
    marker = GATES.get(gate).marker if gate in GATES else ""
    return "\n".join((case_id, f"test_{gate}[{model}-{method}]", marker)).lower()


class _Parser:
    """Recursive descent: either = both ("or" both)*, both = one ("and" one)*."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = [bracket or word for bracket, word in _TOKEN.findall(expression)]
        self._place = 0

    @property
    def next(self) -> str | None:
        """The next token, None at the end."""
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def either(self) -> Selection:
        """Read alternatives."""
        found = self._both()
        while self._takes("or"):
            found = _or(found, self._both())
        return found

    def _both(self) -> Selection:
        found = self._one()
        while self._takes("and"):
            found = _and(found, self._one())
        return found

    def _one(self) -> Selection:
        if self._takes("not"):
            inner = self._one()
            return lambda text: not inner(text)
        if self._takes("("):
            found = self.either()
            if not self._takes(")"):
                raise self.error("a bracket is not closed")
            return found
        word = self.next
        if word is None or word == ")" or word.lower() in _WORDS:
            raise self.error("a word is missing" + (f" before {word!r}" if word else " at the end"))
        self._place += 1
        return lambda text: word.lower() in text

    def _takes(self, token: str) -> bool:
        taken = self.next is not None and self.next.lower() == token
        self._place += taken
        return taken

    def error(self, what: str) -> RecordError:
        """Return the error for this expression."""
        return RecordError(
            f"{what} in the expression {self._expression!r}",
            where="-k",
            remedy="Write for example: -k 'int8 and not latency'",
        )


def _or(one: Selection, two: Selection) -> Selection:
    return lambda text: one(text) or two(text)


def _and(one: Selection, two: Selection) -> Selection:
    return lambda text: one(text) and two(text)
