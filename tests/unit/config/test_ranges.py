from __future__ import annotations

import math
from typing import Any

import pytest

from tests.unit.config.writing import net, refusal, spec

READY = {"model": "net", "file": "vendor.tflite"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"confidence": 0.5}, "confidence = 0.5 is outside its range. Valid: above 0.5 and below"),
        ({"confidence": 1.0}, "confidence = 1.0 is outside its range"),
        ({"confidence": math.nan}, "confidence = nan is outside its range"),
        ({"run": {"threads": 0}}, "run.threads = 0 is outside its range. Valid: from 1 to 256"),
        ({"run": {"threads": 257}}, "run.threads = 257 is outside its range"),
        ({"run": {"timeout_s": 0}}, "run.timeout_s = 0.0 is outside its range"),
        ({"run": {"timeout_s": math.inf}}, "run.timeout_s = inf is outside its range"),
        ({"make": {"timeout_s": 0}}, "make.timeout_s = 0.0 is outside its range"),
        ({"make": {"memory_limit": 0}}, "make.memory_limit = 0 is outside its range"),
        ({"run": {"memory_limit": 0}}, "run.memory_limit = 0 is outside its range"),
        ({"run": {"memory_limit": 2**51}}, "run.memory_limit = 2251799813685248 is outside"),
        ({"latency": {"rounds": 1}}, "latency.rounds = 1 is outside its range. Valid: from 2"),
        (
            {"latency": {"block": 65}},
            "latency.block = 65 is outside its range. Valid: from 1",
        ),
        ({"latency": {"warmup": -1}}, "latency.warmup = -1 is outside its range. Valid: from 0"),
        ({"latency": {"budget_s": -1}}, "latency.budget_s = -1.0 is outside its range"),
        (net(seed=-1), "models.net.seed = -1 is outside its range. Valid: from 0 to 4294967295"),
        (net(seed=2**32), "models.net.seed = 4294967296 is outside its range"),
        (net(input_size=[0, 4]), "models.net.input_size = 0 is outside its range. Valid: from 1"),
        (net(input_size=[4, 9000]), "models.net.input_size = 9000 is outside its range"),
        ({"images": {"max_evaluation": 0}}, "images.max_evaluation = 0 is outside its range"),
        (
            net(images={"max_calibration": -1}),
            "models.net.images.max_calibration = -1 is outside its range. Valid: at least 1",
        ),
        (
            net(preprocessing={"crop_fraction": 0}),
            "models.net.preprocessing.crop_fraction = 0.0 is outside its range",
        ),
        (net(preprocessing={"crop_fraction": 1.1}), "models.net.preprocessing.crop_fraction = 1.1"),
        (net(preprocessing={"jpeg_scaling": 0.5}), "models.net.preprocessing.jpeg_scaling = 0.5"),
        (
            net(preprocessing={"jpeg_scaling": math.nan}),
            "models.net.preprocessing.jpeg_scaling = nan is outside its range. Valid: from 1",
        ),
        (net(preprocessing={"std": [1, 0, 1]}), "models.net.preprocessing.std = [1.0, 0.0, 1.0]"),
        (net(preprocessing={"std": [1, math.nan, 1]}), "models.net.preprocessing.std = [1.0, nan"),
        (net(preprocessing={"mean": [math.inf, 0, 0]}), "models.net.preprocessing.mean = [inf"),
        (
            {"variants": {"v": {**READY, "preprocessing": {"std": [-1, 1, 1]}}}},
            "variants.v.preprocessing.std = [-1.0, 1.0, 1.0] is not valid. Pixels are divided",
        ),
    ],
    ids=str,
)
def test_a_number_outside_its_range_is_refused_by_key(changes: Any, said: str) -> None:
    assert refusal(**changes).startswith(said)


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 0.51},
        {"run": {"threads": 256, "timeout_s": 0.001, "memory_limit": 1}},
        {"latency": {"rounds": 2, "block": 2, "warmup": 0, "budget_s": 0.001}},
        net(seed=2**32 - 1, input_size=[1, 8192], images={"max_evaluation": 1}),
        net(preprocessing={"crop_fraction": 1, "mean": [-1, 0, 1]}),
    ],
    ids=str,
)
def test_the_ends_of_a_range_belong_to_it(changes: Any) -> None:
    assert spec(**changes).models["net"].source == "net.tflite"
