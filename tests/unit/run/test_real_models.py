"""The models of ``$EDGEQ_DATA``: a dynamic-batch pair, and uint8 in and out with 1001 classes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.run.session import Session
from edgeq.tflite.model_file import read_model
from tests.unit.graphs import logits_edits

SIGNED_UNIT = Preprocessing(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))
COUNT = 8


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("EDGEQ_DATA")
    if not folder:
        pytest.skip("EDGEQ_DATA is not set: the folder with reference models and photographs")
    return Path(folder)


def photographs(data: Path, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    files = sorted((data / "imagenet" / "evaluation").glob("*.png"))[:COUNT]
    found = []
    for file in files:
        with Image.open(file) as image:
            small = image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        found.append(np.asarray(small))
    return np.stack(found)


def test_the_pair_with_a_dynamic_batch_agrees(session: Session, data: Path) -> None:
    pixels = photographs(data, 32)
    answers = []
    for name, io, counts in (("float", "float32", (16, 16, 1)), ("int8", "int8", (16, 14, 2))):
        file = data / "models" / f"resnet8_cifar10_{name}.tflite"
        model = session.load(file, threads=1, kernels="xnnpack", edits=logits_edits(file))
        in_file = read_model(file)
        assert in_file.tensors[in_file.inputs[0]].shape_signature[0] == -1
        assert (model.batch, model.inputs[0].dtype) == (1, io)
        assert (model.operators, model.delegated, model.partitions) == counts
        answers.append(session.infer(model.handle, pixels, Preprocessing()).outputs)
    baseline, variant = answers
    assert baseline[0].shape == baseline[1].shape == (COUNT, 10)
    assert np.array_equal(baseline[0].argmax(1), variant[0].argmax(1))
    np.testing.assert_allclose(baseline[0].sum(axis=1), 1, atol=1e-5)


def test_uint8_in_and_out_with_a_background_class(session: Session, data: Path) -> None:
    file = data / "models" / "mobilenet_v2_ptq_uint8.tflite"
    model = session.load(file, threads=1, kernels="xnnpack")
    assert {one.dtype for one in (*model.inputs, *model.outputs)} == {"uint8"}
    found = session.infer(model.handle, photographs(data, 224), SIGNED_UNIT)
    assert found.outputs[0].shape == (COUNT, 1001)
    rows = (data / "imagenet" / "labels.csv").read_text("utf-8").splitlines()
    labels = {row.split(",")[1]: int(row.split(",")[2]) for row in rows[1:]}
    names = [file.name for file in sorted((data / "imagenet" / "evaluation").glob("*.png"))]
    truth = np.array([labels[name] for name in names[:COUNT]])
    assert np.count_nonzero(found.outputs[0].argmax(1) - 1 == truth) >= COUNT // 2
