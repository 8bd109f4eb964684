from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

import pytest

from edgeq.config.target_kinds import EthosU
from edgeq.errors import EdgeqError, MissingExtraError
from edgeq.targets import ethos_u
from edgeq.targets.ethos_u import NpuEstimate, described, estimate, examine, read
from edgeq.targets.tiny import model
from tests.unit.tiny_model import classifier

U55 = EthosU(accelerator="ethos-u55-256")
SUMMARY = (
    "system_config,memory_mode,inference_time,sram_memory_used,cycles_total\n"
    "High,Shared,0.0125,100.5,6250\n"
)
LAYERS = (
    "Original Operator,NNG Operator,Target,Op Cycles,Name\n"
    "Mul,Mul,NPU,400,a\nSub,Sub,NPU,100,b\nConv2D,Conv2D,NPU,450,c\nConv2D,Relu,NPU,0,c\n"
    "Softmax,Softmax,CPU,0,d\nPack,Pack,CPU,0,e\nSoftmax,Softmax,CPU,0,f\nMul,Mul,NPU,50,g\n"
)


def installed() -> bool:
    try:
        version("ethos-u-vela")
    except PackageNotFoundError:
        return False
    return True


VELA = pytest.mark.skipif(not installed(), reason="the extra ethos-u is not installed")


def parsed(summary: str = SUMMARY, layers: str = LAYERS) -> NpuEstimate:
    return read(summary, layers, accelerator="ethos-u55-256", version="5.2.0")


def test_velas_tables_are_read() -> None:
    npu = parsed()
    assert (npu.npu_operators, npu.cpu_operators) == (5, {"Pack": 1, "Softmax": 2})
    assert (npu.milliseconds, npu.sram_bytes, npu.cycles) == (12.5, 102_912, 6250)
    assert npu.before_compute == 0.5


def test_an_estimate_is_called_one_and_says_what_the_preprocessing_costs() -> None:
    findings = described(parsed())
    text = "\n".join(findings.lines)
    assert "not measured" in text
    assert "5 on the NPU, 3 on the CPU (2 Softmax, 1 Pack)" in text
    assert "12.50 ms on the NPU (6,250 cycles), SRAM 103 kB" in text
    assert "50.0 % of the operators' cycles come before the first convolution" in text
    assert findings.problems == ()


def test_preprocessing_that_costs_little_is_not_mentioned() -> None:
    layers = LAYERS.replace("400", "0").replace("100", "10")
    assert "hint" not in "\n".join(described(parsed(layers=layers)).lines)


def test_nothing_on_the_npu_is_a_problem_and_no_time_of_zero() -> None:
    """Vela ends with exit code 0 and 0 ms."""
    summary = SUMMARY.replace("0.0125", "0.0").replace("6250", "0")
    findings = described(parsed(summary, LAYERS.replace("NPU", "CPU")))
    assert "no operator runs on the NPU" in findings.problems[0]
    assert " ms" not in "\n".join(findings.lines)


@pytest.mark.parametrize(
    ("summary", "layers"),
    [("", LAYERS), ("a,b\n1,2\n", LAYERS), (SUMMARY, "x\n1\n"), (SUMMARY.replace("6250", "x"), "")],
)
def test_tables_of_another_version_are_one_error(summary: str, layers: str) -> None:
    with pytest.raises(EdgeqError, match="wrote tables that can't be read"):
        parsed(summary, layers)


def test_a_missing_package_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(ethos_u, "version", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgeq\[ethos-u\]'"):
        estimate(U55, tmp_path / "net.tflite")


@VELA
def test_an_int8_convolution_runs_on_the_npu(tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(model("int8"))
    npu = estimate(U55, path)
    assert npu.npu_operators > 0
    assert npu.cpu_operators == {}
    assert npu.milliseconds > 0
    assert npu.sram_bytes > 32 * 32 * 3


@VELA
def test_a_float_model_does_not(tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(classifier())
    assert "no operator runs on the NPU" in examine(U55, path).problems[0]


@VELA
@pytest.mark.parametrize(
    "settings",
    [EthosU(accelerator="ethos-u65-256"), EthosU(accelerator="ethos-u85-512")],
)
def test_every_family_has_a_configuration(tmp_path: Path, settings: EthosU) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(model("int8"))
    assert estimate(settings, path).milliseconds > 0


@VELA
def test_what_vela_refuses_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(model("int8"))
    odd = EthosU(accelerator="ethos-u55-256", system_config="None_such")
    with pytest.raises(EdgeqError, match="Vela failed") as caught:
        estimate(odd, path)
    assert caught.value.where == str(path)
