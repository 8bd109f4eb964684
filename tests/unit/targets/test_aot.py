from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from edgeq.config.target_kinds import Aot
from edgeq.errors import EdgeqError
from edgeq.targets import aot
from edgeq.targets.aot import VENDORS, Compiled, described, examine
from edgeq.targets.aot_child import reason
from edgeq.targets.tiny import model

LNL = Aot(vendor="intel", soc="LNL")
OPENVINO = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_missing_sdk_comes_with_the_command(
    vendor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aot, "find_spec", lambda _: None)
    settings = Aot(vendor=vendor, soc="X")  # type: ignore[arg-type]
    with pytest.raises(EdgeqError, match="which is not installed") as caught:
        examine(settings, tmp_path / "net.tflite")
    assert VENDORS[vendor].name in caught.value.what
    assert f"pip install {VENDORS[vendor].package}" in str(caught.value.remedy)


@pytest.mark.parametrize("vendor", VENDORS)
def test_litert_has_a_plugin_for_every_vendor(vendor: str) -> None:
    plugin = VENDORS[vendor].plugin
    assert find_spec(f"ai_edge_litert.aot.vendors.{plugin}.{plugin}_backend") is not None


def test_an_unknown_chip_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(EdgeqError, match="'SM1' is not a chip of Qualcomm") as caught:
        aot.compiled(Aot(vendor="qualcomm", soc="SM1"), tmp_path / "net.tflite")
    assert "SM8650" in str(caught.value.remedy)


def test_a_plugin_without_its_sdk_compiles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(model("int8"))
    answer = aot.compiled(Aot(vendor="qualcomm", soc="SM8650"), path)
    assert answer.bytes == 0
    assert answer.error


@OPENVINO
def test_intels_plugin_says_what_the_npu_takes(tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(model("int8"))
    answer = aot.compiled(LNL, path)
    assert (answer.operators, answer.taken, answer.partitions) == (1, 1, 1)


def test_what_was_compiled_is_no_problem() -> None:
    answer = Compiled(socs=("LNL",), operators=270, taken=269, partitions=2, bytes=8_400_000)
    findings = described(VENDORS["intel"], "LNL", answer)
    text = "\n".join(findings.lines)
    assert "269 of 270 on the NPU, in 2 pieces of the graph" in text
    assert "compiled   8.4 MB" in text
    assert "nothing was run there" in text
    assert findings.problems == ()


def test_what_was_not_compiled_is_one_with_the_command() -> None:
    answer = Compiled(socs=("LNL",), operators=16, taken=0, error="no compiler")
    findings = described(VENDORS["intel"], "LNL", answer)
    assert findings.problems == (
        "it was not compiled: no compiler",
        "no operator runs on the NPU",
    )
    assert "pip install ai-edge-litert-sdk-intel==" in "\n".join(findings.lines)


def test_a_compiler_that_takes_too_long_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    child.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(aot, "_CHILD", child)
    with pytest.raises(EdgeqError, match=r"compiler for Intel was stopped after 0\.2 s"):
        aot.compiled(Aot(vendor="intel", soc="LNL", timeout_s=0.2), tmp_path / "net.tflite")


@pytest.mark.parametrize("settings", [{"soc": "--x"}, {"soc": "X", "timeout_s": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"soc|timeout_s"):
        Aot(vendor="intel", **settings)  # type: ignore[arg-type]


def test_the_most_telling_line_of_a_log_is_the_reason() -> None:
    log = (
        "INFO: fine\nERROR: [a.cc:1] Exception in compilation: Exception from src/core.cpp:117:\n"
        'Cannot load library "libx.so": no such file\nERROR: [b.cc:2] ERROR: [c.cc:3]\n'
    )
    assert reason(log) == 'Cannot load library "libx.so": no such file'
    assert reason("ERROR: [a.cc:1] Invalid model") == "Invalid model"
    assert reason("INFO: fine") == ""
