"""The summaries as a whole, beside files that were read by a person.

After a change that is meant, write them anew and read what changed:
``EDGEQ_WRITE_GOLD=1 pytest tests/unit/report/test_gold.py``, then ``git diff``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edgeq.record.change import Change, ChangeKind
from edgeq.record.ship_decision import answered
from edgeq.record.structs import RunRecord
from edgeq.report import cases_csv, github, markdown, terminal
from tests.unit.report import records

FOLDER = Path(__file__).with_name("gold")
WRITE = "EDGEQ_WRITE_GOLD"

FORMATS: dict[str, Callable[[RunRecord], str]] = {
    "md": markdown.render,
    "txt": terminal.render,
    "csv": cases_csv.render,
    "github": lambda record: "\n".join(github.commands(record)),
}


def changed() -> RunRecord:
    """A run that is worse than accepted in one case, and has nothing else against it."""
    cases = [records.case("int8", "made"), records.case("int8", "max_bytes", value=9e6)]
    record = records.record((records.variant("int8", 9_000_000),), cases)
    changes = (
        Change(
            id=cases[1].id,
            model=records.MODEL,
            method="int8",
            gate="max_bytes",
            kind=ChangeKind.WORSE,
            reason="8 -> 9 MB",
            before=8e6,
            after=9e6,
            fails=True,
        ),
        Change(id=cases[0].id, kind=ChangeKind.UNCHANGED, reason="PASS, as before"),
    )
    model = record.models[0]
    variants = tuple(msgspec.structs.replace(one, answer=None) for one in model.variants)
    return answered(
        msgspec.structs.replace(
            record,
            models=(msgspec.structs.replace(model, variants=variants),),
            changes=changes,
            summary=msgspec.structs.replace(record.summary, passes=False),
        )
    )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("make", [records.full_record, changed], ids=["full", "changed"])
def test_the_text_is_the_one_that_was_read(make: Callable[[], RunRecord], suffix: str) -> None:
    file = FOLDER / f"{make.__name__}.{suffix}"
    text = FORMATS[suffix](make())
    if os.environ.get(WRITE):
        file.write_text(text, encoding="utf-8", newline="")
    assert text == file.read_bytes().decode("utf-8")
