"""This machine as a target."""

from __future__ import annotations

from edgeq.config.target_kinds import NoSettings
from edgeq.run.targets import Target, local_target


def start(name: str, settings: NoSettings) -> Target:
    """Return this machine, with the Python that is running."""
    del name, settings
    return local_target()
