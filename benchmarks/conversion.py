"""The same PyTorch network from PyTorch and from ONNX, and planted faults of its export.

    python -m benchmarks.conversion FOLDER [ONNX ...]

It needs the extras ``onnx`` and ``torch``, and scikit-learn. In FOLDER it trains a small network on
scikit-learn's handwritten digits, writes a project with five models, and runs the gate: the network
as PyTorch's module and as an ONNX file, and modules that compute something else while they are
exported (a softmax over the wrong axis, a transposed kernel, another padding). Other ONNX files are
converted and compared with ONNX Runtime on random images.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.io import structs
from edgeq.measure.conversion import Conversion
from edgeq.models.export_child import export
from edgeq.models.export_request import ExportRequest
from edgeq.pipeline.conversion_child import Comparison, compare
from edgeq.record.structs import read

NETS = '''"""The network, and what a broken exporter would make of it."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

SIDE = 32


class Net(nn.Module):
    """Convolutions, attention over all positions, and a softmax over ten classes."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.body = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.where = nn.Conv2d(32, 1, 1)
        self.head = nn.Linear(32, 10)

    def logits(self, image: torch.Tensor) -> torch.Tensor:
        fault = self.fault if torch.compiler.is_exporting() else ""
        features = functional.relu(self.stem(image))
        kernel = self.body.weight.transpose(2, 3) if fault == "kernel" else self.body.weight
        if fault == "padding":
            features = functional.pad(features, (0, 1, 0, 1))
            features = functional.conv2d(features, kernel, self.body.bias, 2)
        else:
            features = functional.conv2d(features, kernel, self.body.bias, 2, 1)
        features = functional.relu(self.norm(features))
        scores = self.where(features)
        if fault == "softmax":
            weights = scores.softmax(3).flatten(1)
        else:
            weights = scores.flatten(1).softmax(1)
        return self.head((features.flatten(2) * weights[:, None]).sum(2))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.logits(image).softmax(1)


def _load(fault: str = "") -> nn.Module:
    net = Net(fault)
    net.load_state_dict(torch.load(Path(__file__).with_name("weights.pt"), weights_only=True))
    return net


def good() -> nn.Module:
    return _load()


def softmax() -> nn.Module:
    return _load("softmax")


def kernel() -> nn.Module:
    return _load("kernel")


def padding() -> nn.Module:
    return _load("padding")
'''
SPEC = """
methods = ["float16", "dynamic_range", "int8"]
without = ["latency", "memory", "size"]
[images]
calibration = "calibration"
evaluation = "evaluation"
labels = "labels.csv"
[models.onnx]
source = "net.onnx"
preprocessing = "unit"
"""
MODEL = """[models.torch-{name}]
source = "torch:nets:{name}"
input_size = [32, 32]
preprocessing = "unit"
"""
FUNCTIONS = ("good", "softmax", "kernel", "padding")
CALIBRATION, EVALUATION, STEPS = 100, 700, 600


def write_project(folder: Path) -> None:
    """Train the network and write the project's files."""
    import torch
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nets.py").write_text(NETS)
    (folder / "edgeq.toml").write_text(SPEC + "".join(MODEL.format(name=n) for n in FUNCTIONS))
    digits, labels = load_digits(return_X_y=True)
    grey = (digits.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
    large = np.kron(grey, np.ones((1, 4, 4), np.uint8))
    rows = []
    for role, start, count in (("calibration", 0, CALIBRATION), ("evaluation", 100, EVALUATION)):
        (folder / role).mkdir(exist_ok=True)
        for at in range(start, start + count):
            Image.fromarray(large[at]).convert("RGB").save(folder / role / f"{at:04}.png")
            if role == "evaluation":
                rows.append(f"{at:04}.png,{labels[at]}\n")
    (folder / "labels.csv").write_text("file,class_index\n" + "".join(rows))
    sys.path.insert(0, str(folder))
    import nets  # type: ignore[import-not-found]

    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = nets.Net()
    images = torch.from_numpy(large).float().div(255)[:, None].expand(-1, 3, -1, -1)
    classes = torch.from_numpy(labels)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    first = CALIBRATION + EVALUATION
    for _ in range(STEPS):
        some = torch.randint(first, len(images), (64,))
        loss = torch.nn.functional.cross_entropy(net.logits(images[some]), classes[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(net.state_dict(), folder / "weights.pt")
    blank = torch.zeros(1, 3, nets.SIDE, nets.SIDE)
    torch.onnx.export(nets.good().eval(), (blank,), str(folder / "net.onnx"), dynamo=False)


def show_gate(folder: Path) -> None:
    """Run the gate and print the verdicts on the exports, and the answers."""
    command = [sys.executable, "-c", "from edgeq.cli import main; main()", "gate"]
    subprocess.run(command, cwd=folder, check=False)
    record = read(folder / "reports/latest/run.json")
    print("\n| model | conversion | error | variants' FAILs | answers |\n|---|---|--:|--:|---|")
    for model in record.models:
        (case,) = record.verdicts(model.name, "baseline")
        fails = sum(
            case.status.value == "FAIL"
            for variant in model.variants
            for case in record.verdicts(model.name, variant.name)
        )
        answers = ", ".join(f"{v.name}: {v.answer and v.answer.value}" for v in model.variants)
        measured = structs.converted(case.evidence, Conversion)
        error = measured.outputs[0].error or 0.0
        print(f"| {model.name} | {case.status.value} | {error:.2g} | {fails} | {answers} |")


def show_file(path: Path) -> None:
    """Convert an ONNX file and print how far its outputs are from ONNX Runtime's."""
    with tempfile.TemporaryDirectory() as scratch:
        file, pixels = Path(scratch) / "net.tflite", Path(scratch) / "pixels.npy"
        request = ExportRequest(kind="onnx", name=str(path), root=scratch)
        response = export(msgspec.structs.replace(request, output=str(file)))
        height, width = response.input_size or (0, 0)
        random = np.random.default_rng(0)
        np.save(pixels, random.integers(0, 256, (8, height, width, 3), np.uint8))
        comparison = Comparison(
            source=request,
            file=str(file),
            pixels=str(pixels),
            preprocessing=Preprocessing(std=(255.0, 255.0, 255.0)),
            role="evaluation",
        )
        for output in compare(comparison).outputs:
            print(f"{path.name} {output.name}: error {output.error}, shape {output.file_shape}")


if __name__ == "__main__":
    chosen, *files = map(Path, sys.argv[1:])
    write_project(chosen)
    show_gate(chosen)
    for one in files:
        show_file(one)
