from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.measure.stored.finding import BEYOND, StoredModel, Tally, has_weights, places_of
from edgeq.tflite.matching import Evidence, Pair
from tests.unit.graphs import BIAS, KERNEL, drawn, graph, read
from tests.unit.tiny_model import Op, Tensor


@pytest.fixture
def stored(tmp_path: Path) -> StoredModel:
    ops = (
        Op("CONV_2D", ("x", "net/layer/w", "b"), ("a",)),
        Op("MUL", ("a", "f"), ("m",)),
        Op("FULLY_CONNECTED", ("m", "a"), ("y",)),
    )
    constants = {"net/layer/w": KERNEL, "b": BIAS, "f": drawn(4)}
    return StoredModel.of(read(tmp_path, graph(*ops, constants=constants)))


def test_layers_have_stored_weights(stored: StoredModel) -> None:
    conv, mul, dense = stored.skeleton.nodes
    assert has_weights(conv)
    assert not has_weights(mul)
    assert not has_weights(dense)  # it multiplies two activations
    assert (places_of(conv).weights, places_of(conv).bias) == (1, 2)


def test_a_file_comes_with_its_data(stored: StoredModel) -> None:
    tensor = dict(stored.skeleton.nodes[0].constants)[1]
    assert (stored.constants.real(tensor) == KERNEL).all()


def test_a_file_that_is_no_model_is_an_error(tmp_path: Path, stored: StoredModel) -> None:
    stored.model.path.write_bytes(b"none")
    with pytest.raises(ModelError):
        StoredModel.of(stored.model)


@pytest.mark.parametrize(
    ("evidence", "sure", "certain"),
    [
        ("graph", True, True),
        ("name", True, True),
        ("order", True, False),
        ("graph", False, False),
        ("order", False, False),
    ],
)
def test_what_is_known_by_order_alone_is_not_certain(
    stored: StoredModel, evidence: Evidence, *, sure: bool, certain: bool
) -> None:
    tally = Tally()
    pair = Pair(stored.skeleton.nodes[1], stored.skeleton.nodes[0], evidence)
    tally.add(pair, "weights", ("near", "differ"), certain=sure)
    (found,) = tally.findings
    assert found.certain is certain
    assert (found.operator, found.baseline_operator) == (0, 1)
    assert found.layer == "CONV_2D 0 (layer/w)"
    assert (found.part, found.change, found.detail) == ("weights", "near", "differ")


@pytest.mark.parametrize("distance", [np.nan, np.inf])
def test_distances_are_numbers_that_json_can_hold(stored: StoredModel, distance: float) -> None:
    tally = Tally()
    node = stored.skeleton.nodes[0]
    tally.add(
        Pair(node, node, "graph"),
        "biases",
        ("other", "are not the baseline's"),
        distances=(distance, distance),
        channels=(2, 4),
    )
    (found,) = tally.findings
    assert found.distance == found.relative == BEYOND
    assert (found.channels, found.of_channels) == (2, 4)
    assert b"null" not in msgspec.json.encode(found)


def test_distances_are_rounded(stored: StoredModel) -> None:
    tally = Tally()
    node = stored.skeleton.nodes[0]
    what = "other", "are not the baseline's"
    tally.add(Pair(node, node, "graph"), "biases", what, distances=(2.34567, 0.123456))
    assert (tally.findings[0].distance, tally.findings[0].relative) == (2.35, 0.1235)


def test_a_constant_is_no_layer(tmp_path: Path) -> None:
    op = Op("CUSTOM", ("x", "w"), ("y",), "Any")
    content = graph(op, tensors=[Tensor("w", (4,), data=drawn(4))])
    (node,) = StoredModel.of(read(tmp_path, content)).skeleton.nodes
    assert not has_weights(node)
