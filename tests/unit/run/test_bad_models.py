"""Models that crash, never end or want memory, and workers that may use so much and no more."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.errors import (
    ModelRefusedError,
    WorkerCrashedError,
    WorkerError,
    WorkerMemoryError,
    WorkerTimeoutError,
)
from edgeq.run import loading
from edgeq.run.results import Loaded
from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target
from tests.unit import bad_models
from tests.unit.tiny_model import Op, Tensor, build, classifier


def load(session: Session, folder: Path, content: bytes, kernels: Kernels = "xnnpack") -> Loaded:
    file = folder / "model.tflite"
    file.write_bytes(content)
    return session.load(file, threads=1, kernels=kernels)


def test_memory_beyond_the_limit_is_named(tmp_path: Path) -> None:
    hungry = Session(local_target(), timeout_s=60, memory_limit=400_000_000, where="net/int8")
    with hungry, pytest.raises(WorkerMemoryError, match=r"net/int8: .* limit of 400 MB"):
        load(hungry, tmp_path, classifier(size=(10_000, 10_000)), "builtin")


@pytest.mark.parametrize("wanted", [400_000_000, 9_000_000_000])
def test_a_model_that_wants_much_more_than_it_may_is_told_the_limit(
    tmp_path: Path, wanted: int
) -> None:
    greedy = Session(local_target(), timeout_s=60, memory_limit=200_000_000, where="net/int8")
    with greedy, pytest.raises(WorkerMemoryError, match=r"limit of 200 MB while it ran load"):
        load(greedy, tmp_path, bad_models.greedy(wanted))


def test_a_model_that_crashes_is_named(tmp_path: Path) -> None:
    with Session(local_target(), timeout_s=60, memory_limit=None, where="net/int8") as session:
        model = load(session, tmp_path, bad_models.crashing())
        with pytest.raises(WorkerCrashedError, match="by SIGSEGV while it ran infer"):
            session.infer(model.handle, np.zeros((1, 4, 4, 3), np.uint8), Preprocessing())


@pytest.mark.parametrize("scale", [math.inf, math.nan])
def test_a_scale_that_is_no_number_is_refused(tmp_path: Path, scale: float) -> None:
    tensors = [Tensor("a", (1, 4, 4, 3)), Tensor("b", (1, 4, 4, 3), scales=(scale,))]
    content = build(tensors, [Op("RELU", ("a",), ("b",))], ["a"], ["b"])
    with Session(local_target(), timeout_s=60, memory_limit=None, where="net/int8") as session:
        with pytest.raises(ModelRefusedError, match=r"the scale of .b. is (inf|nan)"):
            load(session, tmp_path, content)
        assert not session.ended


def test_a_model_without_an_end_is_stopped(tmp_path: Path) -> None:
    with Session(local_target(), timeout_s=2, memory_limit=None, where="net/int8") as session:
        model = load(session, tmp_path, bad_models.endless())
        with pytest.raises(WorkerTimeoutError, match=r"silent for 2 s .* during one inference,"):
            session.infer(model.handle, np.zeros((1, 4, 4, 3), np.uint8), Preprocessing())
        assert session.ended


def test_a_limit_below_the_workers_own_needs_is_named() -> None:
    with pytest.raises(WorkerMemoryError, match="limit of 1 MB while it ran hello"):
        Session(local_target(), timeout_s=60, memory_limit=1_000_000)


@pytest.mark.parametrize(
    ("local", "loads", "kind"),
    [
        (True, "limit is None", WorkerMemoryError),
        (True, "False", ModelRefusedError),
        (False, "limit == 1200 * 10**6", WorkerMemoryError),
        (False, "limit is None", ModelRefusedError),
    ],
)
def test_a_refusal_for_want_of_memory_is_told_from_a_true_one(
    scripted: Callable[[str], Target], tmp_path: Path, local: bool, loads: str, kind: type
) -> None:
    target = scripted(
        "limit = hello()['memory_limit']\n"
        "while True:\n"
        "    asked = read()\n"
        "    if asked['op'] == 'bye': break\n"
        f"    if asked['op'] == 'load' and not ({loads}):\n"
        "        said = 'failed to create runtime'\n"
        "        write(kind='error', id=asked['id'], kinds=['RuntimeError'], message=said)\n"
        "    else:\n"
        "        write(kind='result', id=asked['id'])\n"
    )
    place = dataclasses.replace(target, local_files=local)
    session = Session(place, timeout_s=60, memory_limit=300_000_000)
    with session, pytest.raises(WorkerError) as caught:
        load(session, tmp_path, b"")
    assert type(caught.value) is kind


def test_a_refusal_that_has_nothing_to_do_with_memory_costs_no_second_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = classifier()[:600] + b"x" * 200
    with Session(local_target(), timeout_s=60, memory_limit=4_000_000_000) as session:
        monkeypatch.setattr(loading, "Conversation", None)
        with pytest.raises(ModelRefusedError, match="refused load"):
            load(session, tmp_path, broken)
        assert load(session, tmp_path, classifier()).operators == 3
