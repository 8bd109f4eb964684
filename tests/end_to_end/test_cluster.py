"""Runs on a Ray cluster of two raylets, one of which loses an actor that is making a variant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ClusterError, EdgeqError
from edgeq.record import structs
from edgeq.record.structs import CaseRecord
from tests.end_to_end.raylets import actors, client_server, makers, raylets
from tests.patience import PATIENCE_S
from tests.unit.faults.project import lay_out, save
from tests.unit.quantize.network import SIZE

PHOTOGRAPHS = 400
SPEC = """
methods = ["int8"]
default_gates = false
{cluster}
[models.net]
source = "net.tflite"
preprocessing = "keras-tf"
[images]
calibration = "calibration"
evaluation = "evaluation"
[gates]
top1_agreement = 0.4
worst_cosine = 0.8
relative_error = 1.0
"""

ARRAYS = """
methods = ["int8"]
default_gates = false
{cluster}
[models.net]
source = "net.tflite"
[models.net.samples]
calibration = "calibration.npy"
evaluation = "evaluation.npy"
[gates]
top1_agreement = 0.4
relative_error = 1.0
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'edgeq[ray]'")
    root = lay_out(tmp_path_factory.mktemp("project"))
    for seed in range(200, 200 + PHOTOGRAPHS):
        save(root / "evaluation" / str(seed % 5) / f"{seed}.png", seed)
    with started(root, "local") as local:
        output, _ = local.communicate(timeout=PATIENCE_S)
    assert local.returncode == 0, output
    return root


def started(
    project: Path, name: str, cluster: str = "", *, spec: str = SPEC
) -> subprocess.Popen[str]:
    """Start the gate with a store and a folder of reports of its own."""
    file = project / f"{name}.toml"
    own = f'store = ".{name}"\nreports = "{name}"\n'
    file.write_text(own + spec.format(cluster=cluster), "utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "edgeq.cli", "gate", "--edgeq-config", file.name],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cases(project: Path, name: str) -> list[CaseRecord]:
    """Return the cases of a run that depend on predictions alone."""
    record = structs.read(project / name / "latest" / "run.json")
    measured = {"steady_memory"}  # depends on what else the machine does
    return [case for case in record.cases if case.gate not in measured]


def test_a_cluster_that_loses_a_maker_gives_the_local_runs_cases(project: Path) -> None:
    with (
        raylets(2) as address,
        started(project, "cluster", f'[run]\ncluster = "{address}"') as running,
    ):
        end = time.monotonic() + PATIENCE_S
        while not (making := makers()) and running.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        for actor in making[:1]:
            os.kill(actor, signal.SIGKILL)
        output, _ = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0, output
        while actors() and time.monotonic() < end:
            time.sleep(0.05)
        assert actors() == []
    assert making, output
    assert cases(project, "cluster") == cases(project, "local")
    assert not list(Path(tempfile.gettempdir()).glob("edgeq-node-*"))


def test_a_driver_that_is_a_client_of_the_cluster_gives_them_too(project: Path) -> None:
    with (
        raylets(2) as address,
        client_server(address) as client,
        started(project, "client", f'[run]\ncluster = "{client}"') as running,
    ):
        output, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, output
    assert cases(project, "client") == cases(project, "local")


def test_a_model_of_arrays_is_made_on_the_cluster_and_evaluated_here(
    tmp_path: Path, project: Path
) -> None:
    (tmp_path / "net.tflite").symlink_to(project / "net.tflite")
    generator = np.random.default_rng(0)
    for role, count in (("calibration", 8), ("evaluation", PHOTOGRAPHS)):
        samples = generator.normal(0, 1, (count, *SIZE, 3)).astype(np.float32)
        np.save(tmp_path / f"{role}.npy", samples)
    with started(tmp_path, "local", spec=ARRAYS) as local:
        output, _ = local.communicate(timeout=PATIENCE_S)
    assert local.returncode == 0, output
    with raylets(2) as address:
        table = f'[run]\ncluster = "{address}"'
        with started(tmp_path, "cluster", table, spec=ARRAYS) as running:
            seen = set[int]()
            while running.poll() is None:
                seen.update(makers())
                time.sleep(0.01)
        assert running.returncode == 0
    assert seen
    assert cases(tmp_path, "cluster") == cases(tmp_path, "local")
    ours, theirs = (
        next((tmp_path / store / "variants").glob("*/*.tflite")).read_bytes()
        for store in (".local", ".cluster")
    )
    assert ours == theirs


def test_an_address_without_a_cluster_is_one_clear_error(project: Path) -> None:
    with started(project, "nowhere", '[run]\ncluster = "127.0.0.1:9"') as running:
        output, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == EdgeqError.exit_code, output
    assert "run.cluster: no cluster answers at '127.0.0.1:9'" in output
    assert "ray start --head" in output
    assert "Traceback" not in output
    assert ClusterError.exit_code == EdgeqError.exit_code
