from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeq import doctor, words
from edgeq.cluster.cluster import Cluster
from edgeq.cluster.work import NodeFacts
from edgeq.doctor import Finding, examine
from edgeq.errors import ClusterError, StoreError
from edgeq.run.targets import Target
from edgeq.store.content import Store
from tests.unit.cli.project import SPEC, write
from tests.unit.samples.pictures import save
from tests.unit.targets.kinds import dead, far, install, kind
from tests.unit.tflite.test_halves import half


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path)
    monkeypatch.delenv("EDGEQ_DATA", raising=False)
    return tmp_path


def found(project: Path, area: str) -> list[tuple[str, str]]:
    return [(one.state, one.text) for one in examine(project) if one.area == area]


def change(project: Path, old: str, new: str) -> None:
    assert old in SPEC
    (project / "edgeq.toml").write_text(SPEC.replace(old, new), encoding="utf-8")


def test_everything_that_the_spec_needs_is_there(project: Path) -> None:
    size = (project / "net.tflite").stat().st_size
    assert found(project, "models") == [
        ("ok", "tiny: vendor"),
        ("ok", f"weights: those of net.tflite, {words.size(size)}"),
        ("ok", "calibration: no set is named"),
        ("ok", "evaluation: photographs, 4 photographs"),
        ("ok", "judged as classification: output 0 ('probabilities') is a softmax of 5"),
    ]
    assert [state for state, _ in found(project, "variants")] == ["ok"]
    assert not [one for one in examine(project) if one.state == "bad"]


def test_float16_weights_are_taken_as_float32_and_said(project: Path) -> None:
    (project / "net.tflite").write_bytes(half())
    size = words.size(len(half()))
    text = f"weights: those of net.tflite, {size}, float16 weights taken as float32"
    assert ("ok", text) in found(project, "models")


def test_labels_and_what_is_assumed_are_looked_at(project: Path) -> None:
    change(project, 'source = "net.tflite"', 'source = "net.tflite"\nlabels = "labels.txt"')
    labels = project / "labels.txt"

    labels.write_text("".join(f"{at} class {at}\n" for at in range(5)), encoding="utf-8")
    notes = [text for _, text in found(project, "models") if text.startswith("note: ")]
    labels.write_text("cat\ndog\n", encoding="utf-8")
    bad = [text for state, text in found(project, "models") if state == "bad"]

    assert "('0 class 0' is output 0)" in notes[0]
    assert len(bad) == 1
    assert "these labels are for 2 outputs, but the model's output has 5 classes" in bad[0]


def test_a_bad_spec_does_not_hide_the_machine(project: Path) -> None:
    change(project, "[gates]", "[gatse]")
    findings = examine(project)
    assert findings[0].state == "bad"
    assert "unknown key 'gatse'" in findings[0].text
    assert {"machine", "tools", "extras", "kernels"} <= {one.area for one in findings}


@pytest.mark.parametrize(
    ("area", "old", "new", "said"),
    [
        ("models", 'source = "net.tflite"', 'source = "none.tflite"', "none.tflite"),
        ("models", 'source = "net.tflite"', 'source = "vendor.tflite"', "is not a float model"),
        ("models", "photographs", "nowhere", "the folder does not exist"),
        ("variants", "vendor.tflite", "photographs/0.png", "0.png"),
    ],
)
def test_what_is_not_there_is_bad(project: Path, area: str, old: str, new: str, said: str) -> None:
    change(project, old, new)
    bad = [text for state, text in found(project, area) if state == "bad"]
    assert len(bad) == 1
    assert said in bad[0]


def test_the_limit_on_a_set_is_told(project: Path) -> None:
    change(project, "[images]", "[images]\nmax_evaluation = 3")
    assert ("ok", "evaluation: photographs, 4 photographs, the first 3 used") in found(
        project, "models"
    )


