"""Dealing portions to nodes: each is run once, whatever happens to the nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.cluster.driver import AHEAD, MAX_LOSSES, PATIENCE_S, Deck, Done, Homes, run_on
from edgeq.cluster.work import Answer, Portion, Unseen
from edgeq.errors import ClusterError, ImageError, ModelRefusedError, WorkerCrashedError
from tests.unit.cluster.clusters import JOB, FakeNodes, photos, portions, rows

MODEL = Path("net.tflite")


def ran(nodes: FakeNodes, count: int, homes: Homes | None = None) -> list[Done]:
    """Run ``count`` portions and return what came back."""
    return list(
        run_on(
            nodes,
            JOB,
            MODEL,
            portions(count),
            homes=homes or Homes(),
            progress=lambda _: None,
        )
    )


def names(done: list[Done]) -> list[str]:
    return sorted(photo.name for portion in done for photo in portion.photos)


@given(
    count=st.integers(0, 12),
    nodes=st.integers(1, 4),
    losing=st.dictionaries(st.integers(1, 3), st.integers(0, 4)),
)
def test_each_photograph_comes_back_once_with_its_own_row(
    count: int, nodes: int, losing: dict[int, int]
) -> None:
    cluster = FakeNodes(*(f"node {at}" for at in range(nodes)))
    cluster.losing = {f"node {at}": left for at, left in losing.items()}  # node 0 stays
    try:
        done = ran(cluster, count)
    except WorkerCrashedError:
        assert len(losing) >= MAX_LOSSES
        return
    assert names(done) == [photo.name for photo in photos(2 * count)]
    for portion in done:
        expected = [[float(photo.name[:3])] for photo in portion.photos]
        np.testing.assert_array_equal(portion.ran.outputs[0], expected)
    assert cluster.most <= AHEAD


def test_all_nodes_have_work_before_one_has_two() -> None:
    cluster = FakeNodes("a", "b", "c")
    ran(cluster, 3)
    assert [len(given_) for given_ in cluster.given.values()] == [1, 1, 1]


def test_a_node_runs_what_it_ran_before() -> None:
    homes = Homes()
    first, second = FakeNodes("a", "b"), FakeNodes("b", "a")
    ran(first, 6, homes)
    ran(second, 6, homes)
    assert {name: sorted(given_) for name, given_ in first.given.items()} == {
        name: sorted(given_) for name, given_ in second.given.items()
    }


def test_a_node_with_nothing_left_takes_over_from_the_busiest() -> None:
    homes = Homes()
    every = portions(4)
    for portion, home in zip(every, ("a", "b", "b", "b"), strict=True):
        homes.note(portion, home)
    deck = Deck(every, homes)
    assert [deck.take("a") for _ in range(3)] == [every[0], every[3], every[2]]
    assert deck.take("b") == every[1]
    assert deck.take("b") is None


def test_the_portions_of_a_lost_node_are_run_by_another() -> None:
    cluster = FakeNodes("a", "b")
    cluster.losing = {"a": 1}
    assert names(ran(cluster, 5)) == [photo.name for photo in photos(10)]
    assert cluster.names == ["b"]


def test_a_portion_that_loses_every_node_is_the_models_fault() -> None:
    cluster = FakeNodes(*"abcde")
    cluster.losing = dict.fromkeys("abcde", 0)
    with pytest.raises(WorkerCrashedError, match=r"net/int8: 3 nodes .* were lost"):
        ran(cluster, 1)


def test_without_any_node_the_reason_is_given() -> None:
    times = iter([0.0, 0.0, PATIENCE_S + 1])
    with pytest.raises(ClusterError, match=r"run\.cluster: no machine is left"):
        list(
            run_on(
                FakeNodes(),
                JOB,
                MODEL,
                portions(1),
                homes=Homes(),
                progress=lambda _: None,
                clock=lambda: next(times),
            )
        )


def test_an_error_of_a_node_is_raised_here() -> None:
    refused = ModelRefusedError("op 7 is unknown", where="net/int8")
    with pytest.raises(ModelRefusedError, match="op 7 is unknown"):
        ran(FakeNodes("a", answering=lambda *_: refused), 3)


def test_a_node_that_cannot_see_the_files_is_sent_them(tmp_path: Path) -> None:
    sent: list[tuple[bytes, ...]] = []

    def blind(name: str, portion: Portion) -> Answer:
        if not portion.contents:
            return Unseen()
        sent.append(portion.contents)
        return rows(name, portion)

    set_ = photos(2, tmp_path)
    for photo in set_:
        photo.path.write_bytes(photo.name.encode())
    cluster = FakeNodes("a", answering=blind)
    (done,) = run_on(cluster, JOB, MODEL, [set_], homes=Homes(), progress=lambda _: None)
    assert done.photos == set_
    assert sent == [(b"000.png", b"001.png")]


def test_a_file_that_is_gone_is_one_clear_error() -> None:
    cluster = FakeNodes("a", answering=lambda *_: Unseen())
    with pytest.raises(ImageError, match=r"000\.png: can't be read: No such file"):
        ran(cluster, 1)


def test_progress_counts_photographs_and_may_stop_the_run() -> None:
    counts: list[int] = []

    def progress(done: int) -> None:
        counts.append(done)
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_on(FakeNodes("a"), JOB, MODEL, portions(5), homes=Homes(), progress=progress))
    assert counts == [0, 2, 4]
