"""A repair of a small network, from the goal to the table for the spec."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeq.config.structs import Spec
from edgeq.errors import ImageError, ModelError, SpecError, WorkerError
from edgeq.pipeline.run import Run
from edgeq.record.repair import RESULT, Repair
from edgeq.repair import choosing, repairing
from edgeq.repair.bench import Bench, QuantizedUnit
from edgeq.repair.choosing import MAX_CANDIDATES
from edgeq.repair.goals import corrected, parse_goal
from edgeq.repair.repairing import repair
from edgeq.repair.request import Request
from edgeq.repair.sentences import lines, spec_table
from edgeq.repair.table import Cell
from edgeq.repair.trying import Conditions, Verdicts, judge_candidate
from edgeq.results.judging import judge
from tests.unit.faults.project import CALIBRATION, EVALUATION, lay_out, save, spec
from tests.unit.targets.kinds import far, install, kind
from tests.unit.tiny_model import Op, Tensor, build

HALF = parse_goal("relative_error <= 0.6 x int8")
UNITS = {"conv_weights", "depthwise_weights", "dense_weights"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = lay_out(tmp_path_factory.mktemp("repair"))
    for seed in range(
        EVALUATION
    ):  # labels would say that a network of random weights knows nothing
        save(root / "unlabelled" / f"{seed}.png", seed)
    return root


def own_spec(root: Path, **keys: Any) -> Spec:
    images = {"calibration": "calibration", "evaluation": "unlabelled"}
    return spec(root, **{"images": images, "gates": {"top1_agreement": 0.1}, **keys})


@pytest.fixture(scope="module")
def smallest(root: Path) -> Repair:
    return repair(own_spec(root), Request(goals=(HALF,)))


def test_the_smallest_variant_that_reaches_the_goal_is_found(smallest: Repair) -> None:
    variant = smallest.repaired
    assert variant is not None
    assert variant.error is not None
    assert variant.error <= smallest.limits["relative_error"]
    assert variant.bytes is not None
    assert variant.bytes < 0.6 * smallest.float_bytes
    assert (smallest.samples, smallest.evaluation) == (CALIBRATION, EVALUATION)
    assert smallest.confidence == pytest.approx(corrected(0.95, MAX_CANDIDATES))


def test_the_table_names_every_unit_with_its_errors(smallest: Repair) -> None:
    assert {unit.name for unit in smallest.units} == UNITS
    assert all(unit.chosen for unit in smallest.units)
    (dense,) = (unit for unit in smallest.units if unit.name == "dense_weights")
    assert dense.errors["weight_only_int8"] > dense.errors["float16"] > 0
    assert dense.saved["weight_only_int8"] > dense.saved["float16"] > 0


def test_sizes_are_predicted_to_the_kilobyte(smallest: Repair) -> None:
    candidate = smallest.repaired
    assert candidate is not None
    assert candidate.bytes is not None
    assert abs(candidate.predicted_bytes - candidate.bytes) < 1000


def test_the_prediction_is_measured_beside(smallest: Repair) -> None:
    first = smallest.mixes[-1]
    assert first.measured == pytest.approx(first.predicted, rel=0.2)


def test_what_is_printed_makes_the_same_variant(root: Path, smallest: Repair) -> None:
    import tomllib

    candidate = smallest.repaired
    assert candidate is not None
    table = tomllib.loads("\n".join(spec_table("net", candidate, "edgeq.toml")))
    declared = own_spec(root, methods=[], **table)
    run = Run(declared)
    (variant,) = run.variants
    assert variant.bytes == candidate.bytes
    for case in run.cases:
        record, error = judge(case)
        assert error is None
        assert record.status.value != "FAIL", record.reason


def test_the_record_is_read_as_it_was_written(tmp_path: Path, smallest: Repair) -> None:
    RESULT.write(smallest, tmp_path / "repair.json")
    assert RESULT.read(tmp_path / "repair.json") == smallest


def test_the_lines_say_goal_table_and_answer(smallest: Repair) -> None:
    text = "\n".join(lines(smallest, "edgeq.toml"))
    assert "Goal: relative_error <= 0.6 x int8" in text
    assert "Error alone in weight_only_int8: dense_weights" in text
    assert "[variants.repaired]" in text
    assert "passes" in text


def test_a_method_that_is_kept_stays_that_of_the_variant(root: Path) -> None:
    found = repair(own_spec(root), Request(start="int8_float_io", goals=(HALF,)))
    variant = found.best
    assert variant is not None
    assert variant.method == "int8_float_io"
    assert variant.units
    assert {"int8"} < set(found.units[0].errors)


def test_times_of_units_are_measured_for_latency(root: Path) -> None:
    found = repair(own_spec(root), Request(aim="latency", goals=(HALF,)))
    assert all(unit.seconds["int8"] == 0.0 for unit in found.units)
    assert all("weight_only_int8" in unit.seconds for unit in found.units)
    assert "times of units" in found.stages


def test_without_goals_the_gates_decide(root: Path) -> None:
    gates = {"top1_agreement": 0.4, "max_bytes": 7000}
    found = repair(own_spec(root, gates=gates), Request())
    assert found.goals == ()
    assert found.repaired is None
    for candidate in found.tried:
        assert any(lack.startswith("max_bytes FAIL") for lack in candidate.lacks)
    text = "\n".join(lines(found, "edgeq.toml"))
    assert "Nothing passes. Best:" in text


def test_nothing_is_measured_twice(root: Path, smallest: Repair) -> None:
    again = repair(own_spec(root), Request(goals=(HALF,)))
    assert again.tried == smallest.tried
    assert again.units == smallest.units


def test_a_repair_without_time_judges_one_candidate(root: Path) -> None:
    found = repair(own_spec(root), Request(goals=(HALF,), budget_s=0.001))
    assert len(found.tried) == 1


@pytest.mark.parametrize(
    ("keys", "request_", "message"),
    [
        ({"images": {"evaluation": "evaluation"}}, Request(), "there is no calibration set"),
        ({"images": {"calibration": "calibration"}}, Request(), "there is no evaluation set"),
    ],
)
def test_missing_images_are_said_at_once(
    root: Path, keys: dict[str, Any], request_: Request, message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        repair(spec(root, **keys), request_)


def test_names_that_there_are_not_are_refused(root: Path) -> None:
    with pytest.raises(SpecError, match="unknown model 'nett'"):
        repair(spec(root), Request(model="nett"))
    with pytest.raises(SpecError, match="unknown method 'int9'"):
        repair(spec(root), Request(start="int9"))
    with pytest.raises(SpecError, match="units can't be made by dynamic_int2"):
        repair(spec(root), Request(start="dynamic_int2"))


def test_of_several_models_one_must_be_named(root: Path) -> None:
    net = {"source": "net.tflite", "preprocessing": "keras-tf"}
    with pytest.raises(SpecError, match="edgeq repair net"):
        repair(spec(root, models={"net": net, "other": net}), Request())


def test_a_goal_that_can_not_be_proved_is_refused(root: Path) -> None:
    goal = parse_goal("top1_agreement >= 0.99")
    with pytest.raises(SpecError, match=r"12 samples can't prove .* 368 samples"):
        repair(spec(root), Request(goals=(goal,)))


def test_a_goal_that_no_precision_reaches_is_said(root: Path) -> None:
    goal = parse_goal("relative_error <= 0.0000001")
    with pytest.raises(SpecError, match="no precision reaches the goal"):
        repair(spec(root), Request(goals=(goal,)))


def test_a_model_of_one_unit_has_nothing_to_choose(root: Path) -> None:
    import numpy as np

    weights = np.ones((4, 8, 8, 3), np.float32)
    tensors = [Tensor("image", (1, 8, 8, 3)), Tensor("w", weights.shape, data=weights)]
    tensors.append(Tensor("y", (1, 1, 1, 4)))
    ops = [Op("CONV_2D", ("image", "w"), ("y",))]
    (root / "one.tflite").write_bytes(build(tensors, ops, ["image"], ["y"]))
    model = {"source": "one.tflite", "preprocessing": "keras-tf", "task": "tensors"}
    with pytest.raises(ModelError, match="has one unit, 'w', so there is nothing to choose"):
        repair(spec(root, models={"net": model}, gates={}), Request())


def test_other_ranges_are_tried_for_a_method_that_is_kept(root: Path) -> None:
    found = repair(own_spec(root), Request(start="int8_per_tensor", goals=(HALF,)))
    scales, *ranges, halves = found.helped
    assert scales.startswith("int8, with one scale per channel, in place of int8_per_tensor: error")
    assert [text[:20] for text in ranges] == [
        f"Ranges at the {at}" for at in ("95th p", "99th p", "100th ")
    ]
    assert halves.startswith(f"Ranges of either half of the {CALIBRATION} calibration samples")
    assert found.best is not None
    assert found.best.method == "int8"


def test_a_ready_made_variant_is_made_again_from_the_float_file(root: Path) -> None:
    (made,) = Run(own_spec(root)).variants
    shutil.copyfile(made.artifact.path, root / "theirs.tflite")
    theirs = {"model": "net", "file": "theirs.tflite", "method": "int8"}
    found = repair(
        own_spec(root, variants={"theirs": theirs}), Request(start="theirs", goals=(HALF,))
    )
    assert found.helped[0].startswith("int8 by litert-quantizer in place of theirs: error")
    assert found.best is not None
    assert found.best.method == "int8"


def test_lost_columns_of_an_output_take_float_outputs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(conditions: Conditions, method: str, *arguments: Any) -> Verdicts:
        verdicts = judge_candidate(conditions, method, *arguments)
        lost = method == "int8"
        lacks = ("columns are lost",) if lost else verdicts.lacks
        return replace(verdicts, loses_columns=lost, lacks=lacks)

    monkeypatch.setattr(repairing, "judge_candidate", losing)
    found = repair(own_spec(root), Request(start="int8", goals=(HALF,)))
    assert [candidate.method for candidate in found.tried[:2]] == ["int8", "int8_float_io"]
    assert found.tried[1].units["dense_weights"] in {"float16", "weight_only_int8"}
    assert found.helped[-1].startswith("From candidate 2 on the outputs are float32")


def test_a_candidate_must_pass_on_every_target(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, kind("far", far))
    keys = {
        "targets": {"use": ["local", "far"], "far": {"kind": "far"}},
        "gates": {"top1_agreement": 0.99},
        "inconclusive": "fail",
    }
    found = repair(own_spec(root, **keys), Request(goals=(HALF,), budget_s=0.001))
    (candidate,) = found.tried
    lacks = [lack.split()[0] for lack in candidate.lacks if lack.startswith("top1")]
    assert lacks == ["top1_agreement", "top1_agreement@far"]


def test_training_gives_the_best_mix_better_weights(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "training.py").write_text(
        "from pathlib import Path\n"
        "def better(model, recipe):\n"
        "    assert recipe['method'] and isinstance(recipe['units'], dict)\n"
        "    out = Path(model).parent.parent / 'better.tflite'\n"
        "    out.write_bytes(Path(model).read_bytes())\n"
        "    return out\n",
        "utf-8",
    )
    keys = {"gates": {"max_bytes": 5000}, "repair": {"train": "training:better"}}
    found = repair(own_spec(root, **keys), Request(budget_s=0.001))
    assert [candidate.file is not None for candidate in found.tried] == [False, True]
    assert Path(found.tried[1].file or "").is_file()
    assert any(lack.startswith("max_bytes FAIL") for lack in found.tried[1].lacks)
    keys["repair"] = {"train": "training:bettr"}
    with pytest.raises(ModelError, match="has no function 'bettr'"):
        repair(own_spec(root, **keys), Request(budget_s=0.001))


def test_outputs_without_classes_decide_as_they_are(root: Path) -> None:
    model = {"source": "net.tflite", "preprocessing": "keras-tf", "task": "tensors"}
    spec_ = own_spec(root, models={"net": model}, gates={"relative_error": 0.5})
    found = repair(spec_, Request(goals=(HALF,)))
    assert found.repaired is not None, found.tried
    assert (found.repaired.error or 1.0) <= found.limits["relative_error"]


def test_what_can_not_be_run_is_left_out_and_said(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Bench._measured

    def refuse(bench: Bench, cell: QuantizedUnit) -> Cell:
        if (cell.unit.name, cell.precision) == ("dense_weights", "weight_only_int8"):
            raise WorkerError("the runtime refused it")
        return measured(bench, cell)

    monkeypatch.setattr(Bench, "_measured", refuse)
    fresh = own_spec(root, store="left_out")
    found = repair(fresh, Request(goals=(HALF,)))
    assert found.left_out == ("dense_weights in weight_only_int8: the runtime refused it",)
    assert "Left out: dense_weights in weight_only_int8" in "\n".join(lines(found, "edgeq.toml"))
    (dense,) = (unit for unit in found.units if unit.name == "dense_weights")
    assert "weight_only_int8" not in dense.errors


def test_what_does_not_add_up_is_reverted_unit_by_unit(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "TOLERANCE", -0.99)
    found = repair(own_spec(root), Request(start="int8", goals=(HALF,)))
    assert not found.additive
    assert found.stages["units one by one"] > 0
    assert found.best is not None
    assert found.best.method == "int8"
    assert "they were reverted one by one" in "\n".join(lines(found, "edgeq.toml"))
