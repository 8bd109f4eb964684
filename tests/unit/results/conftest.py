"""The project and the run that the tests of the pipeline share, too."""

from __future__ import annotations

from tests.unit.pipeline.conftest import project, run

__all__ = ["project", "run"]
