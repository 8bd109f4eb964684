"""Real models, collapsed and crashing ones among good ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.judge.verdict import Verdict
from tests.end_to_end.projects import STORE, Ran, data_folder, edgeq, gate

METHODS = 'methods = ["int8", "weight_only_int4", "dynamic_int2"]\n'
LITE0 = '[models.lite0]\nsource = "efficientnet-lite0"\n'
SAMPLE = '[images]\ncalibration = "sample:imagenet"\nevaluation = "sample:imagenet"\n'
DATA = '[images]\ncalibration = "data:imagenet"\nevaluation = "data:imagenet"\n'
ENOUGH = "max_evaluation = 100\n"


@pytest.fixture(scope="module")
def lite0(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """EfficientNet-Lite0 with one good, one collapsed and one crashing variant."""
    folder = tmp_path_factory.mktemp("lite0")
    return gate(folder, spec=f"{METHODS}{LITE0}{SAMPLE}")


def expect_collapse_and_crash(ran: Ran, model: str) -> None:
    """The collapsed variant and the crashing one fail; the good one gets every verdict."""
    assert ran.code == 1
    assert ran.verdict(f"{model}/baseline/conversion") is Verdict.PASS
    assert ran.verdict(f"{model}/weight_only_int4/top1_agreement") is Verdict.FAIL
    crash = ran.case(f"{model}/dynamic_int2/outputs")
    assert crash.status is Verdict.FAIL
    assert "SIGSEGV" in crash.reason
    assert ran.verdict(f"{model}/dynamic_int2/size_reduction") is Verdict.PASS
    good = ran.record.verdicts(model, "int8")
    assert {"types", "size_reduction", "top1_agreement", "latency_ratio"} <= {c.gate for c in good}
    timed = "latency_ratio"  # depends on the processor, and no test may fail for its speed
    judged = {case.status for case in good if case.gate != timed}
    assert judged <= {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert ran.record.summary.complete
    assert not ran.record.summary.passes
    assert "Traceback" not in ran.output


@pytest.mark.keras
@pytest.mark.samples
def test_a_collapsed_and_a_crashing_variant_of_lite0_fail(lite0: Ran) -> None:
    expect_collapse_and_crash(lite0, "lite0")


@pytest.mark.keras
def test_a_collapsed_and_a_crashing_variant_of_v2_b0_fail(tmp_path: Path) -> None:
    data_folder()
    model = '[models.b0]\nsource = "keras:EfficientNetV2B0"\n'
    ran = gate(tmp_path, spec=f"{METHODS}{model}{DATA}{ENOUGH}")
    expect_collapse_and_crash(ran, "b0")
    agreement = ran.case("b0/int8/top1_agreement")
    assert agreement.value is not None
    assert agreement.value > 0.9


@pytest.mark.keras
def stamps() -> dict[Path, int]:
    """When each file of each variant in the store was written."""
    return {path: path.stat().st_mtime_ns for path in STORE.glob("variants/*/*")}


@pytest.mark.samples
def test_a_second_run_makes_nothing_again(lite0: Ran, tmp_path: Path) -> None:
    made = stamps()
    assert made
    again = gate(tmp_path, "-m", "not latency", spec=f"{METHODS}{LITE0}{SAMPLE}")
    first = {case.id: case for case in lite0.record.cases}
    assert again.record.cases
    for case in again.record.cases:
        if case.variant == "dynamic_int2" and case.gate == "outputs":
            continue  # its evidence holds what the crashed worker last said
        before = first[case.id]
        assert (case.status, case.value, case.interval) == (
            before.status,
            before.value,
            before.interval,
        )
    assert stamps() == made


@pytest.mark.samples
def test_the_mlperf_tiny_pair_agrees(tmp_path: Path) -> None:
    models = data_folder() / "models"
    spec = f"""
[models.resnet8]
source = "{models / "resnet8_cifar10_float.tflite"}"
preprocessing = "keras-0-255"
labels = "cifar10"
methods = []
images = {{ evaluation = "sample:cifar10" }}
[variants.shipped]
model = "resnet8"
file = "{models / "resnet8_cifar10_int8.tflite"}"
method = "int8"
"""
    # Without int8 dot products the shipped model is slower than the float one, and FAILs for it.
    ran = gate(tmp_path, "-m", "not latency", spec=spec)
    assert ran.code == 0, ran.output
    assert ran.verdict("resnet8/shipped/types") is Verdict.PASS
    assert ran.case("resnet8/shipped/top1_agreement").value == 0.95


@pytest.mark.keras
@pytest.mark.samples
def test_a_model_with_1001_outputs_is_mapped(tmp_path: Path) -> None:
    file = data_folder() / "models" / "mobilenet_v2_ptq_uint8.tflite"
    spec = f"""
{LITE0}methods = []
images = {{ evaluation = "sample:imagenet" }}
[variants.coral]
model = "lite0"
file = "{file}"
preprocessing = "keras-tf"
labels = "imagenet-background"
[gates.coral]
top1_agreement = 0.5
accuracy_drop = 0.3
"""
    ran = gate(tmp_path, spec=spec)
    agreement, drop = (
        ran.case(f"lite0/coral/{name}") for name in ("top1_agreement", "accuracy_drop")
    )
    assert agreement.status is drop.status is Verdict.PASS, ran.output
    assert agreement.value is not None
    assert agreement.value >= 0.7  # a shift by one class would leave next to nothing
    # It agrees, and yet is not a variant of this baseline.
    stored = ran.case("lite0/coral/weights")
    assert stored.status is Verdict.FAIL
    assert stored.reason.startswith("another network")
    assert ran.code == 1


@pytest.mark.keras
@pytest.mark.samples
def test_the_package_alone_classifies_a_photograph(tmp_path: Path) -> None:
    at_any_speed = "[gates]\nlatency_ratio = 1000.0\n"
    ran = gate(tmp_path, spec=f'methods = ["float16"]\n{LITE0}{SAMPLE}{at_any_speed}')
    assert ran.code == 0, ran.output
    refused = edgeq(tmp_path, "bundle")
    assert refused.returncode == 2, "20 photographs prove too little"
    packed = edgeq(tmp_path, "bundle", "--unproven")
    assert packed.returncode == 0, packed.stdout + packed.stderr
    checked = edgeq(tmp_path, "bundle", "--check", "reports/bundle.zip")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    metadata = (tmp_path / "reports/bundle/lite0/float16/metadata.json").read_text("utf-8")
    assert str(tmp_path) not in metadata
