from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.config.methods import MethodChoice
from edgeq.faults.fault import Faulty
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph
from edgeq.faults.inject import join
from edgeq.judge.tensors import COST
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.control import deduced_method
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from edgeq.results.prefetch import prefetch
from edgeq.results.recording import describe_models
from tests.unit.faults.project import EVALUATION, lay_out, save, spec

GATES = ("top1_agreement", "relative_error", "probability_drift", "accuracy_drop")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = lay_out(tmp_path_factory.mktemp("controls"))
    for seed in range(EVALUATION):  # without labels: the network's classes mean nothing
        save(folder / "plain" / f"{seed}.png", seed)
    return folder


def asked(root: Path, **keys: Any) -> Run:
    """Return a run with default limits, its store shared by the tests."""
    images = {"calibration": "calibration", "evaluation": "plain"}
    return Run(spec(root, **{"default_gates": True, "gates": {}, "images": images, **keys}))


@pytest.fixture(scope="module")
def files(root: Path) -> dict[str, Path]:
    """Return edgeq's own files as if somebody had brought them, and a faulty one."""
    methods = ["int8", "float16", "dynamic_range", "weight_only_int8"]
    run = asked(root, methods=[*methods, "int8_per_tensor", "int8_uint8_io"])
    found = {}
    for variant in run.variants:
        found[variant.short_name] = root / f"brought-{variant.short_name}.tflite"
        found[variant.short_name].write_bytes(variant.path.read_bytes())
    graph = Graph(found["float16"].read_bytes(), found["float16"])
    weights = graph.values(graph.layers()[-1].weights)
    weights[...] = weights * np.float16(1.1)
    found["warmer"] = root / "warmer.tflite"
    found["warmer"].write_bytes(graph.patched())
    return found


def brought(root: Path, file: Path, method: str | None, **keys: Any) -> Run:
    variant = {"model": "net", "file": file.name} | ({"method": method} if method else {})
    return asked(root, **{"methods": [], "variants": {"file": variant}, **keys})


def records(run: Run, variant: str = "file") -> dict[str, CaseRecord]:
    chosen = [one for one in run.cases if one.variant.short_name == variant]
    return {one.gate.name: judge(one)[0] for one in chosen if one.gate.name in GATES}


def under_test(run: Run, variant: str = "file") -> VariantUnderTest:
    return run.variant(f"net/{variant}")


def is_made(run: Run, name: str) -> bool:
    control = run.undeclared("net", name, MethodChoice("float16", "float16", "litert"))
    return control.known(VariantUnderTest.artifact) is not None


def test_a_variant_by_the_default_recipe_is_its_own_control(root: Path) -> None:
    run = asked(root, methods=["float16"])
    variant = under_test(run, "float16")
    assert variant.control is variant
    assert not is_made(run, "float16 (control)")
    assert records(run, "float16")["relative_error"].evidence["control"] == {
        "reference": "itself",
        "method": "float16",
    }


def test_a_brought_file_is_compared_with_edgeqs_own(root: Path, files: dict[str, Path]) -> None:
    run = brought(root, files["float16"], "float16")
    found = records(run)
    control = under_test(run).control
    assert control is not None
    assert control.sha256 == under_test(run).sha256
    assert found["relative_error"].status is Verdict.PASS
    assert "1.00x the" in found["relative_error"].reason
    assert found["probability_drift"].status is Verdict.PASS


def test_a_file_that_is_worse_than_edgeqs_own_fails(root: Path, files: dict[str, Path]) -> None:
    found = records(brought(root, files["warmer"], "float16"))
    assert found["relative_error"].status is Verdict.FAIL
    assert found["probability_drift"].status is Verdict.FAIL
    limit = found["relative_error"].limit
    assert limit is not None
    assert limit < 0.05


def test_a_limit_of_the_spec_holds_alone(root: Path, files: dict[str, Path]) -> None:
    gates = {"relative_error": 0.5, "probability_drift": 0.3, "top1_agreement": 0.1}
    run = brought(root, files["warmer"], "float16", gates={**gates, "accuracy_drop": 1.0})
    found = records(run)
    assert found["relative_error"].status is Verdict.PASS
    assert found["relative_error"].limit == 0.5
    assert under_test(run).known(VariantUnderTest.control_choice) is None
    assert not is_made(run, "float16 (control)")


