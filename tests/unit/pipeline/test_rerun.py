from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.io.files import sha256_file
from edgeq.pipeline.rerun import poisoned
from edgeq.pipeline.run import Run
from edgeq.results.judging import judge
from tests.unit.pipeline.project import case, spec


@pytest.fixture
def judged(project: Path, tmp_path: Path) -> Run:
    root = tmp_path / "project"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns(".edgeq"))
    run = Run(spec(root, gates={"top1_agreement": 0.9}))
    judge(case(run, "net/same/top1_agreement"))
    return run


def test_what_models_answered_is_found_as_it_was(judged: Run) -> None:
    assert list(poisoned(judged.store)) == []


def test_answers_of_another_model_with_fitting_hashes_are_found(judged: Run) -> None:
    sha256 = judged.variant("net/same").sha256
    (folder,) = (
        one.parent
        for one in judged.store.root.glob("answers-*/*/entry.json")
        if msgspec.json.decode(one.read_bytes())["facts"]["model"] == sha256
    )
    rows = np.load(folder / "output-0.npy")
    np.save(folder / "output-0.npy", rows[:, ::-1])
    entry = msgspec.json.decode((folder / "entry.json").read_bytes())
    entry["files"]["output-0.npy"] = sha256_file(folder / "output-0.npy")
    (folder / "entry.json").write_bytes(msgspec.json.encode(entry))
    assert judged.store.verify(folder) is None
    found = dict(poisoned(judged.store))
    assert found.pop(folder) == "its model answers otherwise when it is asked again"
    assert any(place.parent.name == "agreement" for place in found)
