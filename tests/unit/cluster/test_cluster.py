"""Children on a cluster: the same files, log and errors as on this machine."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edgeq.cluster.cluster import MakingElsewhere
from edgeq.cluster.driver import MAX_LOSSES, PATIENCE_S
from edgeq.config.structs import Make
from edgeq.errors import ConversionError
from edgeq.models.child import Files, children_elsewhere, run_child
from tests.unit.cluster.makers import CHILD, FakeMakers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a model of two files, and let children import ``child_of_making``."""
    (tmp_path / "child_of_making.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "net.onnx").write_bytes(b"model")
    (tmp_path / "net" / "weights.bin").write_bytes(b"weights")
    return tmp_path


def made(
    folder: Path, name: str, what: str = "int8 of net", **more: object
) -> tuple[dict[str, object], dict[str, bytes]]:
    """Make something, and return the answer and the files that were written."""
    model = folder / "net" / "net.onnx"
    target = folder / name
    target.mkdir()
    answer = run_child(
        "child_of_making",
        {"source": {"model": str(model)}, "output": str(target / "made.tflite"), **more},
        log=folder / f"{name}.log",
        limits=Make(timeout_s=60),
        what=what,
        files=Files({"source.model": (model, model.with_name("weights.bin"))}),
    )
    written = [path for path in target.rglob("*") if path.is_file()]
    return answer, {path.relative_to(target).as_posix(): path.read_bytes() for path in written}


def on(nodes: FakeMakers, said: list[str] | None = None) -> MakingElsewhere[int]:
    lines = [] if said is None else said
    return MakingElsewhere(lambda: nodes, cores=1, say=lines.append)


@pytest.mark.parametrize("blind", [False, True])
def test_a_node_writes_what_a_child_here_writes(folder: Path, *, blind: bool) -> None:
    answer, files = made(folder, "here")
    nodes = FakeMakers("a", blind=blind)
    with children_elsewhere(on(nodes)):
        far_answer, far_files = made(folder, "there")
        made(folder, "again")
    assert files == {"made.tflite": b"modelmodel", "notes/graph.pb": b"net.onnx weights.bin"}
    assert (far_answer, far_files) == (answer | {"output": far_answer["output"]}, files)
    assert (folder / "there.log").read_bytes() == (folder / "here.log").read_bytes()
    assert nodes.contents == ([0, 2, 2] if blind else [0, 0])  # asked once whether it sees them


@pytest.mark.parametrize("blind", [False, True])
def test_a_failure_names_the_files_of_this_machine(folder: Path, *, blind: bool) -> None:
    texts = []
    for name in ("here", "there"):
        with children_elsewhere(on(FakeMakers(*("a" if name == "there" else ""), blind=blind))):
            with pytest.raises(ConversionError) as caught:
                made(folder, name, fails=True)
            texts.append(str(caught.value).replace(f"{name}.log", "log"))
    assert texts[0] == texts[1]
    assert str(folder / "net" / "net.onnx") in texts[0]


def test_another_node_does_the_work_of_a_lost_one(folder: Path) -> None:
    nodes = FakeMakers("a", "b", losing=["a"])
    with children_elsewhere(on(nodes)):
        assert "made.tflite" in made(folder, "there")[1]
    assert nodes.names == nodes.given == ["b"]


def test_work_that_costs_too_many_nodes_is_the_models_fault(folder: Path) -> None:
    names = "abcd"[: MAX_LOSSES + 1]
    nodes = FakeMakers(*names, losing=names)
    with (
        children_elsewhere(on(nodes)),
        pytest.raises(ConversionError, match=r"int8 of net: 3 nodes .* were lost"),
    ):
        made(folder, "there")


def test_without_a_node_of_the_same_tools_it_is_made_here(folder: Path) -> None:
    nodes, said = FakeMakers(), list[str]()
    with children_elsewhere(on(nodes, said)):
        assert "made.tflite" in made(folder, "here")[1]
    assert said == ["int8 of net: made here, as no node has the same tools"]


def test_nodes_that_never_answer_are_waited_for_in_vain_only_once(folder: Path) -> None:
    nodes = FakeMakers()
    nodes.joining = 1
    times = iter([0.0, 0.0, PATIENCE_S + 1])
    elsewhere = MakingElsewhere(
        lambda: nodes, cores=1, say=lambda _: None, clock=lambda: next(times)
    )
    with children_elsewhere(elsewhere):
        assert "made.tflite" in made(folder, "here")[1]


def test_a_node_makes_one_thing_at_a_time_and_the_first_first(folder: Path) -> None:
    nodes, said = FakeMakers(), list[str]()
    nodes.joining = 1
    with children_elsewhere(on(nodes, said)):
        threads = [
            threading.Thread(target=made, args=(folder, f"made {at}"), kwargs={"what": str(at)})
            for at in range(3)
        ]
        for at, thread in enumerate(threads):
            thread.start()
            while f"{at}: waiting for a node of the cluster" not in said:
                time.sleep(0.01)
        nodes.names = ["a"]
        for thread in threads:
            thread.join()
    assert nodes.made_for == ["0", "1", "2"]
    assert nodes.most == 1


def test_what_is_told_variables_of_this_machine_stays_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICENCE", "ours")
    nodes = FakeMakers("a")
    request = {"source": {"model": str(folder / "net" / "net.onnx")}}
    limits = Make(environment=("LICENCE",))
    with children_elsewhere(on(nodes)):
        run_child(
            "child_of_making",
            {**request, "output": str(folder / "made")},
            log=folder / "log",
            limits=limits,
            what="int8 of net",
            files=Files.named(request),
        )
    assert nodes.given == []


def test_progress_may_stop_the_wait(folder: Path) -> None:
    nodes = FakeMakers()
    nodes.joining = 1

    def say(_: str) -> None:
        raise KeyboardInterrupt

    with (
        children_elsewhere(MakingElsewhere(lambda: nodes, cores=1, say=say)),
        pytest.raises(KeyboardInterrupt),
    ):
        made(folder, "never")