def test_a_declared_variant_of_the_method_serves_as_control(
    root: Path, files: dict[str, Path]
) -> None:
    run = brought(root, files["float16"], "float16", methods=["float16"])
    control = under_test(run).control
    assert control is not None
    assert control.name == "net/float16"


@pytest.mark.parametrize(
    "method", ["int8", "float16", "dynamic_range", "weight_only_int8", "int8_per_tensor"]
)
def test_a_file_without_a_claim_is_compared_by_its_types(
    root: Path, files: dict[str, Path], method: str
) -> None:
    run = brought(root, files[method], None)
    assert deduced_method(run.variants[0]) == method
    found = records(run)["relative_error"]
    assert f"its types are those of {method}" in found.reason
    assert found.status is Verdict.PASS


def test_a_file_of_no_methods_types_has_no_control(root: Path) -> None:
    run = asked(root, methods=[], variants={"file": {"model": "net", "file": "net.tflite"}})
    assert under_test(run).control is None
    assert "its types fit no method" in records(run)["relative_error"].reason


def test_without_a_calibration_set_there_is_no_control(root: Path, files: dict[str, Path]) -> None:
    run = brought(root, files["int8"], "int8", images={"evaluation": "plain"})
    found = records(run)["relative_error"]
    assert "int8 needs a calibration set, and the spec names none" in found.reason
    assert under_test(run).control is None


def test_a_control_that_can_not_be_made_is_no_fault_of_the_file(
    root: Path, files: dict[str, Path]
) -> None:
    run = brought(root, files["int8"], "int8", engine="tensorflow")
    found = records(run)["relative_error"]
    assert "edgeq can't make or run int8 of this model" in found.reason
    assert "judged by its limit alone" in found.reason


def test_a_file_that_was_trained_on_has_no_control(root: Path, files: dict[str, Path]) -> None:
    variant = {"model": "net", "file": files["warmer"].name, "method": "float16"}
    run = asked(root, methods=[], variants={"file": {**variant, "weights": "trained"}})
    assert under_test(run).control is None
    assert 'its weights are declared as "trained"' in records(run)["relative_error"].reason


@pytest.mark.parametrize(
    "claim", [{"method": "int8", "weights": "per_tensor"}, {"method": "int8_per_tensor"}]
)
def test_one_scale_a_layer_is_compared_with_one_scale_a_layer(
    root: Path, files: dict[str, Path], claim: dict[str, str]
) -> None:
    file = {"model": "net", "file": files["int8_per_tensor"].name, **claim}
    run = asked(root, methods=[], variants={"file": file})
    control = under_test(run).control
    assert control is not None
    assert control.name == "net/int8_per_tensor (control)"
    assert records(run)["relative_error"].status is Verdict.PASS
    weights = next(one for one in run.cases if one.gate.name == "weights")
    assert judge(weights)[0].status is Verdict.PASS


def test_what_one_scale_a_layer_costs_is_measured(root: Path, files: dict[str, Path]) -> None:
    found = records(brought(root, files["int8_per_tensor"], "int8_per_tensor"))
    cost = found["relative_error"].known.beside_finer
    assert cost is not None
    assert cost.method == "int8"
    assert cost.own is not None
    assert cost.error is not None
    assert cost.ratio == pytest.approx(cost.own / cost.error)
    assert cost.own == pytest.approx(found["relative_error"].value)
    absent = records(
        brought(root, files["int8_per_tensor"], "int8_per_tensor", images={"evaluation": "plain"})
    )
    assert "calibration" in str(absent["relative_error"].evidence[COST])


def test_a_file_with_a_scale_for_each_channel_costs_nothing(
    root: Path, files: dict[str, Path]
) -> None:
    run = brought(root, files["int8"], "int8_per_tensor")
    assert COST not in records(run)["relative_error"].evidence


