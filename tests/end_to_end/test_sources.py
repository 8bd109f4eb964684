"""Models from ONNX and PyTorch, where the extras are installed."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from edgeq.io import structs
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.measure.conversion import Conversion
from tests.end_to_end.projects import Ran, data_folder, gate

SIDE = 32
SPEC = """
methods = ["float16"]
without = ["latency", "memory"]
[models.net]
source = "SOURCE"
preprocessing = "unit"
[images]
evaluation = "images"
"""
NET = f"""
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8 * {SIDE // 2} ** 2, 6)

    def forward(self, image):
        weight = self.stem.weight
        if FAULTY and torch.compiler.is_exporting():
            weight = weight.transpose(2, 3)
        maps = nn.functional.conv2d(image, weight, self.stem.bias, 2, 1).relu()
        return self.head(maps.flatten(1)), maps

def net():
    return Net()
"""


def project(folder: Path, source: str, *, size: bool = False) -> Ran:
    """Run the gate on a source with a few noisy pictures."""
    (folder / "images").mkdir()
    for at in range(8):
        Image.effect_noise((SIDE, SIDE), 10 + 20 * at).convert("RGB").save(
            folder / "images" / f"{at}.png"
        )
    spec = SPEC.replace("SOURCE", source)
    line = f"input_size = [{SIDE}, {SIDE}]\n" if size else ""
    return gate(folder, spec=spec.replace("[images]", f"{line}[images]"))


def test_a_real_detector_from_onnx(tmp_path: Path) -> None:
    """The published conversion's float16 file gives all boxes of the one that edgeq converts."""
    pytest.importorskip("onnx2tf")
    folder = data_folder() / "tasks/detection"
    shutil.copyfile(folder / "fastestdet.onnx", tmp_path / "net.onnx")
    content = (tmp_path / "net.onnx").read_bytes()
    (tmp_path / "photographs").symlink_to(folder / "coco128/images")
    ran = gate(
        tmp_path,
        spec=f"""
methods = []
allow_missing = ["map_drop"]
without = ["latency", "memory"]
[models.fastestdet]
source = "net.onnx"
preprocessing = "fastestdet"
[images]
evaluation = "photographs"
max_evaluation = 24
[variants.published]
model = "fastestdet"
file = "{folder}/fastestdet/onnx2tf_float16.tflite"
method = "float16"
""",
    )
    assert ran.verdict("fastestdet/baseline/conversion") is Verdict.PASS
    (model,) = ran.record.models
    assert (model.task, model.decoder) == ("detection", "fastestdet")
    assert ran.verdict("fastestdet/published/weights") is Verdict.PASS
    recall, precision = (
        ran.case(f"fastestdet/published/box_{kind}").value for kind in ("recall", "precision")
    )
    assert (recall, precision) == (1.0, 1.0)
    assert (tmp_path / "net.onnx").read_bytes() == content, "the user's file is written to"


@pytest.mark.parametrize("faulty", [False, True])
def test_what_an_export_of_pytorch_breaks_is_its_own_fault(tmp_path: Path, *, faulty: bool) -> None:
    pytest.importorskip("litert_torch")
    (tmp_path / "nets.py").write_text(f"FAULTY = {faulty}\n{NET}")
    ran = project(tmp_path, "torch:nets:net", size=True)
    conversion = ran.case("net/baseline/conversion")
    first, second = structs.converted(conversion.evidence, Conversion).outputs
    assert first.shape == (6,)
    assert (second.shape, second.moved) == ((8, 16, 16), True)
    others = [case.status for case in ran.record.cases if case.id != conversion.id]
    assert Verdict.FAIL not in others, json.dumps([case.reason for case in ran.record.cases])
    (variant,) = ran.record.models[0].variants
    if faulty:
        assert conversion.status is Verdict.FAIL
        assert ran.code == 1
        assert variant.answer is ShipDecision.NOT_JUDGED
    else:
        assert conversion.status is Verdict.PASS
        assert variant.answer is not ShipDecision.NOT_JUDGED


def test_a_module_that_can_not_be_exported(tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    (tmp_path / "nets.py").write_text(
        textwrap.dedent("""
        import torch

        class Net(torch.nn.Module):
            def forward(self, image):
                return image * 2 if image.sum() > 0 else image.mean((2, 3))

        def net():
            return Net()

        def table():
            return {"weights": 1}
        """)
    )
    ran = project(tmp_path, "torch:nets:net", size=True)
    assert ran.code == 2
    assert "litert-torch can't export it" in ran.output
    shutil.rmtree(tmp_path / "images")
    ran = project(tmp_path, "torch:nets:table", size=True)
    assert ran.code == 2
    assert "gives a dict, not a torch.nn.Module" in ran.output


@pytest.mark.parametrize(
    ("operator", "domain", "expected"),
    [
        ("LpPool", "", "operators that onnx2tf does not convert: LpPool"),
        ("Custom", "my.own", "operators that onnx2tf does not convert: my.own.Custom"),
    ],
)
def test_an_operator_that_is_not_converted(
    tmp_path: Path, operator: str, domain: str, expected: str
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnx2tf")
    entry, exit_ = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        for name in ("image", "out")
    )
    options = {"kernel_shape": [1, 1]} if operator == "LpPool" else {}
    node = onnx.helper.make_node(operator, ["image"], ["out"], domain=domain, **options)
    graph = onnx.helper.make_graph([node], "net", [entry], [exit_])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("my.own", 1)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), tmp_path / "net.onnx")
    ran = project(tmp_path, "net.onnx")
    assert ran.code == 2
    assert expected in " ".join(ran.output.split())
