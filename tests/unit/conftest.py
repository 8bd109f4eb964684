"""What every unit test leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeq.config.gates import GATES


@pytest.fixture(autouse=True)
def _declared_gates() -> Iterator[None]:
    """Forget the gates that a test's spec declared, which a process otherwise keeps."""
    yield
    for name in GATES._declared:
        del GATES._entries[name]
    GATES._declared.clear()