def test_unsigned_borders_are_compared_with_their_like(root: Path, files: dict[str, Path]) -> None:
    run = brought(root, files["int8_uint8_io"], "int8_uint8_io")
    control = under_test(run).control
    assert control is not None
    assert control.name == "net/int8_uint8_io (control)"
    for case in run.cases:
        if case.gate.is_proof:
            assert judge(case)[0].status is Verdict.PASS, case.id


def test_a_classifier_in_its_own_way_is_compared_with_its_like(root: Path) -> None:
    own = {"model": "net", "method": "dynamic_range", "classifier": "int4"}
    run = asked(root, methods=["dynamic_range"], variants={"mixed": own})
    variant = under_test(run, "mixed")
    assert variant.control is variant
    (root / "mixed.tflite").write_bytes(variant.path.read_bytes())
    run = asked(root, methods=["dynamic_range"], variants={"file": own | {"file": "mixed.tflite"}})
    control = under_test(run).control
    assert control is not None
    assert control.name == "net/dynamic_range, int4 classifier (control)"
    assert control.sha256 == variant.sha256
    types = next(one for one in run.cases if one.id == "net/file/types")
    assert judge(types)[0].status is Verdict.PASS
    claim = own | {"file": "mixed.tflite", "method": "weight_only_int8", "classifier": "dynamic"}
    false = asked(root, methods=[], variants={"file": claim})
    types = next(one for one in false.cases if one.id == "net/file/types")
    assert judge(types)[0].status is Verdict.FAIL


def test_controls_are_made_and_run_ahead(root: Path, files: dict[str, Path]) -> None:
    run = brought(root, files["float16"], "float16", store=".ahead")
    stages = prefetch(run, run.cases, workers=2)
    names = [one.name for one in stages]
    assert "net/float16 (control): making" in names
    assert "net/float16 (control): evaluating, part 2 of 2" in names
    judged = next(one for one in stages if one.name == "net/file: judging")
    ran = next(one for one in stages if one.name.startswith("net/float16 (control): evaluating"))
    assert judged.start_s >= ran.start_s + ran.seconds
    assert under_test(run).known(VariantUnderTest.control_choice) is not None
    record = describe_models(run)[0].variants[0].control
    assert record is not None
    assert (record.method, record.engine, record.itself) == ("float16", "litert", False)
    assert record.seconds


def test_no_control_is_made_for_a_case_that_was_not_selected(
    root: Path, files: dict[str, Path]
) -> None:
    run = brought(root, files["float16"], "float16", store=".selected")
    prefetch(run, [one for one in run.cases if one.gate.name == "size_reduction"], workers=2)
    assert not is_made(run, "float16 (control)")


def test_samples_of_a_variants_own_are_those_of_its_control(
    root: Path, files: dict[str, Path]
) -> None:
    for seed in range(EVALUATION):  # the same scenes, a little darker
        save(root / "device" / f"{seed}.png", seed, scale=0.9)
    variant = {"model": "net", "file": files["float16"].name, "method": "float16"}
    run = asked(root, methods=["float16"], variants={"file": {**variant, "evaluation": "device"}})
    control = under_test(run).control
    assert control is not None
    assert control.name == "net/float16 (control of file)"
    beside = run.variants[-1].beside_control
    assert beside.errors[0].variant == beside.errors[0].control > 0.01


def test_what_another_feeding_costs_is_not_excused(root: Path) -> None:
    own = {"model": "net", "method": "float16", "preprocessing": "keras-0-255"}
    run = asked(root, methods=[], variants={"raw": own})
    control = under_test(run, "raw").control
    assert control is not None
    assert control.name == "net/float16 (control)"
    assert records(run, "raw")["relative_error"].status is Verdict.FAIL


def test_a_faulty_variant_is_compared_with_edgeqs_own(root: Path, files: dict[str, Path]) -> None:
    run = asked(root, methods=["float16"])
    good = Good(run.variants[0], root)
    faulty = Run(join(good, "warmer", Faulty(content=files["warmer"].read_bytes())))
    found = records(faulty, "warmer")
    assert found["relative_error"].status is Verdict.FAIL
    assert "edgeq's own float16" in found["relative_error"].reason
