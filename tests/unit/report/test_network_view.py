from __future__ import annotations

import msgspec

from edgeq.record.measured import RecordedNetwork
from edgeq.report import html
from edgeq.report.network_view import network_view, unmeasured
from tests.unit.report import records

NETWORK = RecordedNetwork(
    images=2,
    layers=4,
    places=(0, 1, 3),
    errors=(0.001, 0.002, 1.5),
    operators=("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
    names=("stem", "block", records.HOSTILE),
)


def test_the_error_grows_from_the_first_layer_to_the_last() -> None:
    found = network_view(NETWORK)
    assert found is not None
    assert [layer.x for layer in found.layers] == sorted(layer.x for layer in found.layers)
    assert found.layers[0].y > found.layers[1].y > found.layers[2].y
    assert found.steps[0].name == f"FULLY_CONNECTED 3, {records.HOSTILE}"
    assert "0.001 after the first, 1.5 after the last" in found.summary
    assert "2 images" in found.summary


def test_what_does_not_fit_together_is_not_drawn() -> None:
    assert network_view(None) is network_view(RecordedNetwork()) is None
    assert network_view(msgspec.structs.replace(NETWORK, names=("stem",))) is None
    assert "only when the predictions of a variant fail" in unmeasured(None)
    assert unmeasured(RecordedNetwork(reason="it crashed")) == "Could not be measured: it crashed"


def test_the_page_draws_it_and_escapes_names() -> None:
    one = records.variant("int8", 10, network=NETWORK)
    page = html.render(records.record((one,), ()))
    assert "The error along the network" in page
    assert records.HOSTILE not in page
