from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.config.gates import GATES, proofs
from edgeq.config.methods import MethodChoice
from edgeq.errors import SpecError
from edgeq.models.sources import parse_source
from edgeq.pipeline.run import Run
from tests.unit.config.writing import spec
from tests.unit.tiny_model import Op, Tensor, build

READY = {"model": "net", "file": "v.tflite"}


def ids(**keys: Any) -> list[str]:
    return [case.id for case in Run(spec(default_gates=False, **keys)).cases]


OF_VARIANTS = [
    name for name in proofs() if not (GATES.get(name).elsewhere or GATES.get(name).of_baseline)
]
"""Proofs about a variant on this machine."""


def test_a_source_with_a_runtime_of_its_own_is_compared_with_its_file_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(b"")
    sources = ["a.onnx", "torch:nets:net", "keras:ResNet50", "nets:net", "net.keras", "folder"]
    sources += ["efficientnet-lite0", "net.tflite", "nothing"]
    models = {
        f"m{at}": {"source": str(tmp_path / one) if one == "folder" else one}
        for at, one in enumerate(sources)
    }
    found = ids(models=models, methods=["int8", "float16"])
    compared = [one for one in found if one.endswith("/conversion")]
    assert compared == [f"m{at}/baseline/conversion" for at in range(7)]
    assert found[:7] == compared


def test_variants_come_model_by_model_methods_first() -> None:
    found = Run(
        spec(
            models={"b": {"source": "x", "methods": ["float16"]}, "a": {"source": "y"}},
            methods=["int8@tensorflow"],
            variants={
                "v": {"model": "a", "file": "x", "method": "int8"},
                "w": {"model": "b", "file": "x"},
            },
        )
    ).variants
    assert [one.name for one in found] == ["b/float16", "b/w", "a/int8@tensorflow", "a/v"]
    choice = MethodChoice("int8@tensorflow", "int8", "tensorflow")
    assert (found[2].short_name, found[2].method) == ("int8@tensorflow", "int8")
    assert [one.choice for one in found[1:]] == [None, choice, None]
    assert [one.method for one in (found[1], found[3])] == [None, "int8"]


def test_the_specs_engine_reaches_the_variants() -> None:
    [found] = Run(spec(methods=["int8"], engine="tensorflow")).variants
    assert found.choice == MethodChoice("int8", "int8", "tensorflow")


def test_cases_are_the_proofs_that_apply_and_the_limits_that_hold() -> None:
    assert ids(methods=["int8", "float16"], gates={"max_bytes": 5, "size_reduction": 0.1}) == [
        *(f"net/int8/{proof}" for proof in OF_VARIANTS),
        "net/int8/size_reduction",
        "net/int8/max_bytes",
        *(
            f"net/float16/{proof}"
            for proof in ("made", "types", "weights", "outputs", "steady_memory")
        ),
        "net/float16/size_reduction",
        "net/float16/max_bytes",
    ]


def test_a_ready_made_variant_is_not_asked_for_its_calibration() -> None:
    found = ids(methods=[], variants={"v": {**READY, "method": "int8"}})
    assert found == [
        f"net/v/{proof}" for proof in OF_VARIANTS if GATES.get(proof).holds != "calibrated here"
    ]


def test_proofs_about_running_hold_where_something_is_quantized_while_running() -> None:
    found = ids(methods=["dynamic_range", "weight_only_int8", "int16x8"])
    assert [one for one in found if one.endswith("/kernels")] == [
        "net/dynamic_range/kernels",
        "net/int16x8/kernels",
    ]
    assert [one for one in found if one.endswith("/input_range")] == ["net/int16x8/input_range"]


def test_a_case_carries_its_limit() -> None:
    found = {one.id: one.limit for one in Run(spec(gates={"int8": {"max_bytes": "1 kB"}})).cases}
    assert found["net/int8/max_bytes"] == 1000
    assert found["net/int8/types"] is None
    assert "net/float16/max_bytes" not in found


def test_every_case_has_an_id_of_its_own() -> None:
    found = [one.id for one in Run(spec(variants={"v": READY})).cases]
    assert len(set(found)) == len(found)


def test_a_spec_that_declares_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="nothing is declared to be validated") as caught:
        Run(spec(methods=[])).cases  # noqa: B018
    assert caught.value.remedy


@pytest.mark.parametrize("size", [-1, 4])
def test_a_file_of_any_size_may_be_of_any_task(tmp_path: Path, size: int) -> None:
    image = Tensor("image", (1, 4, 4, 3), signature=(1, size, size, 3))
    vector = Tensor("out", (1, 5))
    path = tmp_path / "net.tflite"
    path.write_bytes(build([image, vector], [Op("RELU", ("image",), ("out",))], ["image"], ["out"]))
    declared = spec(models={"net": {"source": str(path)}}, methods=["int8"])
    gates = {case.gate.name for case in Run(declared).cases}
    assert {"mean_iou", "box_recall"} & gates == ({"mean_iou", "box_recall"} if size < 0 else set())


def test_a_source_is_read_once_for_all_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(name: str, *_: Any) -> Any:
        parsed.append(name)
        return parse_source(name, *_)

    monkeypatch.setattr("edgeq.pipeline.plan.parse_source", parse)
    run = Run(spec(models={"net": {"source": "x"}}, methods=["int8", "float16"]))
    assert run.cases
    assert parsed == ["net"]
