"""How long a test waits for what must happen."""

from __future__ import annotations

PATIENCE_S = 300.0
"""Far beyond what a machine needs, however slow or busy: only what never happens takes so long."""
