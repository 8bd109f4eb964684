"""One project, and one run of it that the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.pipeline.run import Run
from tests.unit.pipeline.project import lay_out, spec


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the project; what is made is kept below it in ``.edgeq``."""
    return lay_out(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def run(project: Path) -> Run:
    """Return a run of the project with a limit for every gate."""
    gates = {
        "size_reduction": -10,
        "max_bytes": "1 MB",
        "top1_agreement": 0.5,
        "top5_overlap": 0.1,
        "worst_cosine": -1,
        "relative_error": 1000,
        "accuracy_drop": 1,
        "min_accuracy": 0,
        "latency_ratio": 1000,
        "max_latency_ms": 1000,
        "max_peak_memory": "4 GB",
        "max_partitions": 5,
    }
    return Run(spec(project, gates=gates))
