"""A node's answers are those of a local worker, and nothing that it is sent becomes a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeq.cluster.node import Node, Workshop, tools
from edgeq.cluster.work import Bytes, Job, Portion, Ran, Unseen
from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError, ModelError, ModelRefusedError
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.dependencies import runtime_facts
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.samples import apart
from edgeq.samples.sets import Photo
from tests.patience import PATIENCE_S
from tests.unit.cluster.clusters import JOB
from tests.unit.tiny_model import classifier

SIZE = (8, 8)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.close()


@pytest.fixture
def portion(tmp_path: Path) -> Portion:
    generator = np.random.default_rng(1)
    found = []
    for at in range(3):
        path = tmp_path / f"{at}.png"
        Image.fromarray(generator.integers(0, 256, (*SIZE, 3), np.uint8)).save(path)
        found.append(Photo(str(path), path.name, sha256_bytes(path.read_bytes()), None))
    return Portion(tuple(found))


@pytest.fixture
def model() -> Bytes:
    return np.frombuffer(classifier(size=SIZE), np.uint8)


@pytest.fixture
def job(model: Bytes) -> Job:
    return replace(JOB, sha256=sha256_bytes(model.tobytes()), size=SIZE)


def with_contents(portion: Portion) -> Portion:
    return replace(portion, contents=tuple(photo.path.read_bytes() for photo in portion.photos))


def gone(portion: Portion) -> Portion:
    """Return the portion as a node that has no such files is asked."""
    photos = tuple(replace(photo, file=f"/gone/{photo.name}") for photo in portion.photos)
    return replace(portion, photos=photos)


def test_its_answers_are_those_of_a_local_worker(
    node: Node, job: Job, model: Bytes, portion: Portion, tmp_path: Path
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(model.tobytes())
    pixels = [
        np.frombuffer(apart.decoded(photo, job.preprocessing, SIZE), np.uint8).reshape(*SIZE, 3)
        for photo in portion.photos
    ]
    with Session(local_target(), timeout_s=60, memory_limit=None) as session:
        handle = session.load(file, threads=1, kernels="xnnpack").handle
        (expected,) = session.infer(handle, np.stack(pixels), job.preprocessing).outputs
    answer = node.run(job, model, portion)
    assert isinstance(answer, Ran)
    np.testing.assert_array_equal(answer.outputs[0], expected)
    sent = Node()
    try:
        of_contents = sent.run(job, model, gone(with_contents(portion)))
    finally:
        sent.close()
    assert isinstance(of_contents, Ran)
    np.testing.assert_array_equal(of_contents.outputs[0], expected)


def test_files_that_are_not_here_or_are_others_must_be_sent(
    job: Job, model: Bytes, portion: Portion
) -> None:
    node = Node()
    try:
        assert node.run(job, model, gone(portion)) == Unseen()
        portion.photos[1].path.write_bytes(b"another file of this name")
        assert node.run(job, model, portion) == Unseen()
        answer = node.run(job, model, with_contents(portion))
    finally:
        node.close()
    assert isinstance(answer, ImageError)
    assert answer.where == portion.photos[1].file
    assert "has changed since the set was loaded" in answer.what


def test_what_does_not_fit_into_memory_leaves_what_came_first(
    job: Job, model: Bytes, portion: Portion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeq.cluster.node.MAX_PIXELS", 2 * 3 * SIZE[0] * SIZE[1])
    first, last = Portion(portion.photos[:2]), Portion(portion.photos[2:])
    bgr = replace(job, preprocessing=Preprocessing(channels="bgr"))
    cropped = replace(job, preprocessing=Preprocessing(resize="centre_crop"))
    node = Node()
    try:
        assert isinstance(node.run(job, model, portion), Ran)
        assert isinstance(node.run(bgr, model, gone(first)), Ran)
        assert node.run(job, model, gone(last)) == Unseen()
        assert isinstance(node.run(cropped, model, first), Ran)
        assert isinstance(node.run(cropped, model, gone(first)), Ran)
        assert node.run(job, model, gone(first)) == Unseen()
    finally:
        node.close()


def test_a_model_that_does_not_load_is_an_error_not_an_exception(
    node: Node, job: Job, portion: Portion
) -> None:
    rubbish = np.frombuffer(b"no model at all", np.uint8)
    answer = node.run(replace(job, sha256=sha256_bytes(rubbish.tobytes())), rubbish, portion)
    assert isinstance(answer, ModelRefusedError)
    assert answer.where == job.name


def test_a_model_that_is_not_the_hashed_one_is_refused(
    node: Node, job: Job, model: Bytes, portion: Portion
) -> None:
    answer = node.run(replace(job, sha256="0" * 64), model, portion)
    assert isinstance(answer, ModelError)
    assert "is not the file that was hashed" in answer.what


def test_a_worker_that_died_in_between_costs_nothing(
    node: Node, job: Job, model: Bytes, portion: Portion
) -> None:
    before = node.run(job, model, portion)
    assert isinstance(before, Ran)
    for child in children():
        os.kill(child, signal.SIGKILL)
    after = node.run(job, model, portion)
    assert isinstance(after, Ran)
    assert after.load != before.load
    np.testing.assert_array_equal(after.outputs[0], before.outputs[0])


def test_models_beyond_two_are_unloaded(model: Bytes, job: Job, portion: Portion) -> None:
    node = Node()
    try:
        jobs = [replace(job, name=name) for name in "abc"]
        loads = [load_of(node, each, model, portion) for each in (*jobs, jobs[1], jobs[0])]
    finally:
        node.close()
    assert loads[3] == loads[1]
    assert loads[4] != loads[0]


def test_its_facts_are_those_that_predictions_are_kept_under(node: Node) -> None:
    assert node.facts().runtime == runtime_facts()


def load_of(node: Node, job: Job, model: Bytes, portion: Portion) -> str:
    answer = node.run(job, model, portion)
    assert isinstance(answer, Ran)
    return answer.load


def children() -> list[int]:
    """Return the workers that this process has started."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    found = [int(child) for path in tasks.glob("*/children") for child in path.read_text().split()]
    return [child for child in found if b"worker.py" in Path(f"/proc/{child}/cmdline").read_bytes()]


KILLED = """
import os, signal, tempfile
from edgeq.cluster.node import Workshop

tempfile.tempdir = {folder!r}
workshop = Workshop()
(child,) = os.listdir({folder!r})
open(os.path.join({folder!r}, child, "model"), "w").close()
print("made", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_its_folder_is_deleted_if_its_process_is_killed(tmp_path: Path) -> None:
    script = KILLED.format(folder=str(tmp_path))
    command = [sys.executable, "-c", script]
    killed = subprocess.run(command, capture_output=True, check=False, text=True)
    assert killed.stdout == "made\n", killed.stderr
    end = time.monotonic() + PATIENCE_S
    while any(tmp_path.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_its_folder_is_deleted_when_it_closes() -> None:
    workshop = Workshop()
    folder = Path(workshop._folder)
    time.sleep(0.05)  # what deletes it waits
    assert folder.is_dir()
    workshop.close()
    assert not folder.exists()


def test_tools_are_those_that_make_models() -> None:
    versions = tools()
    assert versions["ai-edge-litert"] == metadata.version("ai-edge-litert")
    assert "torch" not in versions
