from __future__ import annotations

from typing import Any

import msgspec

from edgeq.measure.tensors import Fit, Steps
from edgeq.record.measured import RecordedNetwork
from edgeq.report import html
from edgeq.report.outputs_view import network_view, outputs_view, unmeasured
from tests.unit import fits
from tests.unit.report import records


def fit(output: int = 0, **keys: Any) -> Fit:
    known: dict[str, Any] = {
        "shape": (4420, 4),
        "error": 0.1234,
        "worst_error": 1.5,
        "worst_error_image": 9,
    }
    return fits.fit(output, **(known | keys))


def test_a_model_that_was_judged_by_classes_has_none() -> None:
    assert outputs_view(()) is None


def test_each_output_has_a_row() -> None:
    found = outputs_view((fit(), fit(1, steps=Steps(step=0.1, whole=254.7), constant=True)))
    assert found is not None
    assert "2 outputs on 40 images, 1 of them with a problem" in found.summary
    first, second = found.rows
    assert (first.place, first.name, first.shape) == (0, "out0", "4,420 x 4")
    assert (first.error, first.interval) == ("0.123", "0.080 to 0.120")
    assert first.worst == "at most 1.500, image 9"
    assert (first.cosine, first.image) == ("0.970", "image 7")
    assert (first.steps, first.problem) == ("–", "")  # noqa: RUF001 - the sign of "none"
    assert second.steps == "255"
    assert second.problem.startswith("Output 1 ('out1') is the same for every image")


def test_an_image_is_called_by_its_name_if_it_is_recorded() -> None:
    view = outputs_view((fit(worst_error_name="dog/7.png", worst_cosine_name="cat/9.png"),))
    assert view is not None
    assert (view.rows[0].worst, view.rows[0].image) == ("at most 1.500, dog/7.png", "cat/9.png")


def test_a_cosine_is_not_rounded_up_to_one() -> None:
    def shown(value: float | None) -> str:
        found = outputs_view((fit(worst_cosine=value),))
        assert found is not None
        return found.rows[0].cosine

    assert shown(0.99996) == "0.99996"
    assert (shown(1.0), shown(-0.25)) == ("1", "\u22120.250")
    assert shown(None) == "–"  # noqa: RUF001 - the sign of "none"


def test_random_weights_have_no_dead_outputs() -> None:
    found = outputs_view((fit(constant=True),), trained=False)
    assert found is not None
    assert found.rows[0].problem == ""


def test_what_could_not_be_measured_is_a_sign() -> None:
    found = outputs_view(
        (
            fit(
                shape=(),
                error=None,
                error_interval=None,
                worst_error=None,
                worst_error_image=None,
                worst_cosine=None,
                worst_cosine_image=None,
            ),
        )
    )
    assert found is not None
    row = found.rows[0]
    assert (row.shape, row.interval, row.worst, row.image) == ("one number", "", "", "")


def test_the_report_has_a_table_with_headings_for_narrow_screens() -> None:
    one = records.variant("int8", 9_000_000, outputs=(fit(name=records.HOSTILE), fit(1)))
    shown = html.render(records.record((one,), records.passing("int8")))
    assert "Its outputs compared with the baseline" in shown
    assert records.HOSTILE not in shown.partition('<table class="stack outputs"')[2][:4000]
    for heading in ("Shape", "Relative error", "Worst cosine", "Steps of its scale", "Problem"):
        assert f'data-label="{heading}"' in shown
    plain = msgspec.structs.replace(one, outputs=())
    assert 'class="stack outputs"' not in html.render(
        records.record((plain,), records.passing("int8"))
    )


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