def test_data_and_weights_are_listed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(project, "data") == [("absent", "$EDGEQ_DATA is not set")]
    data = project / "data"
    for number in range(3):
        save(data / "birds" / "evaluation" / "0" / f"{number}.png", seed=number)
    (data / "birds" / "calibration").mkdir()
    (data / "weights").mkdir()
    (data / "weights" / "net.weights.h5").write_bytes(b"")
    monkeypatch.setenv("EDGEQ_DATA", str(data))
    said = found(project, "data")
    assert ("ok", "weights: net.weights.h5") in said
    assert ("ok", "data:birds, evaluation: 3, labelled") in said
    assert [state for state, text in said if "calibration" in text] == ["absent"]


def test_an_extra_that_is_not_installed_has_its_command(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(doctor.EXTRAS, "keras", ("no-such-package",))
    text = "keras: no-such-package not installed; pip install 'edgeq[keras]'"
    assert Finding("extras", "absent", text) in examine(project)


def test_a_worker_that_does_not_start_is_bad(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Target("local", (sys.executable, "-c", "raise SystemExit(3)"), local_files=True)
    monkeypatch.setattr(doctor, "local_target", lambda: dead)
    assert [state for state, _ in found(project, "kernels")] == ["bad"]


def test_kernels_and_store(project: Path) -> None:
    ((state, text),) = found(project, "kernels")
    assert state == "ok"
    assert text.startswith("target local: ")
    assert "ai-edge-litert" in text
    assert found(project, "store") == [("ok", ".edgeq: empty")]
    entry = project / ".edgeq" / "sizes" / "key"
    entry.mkdir(parents=True)
    (entry / "entry.json").write_bytes(b" " * 1_500_000)
    assert found(project, "store") == [("ok", ".edgeq: 1 entry, 1.5 MB")]


def test_a_store_that_can_not_be_read_is_bad(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: Store) -> None:
        raise StoreError("can't be read", where=store.root)

    monkeypatch.setattr(Store, "folders", refuse)
    assert [state for state, _ in found(project, "store")] == ["bad"]


class FakeNodes:
    """A cluster of two machines that are like this one and one that isn't."""

    def facts(self) -> dict[str, NodeFacts]:
        return {
            "a #1": NodeFacts("a", {"processor": "EPYC"}, {"edgeq": "1"}, {}),
            "a #2": NodeFacts("a", {"processor": "EPYC"}, {"edgeq": "1"}, {}),
        }

    def lacking(self) -> dict[str, tuple[str, ...]]:
        return {"a": ("tensorflow: 2.20, not 2.21",)}

    def unlike(self) -> dict[str, tuple[str, ...]]:
        return {"b": ("processor: Xeon, not EPYC",)}

    def why_none(self) -> str:
        return "no machine"


def test_the_machines_of_the_cluster_are_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "edgeq.toml").write_text(SPEC + '\n[run]\ncluster = "ray"\n', encoding="utf-8")
    monkeypatch.setattr(Cluster, "settled", lambda _: FakeNodes())
    assert found(project, "cluster") == [
        ("ok", "a: 2 workers, EPYC, edgeq 1; makes no models: tensorflow: 2.20, not 2.21"),
        ("absent", "b is left out: processor: Xeon, not EPYC"),
    ]


def test_a_cluster_that_is_not_there_is_bad(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def settled(_: Cluster) -> None:
        raise ClusterError("no cluster answers at 'ray'", where="run.cluster")

    (project / "edgeq.toml").write_text(SPEC + '\n[run]\ncluster = "ray"\n', encoding="utf-8")
    monkeypatch.setattr(Cluster, "settled", settled)
    assert found(project, "cluster") == [("bad", "run.cluster: no cluster answers at 'ray'")]


def test_the_targets_that_the_spec_uses_are_tried(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, kind("far", far), kind("dead", dead))
    tables = '[targets]\nuse = ["far", "dead"]\n[targets.far]\nkind = "far"\n'
    text = f'{SPEC}\n{tables}[targets.dead]\nkind = "dead"\n'
    (project / "edgeq.toml").write_text(text, encoding="utf-8")
    works, lost = found(project, "targets")
    assert works[0] == "ok"
    assert works[1].startswith("far: far kind; ")
    assert lost[0] == "bad"
    assert lost[1].startswith("target dead: the worker ended with exit code 3")
