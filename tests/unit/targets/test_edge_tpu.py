from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from edgeq.config.target_kinds import NoSettings
from edgeq.errors import EdgeqError
from edgeq.targets.edge_tpu import (
    MAPPED,
    UNFUSED,
    examine,
    explained,
    judged,
    refusal,
    rules,
    statuses,
)
from edgeq.targets.tiny import model
from edgeq.tflite.model_file import ModelFile, read_content
from tests.unit.graphs import read
from tests.unit.tiny_model import Op, Tensor, build, classifier

LOG = """\
Edge TPU Compiler version 16.0.384591198
Input: net.tflite

Operator                       Count      Status

ADD                            6          Mapped to Edge TPU
ADD                            2          More than one subgraph is not supported
LOGISTIC                       1          Operation is otherwise supported, but not mapped due to \
some unspecified limitation
"""


def int8(name: str, shape: tuple[int, ...] = (1, 4, 4, 4), **fields: object) -> Tensor:
    return Tensor(name, shape, "int8", scales=(1.0,), zero_points=(0,), **fields)  # type: ignore[arg-type]


def graph(folder: Path, op: Op, *tensors: Tensor) -> ModelFile:
    return read(folder, build(tensors or (int8("x"), int8("y")), [op], ["x"], ["y"]))


def only(folder: Path, op: Op, *tensors: Tensor) -> str | None:
    file = graph(folder, op, *tensors)
    return refusal(file, file.operators[0])


def test_an_operator_on_the_list_may_map(tmp_path: Path) -> None:
    assert only(tmp_path, Op("LOGISTIC", ("x",), ("y",))) is None


def test_others_do_not(tmp_path: Path) -> None:
    assert (
        only(tmp_path, Op("LOG", ("x",), ("y",))) == "it is not on the list of operators that map"
    )


def test_it_computes_with_8_bits(tmp_path: Path) -> None:
    tensors = (Tensor("x", (1, 4)), Tensor("y", (1, 4)))
    reason = only(tmp_path, Op("LOGISTIC", ("x",), ("y",)), *tensors)
    assert reason == "it computes with float32, not with 8 bits"


def test_shapes_must_be_fixed(tmp_path: Path) -> None:
    tensors = (int8("x", signature=(-1, 4, 4, 4)), int8("y"))
    assert only(tmp_path, Op("LOGISTIC", ("x",), ("y",)), *tensors) == "its shapes are not fixed"


@pytest.mark.parametrize("name", sorted(UNFUSED))
def test_a_fused_activation_is_in_the_way(tmp_path: Path, name: str) -> None:
    fused = {"fusedActivationFunction": 1}
    assert only(tmp_path, Op(name, ("x",), ("y",))) is None
    reason = only(tmp_path, Op(name, ("x",), ("y",), told=fused))
    assert reason == "its fused RELU is not supported"


def test_every_rule_names_its_source() -> None:
    for listed in (rules().published, rules().seen):
        assert listed.source
        assert listed.read
        assert listed.operators
    assert set(rules().published.operators) >= UNFUSED
    assert not set(rules().published.operators) & set(rules().seen.operators)


def test_a_quantized_file_may_map_and_a_float_one_may_not(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    findings = judged(read_content(path, model("int8")))
    assert "1 of 1 may map" in "\n".join(findings.lines)
    assert findings.problems == ()
    (problem,) = judged(read_content(path, classifier())).problems
    assert problem.endswith("reason is that it computes with float32, not with 8 bits")


def test_open_shapes_are_named_with_the_way_out(tmp_path: Path) -> None:
    tensors = (int8("x", signature=(-1, 4, 4, 4)), int8("y"))
    findings = judged(graph(tmp_path, Op("LOGISTIC", ("x",), ("y",)), *tensors))
    assert findings.problems[0].endswith("reason is that its shapes are not fixed")
    assert "convert the model with a fixed batch" in findings.lines[-1]


def test_the_compilers_log_is_read_and_explained() -> None:
    assert statuses(LOG)["ADD", MAPPED] == 6
    assert sum(statuses(LOG).values()) == 9
    findings = explained(LOG)
    text = "\n".join(findings.lines)
    assert "6 of 9 operators are mapped" in text
    assert "it comes after an operator that stays on the CPU" in text
    assert "not at this size, shape or place" in text
    assert findings.problems == ()


@pytest.mark.parametrize("log", ["", LOG.replace(MAPPED, "Operation version not supported")])
def test_a_compiler_that_maps_nothing_is_a_problem(log: str) -> None:
    assert explained(log).problems == ("the compiler maps no operator to the Edge TPU",)


def compiler(folder: Path, script: str) -> str:
    folder.mkdir()
    path = folder / "edgetpu_compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_a_compiler_on_the_machine_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(model("int8"))
    log = tmp_path / "kept.log"
    log.write_text(LOG)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert "only it can say what maps" in examine(NoSettings(), path).lines[-1]
    monkeypatch.setenv("PATH", compiler(tmp_path / "a", f'cp {log} "$3/net_edgetpu.log"'))
    assert "6 of 9 operators are mapped" in "\n".join(examine(NoSettings(), path).lines)
    monkeypatch.setenv("PATH", compiler(tmp_path / "b", "echo 'Invalid model: net' >&2; exit 1"))
    with pytest.raises(EdgeqError, match="edgetpu_compiler failed: Invalid model: net"):
        examine(NoSettings(), path)


def test_what_a_real_compiler_mapped_may_map() -> None:
    """YOLOv8n, by the compiler 16.0: the rules promise no less, and explain its reasons."""
    data = os.environ.get("EDGEQ_DATA")
    if data is None:
        pytest.skip("EDGEQ_DATA is not set: the folder with reference models and photographs")
    folder = Path(data, "tasks", "detection")
    path = folder / "yolov8n_full_integer_quant.tflite"
    log = folder / "yolov8n_edgetpu_compiler.log"
    file = read_content(path, path.read_bytes())
    may = Counter(op.name for op in file.operators if refusal(file, op) is None)
    counts = statuses(log.read_text("utf-8"))
    mapped = Counter({name: n for (name, status), n in counts.items() if status == MAPPED})
    assert len(mapped) > 10
    assert sum(counts.values()) == len(file.operators)
    assert mapped <= may
    assert {status for _, status in counts} - {MAPPED} == set(rules().reasons)
