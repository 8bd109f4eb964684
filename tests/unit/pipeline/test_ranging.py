"""Ranges of a real int8 variant, changed in its file, compared with what its baseline computes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.ranges import activation_ranges, tied_classes
from edgeq.errors import ModelRefusedError, UnlikeOutputsError
from edgeq.faults.graph import Graph
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.beside_control import BesideControl
from edgeq.measure.contrast import contrast
from edgeq.measure.ranges import LEFT_OF_CLIPPING
from edgeq.pipeline import gates, ranging
from edgeq.pipeline.computed import (
    FITTED_SAMPLES,
    JUDGED_SAMPLES,
    MAX_PAIRED_SAMPLES,
    VALUES_READ,
    sample_pixels,
    sample_places,
    samples_of,
)
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from tests.unit.faults import project
from tests.unit.faults.trying import diagnosis_of

Change = Callable[[Graph], object]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, photographs, and a store that fills while tests run."""
    return project.lay_out(tmp_path_factory.mktemp("ranging"))


@pytest.fixture(scope="module")
def content(root: Path) -> bytes:
    """The int8 variant that the default engine makes."""
    return project.good(root).content


def brought(root: Path, content: bytes, method: str | None = "int8", **keys: object) -> Run:
    (root / "brought.tflite").write_bytes(content)
    file = {"model": "net", "file": "brought.tflite"}
    table = file if method is None else {**file, "method": method}
    return Run(project.spec(root, methods=[], variants={"brought": table}, **keys))


def changed(root: Path, content: bytes, change: Change) -> Run:
    graph = Graph(content, root / "good.tflite")
    change(graph)
    return brought(root, graph.patched())


def proved(run: Run) -> Judgement:
    return gates.ranges(run.variants[0], 0)


def cause_of(run: Run) -> Cause | None:
    with closing(Bench(run.variants[0])) as bench:
        return activation_ranges(bench)


def scaled(factor: float, layer: int = 0) -> Change:
    def change(graph: Graph) -> None:
        graph.scales(graph.layers()[layer].output)[0][...] *= np.float32(factor)

    return change


@pytest.mark.parametrize(
    "method", ["int8", "int8_float_io", "int8_uint8_io", "int8_per_tensor", "int16x8"]
)
def test_what_an_engine_makes_passes_and_has_no_cause(root: Path, method: str) -> None:
    run = Run(project.spec(root, methods=[method]))
    found = proved(run)
    assert found.status is Verdict.PASS, found.reason
    assert gates.input_range(run.variants[0], 0).status is Verdict.PASS
    assert cause_of(run) is None


def test_a_float_file_that_claims_nothing_has_no_fixed_scale(root: Path) -> None:
    run = brought(root, (root / "net.tflite").read_bytes(), None)
    assert [one.id for one in run.cases if one.gate.name == "ranges"] == ["net/brought/ranges"]
    assert proved(run).reason == "no activation has a fixed scale"


@pytest.mark.parametrize(
    ("factor", "layer", "cause"),
    [
        (1 / 16, 0, "saturated_activations"),
        (1 / 16, 1, "saturated_activations"),
        (1 / 16, -1, "output_quantization"),
        (64, 1, "damaged_tensor"),
    ],
)
def test_a_scale_that_was_changed_is_found_and_named(
    root: Path, content: bytes, factor: float, layer: int, cause: str
) -> None:
    run = changed(root, content, scaled(factor, layer))
    found = proved(run)
    assert found.status is Verdict.FAIL, found.reason
    named = cause_of(run)
    assert named is not None
    assert named.name == cause


def test_a_gross_range_that_clips_is_found_by_pairs_if_a_few_samples_do_not_show_it(
    root: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the error of the few samples were that of other ranges."""
    monkeypatch.setattr("edgeq.measure.ranges.MIN_CAUSED", float("inf"))
    run = changed(root, content, scaled(1 / 12, 1))
    (single,) = (trial for trial in run.variants[0].ranges.trials if trial.recovers)
    count = run.variants[0].photographs.shape[0]
    assert single.samples == count - run.variants[0].ranges.fitted
    assert single.left is not None
    assert single.left[0] < single.left[1] <= LEFT_OF_CLIPPING
    found = proved(run)
    assert found.status is Verdict.FAIL
    assert found.reason.endswith(f"({single.samples} samples)")
    named = cause_of(run)
    assert named is not None
    assert (named.name, named.evidence["samples"]) == ("saturated_activations", single.samples)


def test_probabilities_count_only_if_they_are_farther_than_good_ones(
    root: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if setting ranges right changed the probabilities alone."""
    variant = changed(root, content, scaled(1 / 16, -1)).variants[0]
    trial, reference = variant.ranges.trials[0], variant.own_reference
    assert reference is not None
    assert trial.drift is not None
    assert trial.calms
    alike = msgspec.structs.replace(trial, after=trial.before, agreeing=None)
    found = msgspec.structs.replace(variant.ranges, trials=(alike,), stale=())
    monkeypatch.setattr(VariantUnderTest, "ranges", found)
    for drift, cause in ((0.03, None), (0.5, "calibration")):
        beside = contrast("probabilities", np.full(400, drift), np.full(400, 0.02))
        judged = replace(reference, beside=BesideControl(drift=beside))
        monkeypatch.setattr(VariantUnderTest, "own_reference", judged)
        with closing(Bench(variant)) as bench:
            named = activation_ranges(bench)
        assert (named.name if named else None) == cause


@pytest.mark.parametrize(
    ("factor", "says"),
    [(1.0, None), (32.0, " the best classes tie: the last layer's output, logits, holds ")],
)
def test_classes_that_tie_are_traced_to_steps_of_logits(
    root: Path, content: bytes, factor: float, says: str | None
) -> None:
    with closing(Bench(changed(root, content, scaled(factor, -1)).variants[0])) as bench:
        named = tied_classes(bench)
    assert (named is None) == (says is None)
    if named is not None and says is not None:
        assert named.name == "output_quantization"
        assert says in named.sentence


def test_biases_that_count_in_other_steps_are_found(root: Path, content: bytes) -> None:
    run = changed(root, content, scaled(1.5))
    found = run.variants[0].ranges
    assert found.stale[0].factor == pytest.approx(1.5)
    assert proved(run).status is Verdict.FAIL


def test_a_change_that_costs_nothing_passes(root: Path, content: bytes) -> None:
    def widened(graph: Graph) -> None:
        graph.scales(graph.layers()[1].output)[0][...] *= np.float32(1.1)

    run = changed(root, content, widened)
    assert proved(run).status is Verdict.PASS
    assert cause_of(run) is None


@pytest.mark.parametrize(("steps", "verdict"), [(0, "PASS"), (1, "FAIL"), (10, "FAIL")])
def test_an_input_zero_point_is_known_to_the_step(root: Path, steps: int, verdict: str) -> None:
    net = {"net": {"source": "net.tflite", "preprocessing": "keras-0-255"}}

    def moved(graph: Graph) -> None:
        graph.scales(int(graph.main.inputs[0]))[1][...] += steps

    graph = Graph(project.good(root, models=net).content, root / "good.tflite")
    moved(graph)
    run = brought(root, graph.patched(), models=net)
    assert gates.input_range(run.variants[0], 0).status.value == verdict


def test_an_input_that_hides_every_photograph_is_the_cause(root: Path) -> None:
    """As after calibration on black images: biases overflow in steps that small."""
    net = {"net": {"source": "net.tflite", "preprocessing": "keras-0-255"}}
    good = project.good(root, models=net)
    black = np.zeros((2, *good.calibration.pixels.shape[1:]), np.uint8)
    content = good.calibrated_on_pixels("black", black)
    variant = brought(root, content, models=net).variants[0]
    assert gates.weights(variant, 0).status is Verdict.FAIL
    cause = diagnosis_of(variant).cause
    assert cause is not None
    assert cause.name == "input_range"
    assert "256 pixel levels become" in cause.sentence


def test_the_baseline_is_looked_into_once_on_a_few_samples(root: Path, content: bytes) -> None:
    run = brought(root, content)
    values = run.baseline("net").activations
    places = sample_places(run.baseline("net")).fitted
    for some in values.values():
        assert len(some) == len(places)
        assert some.shape[1] <= VALUES_READ + 2
        assert (some[:, 0] == some.min(axis=1)).all()
        assert (some[:, 1] == some.max(axis=1)).all()
    before = sorted((run.store.root / "computed").iterdir())
    assert brought(root, content).baseline("net").activations.keys() == values.keys()
    assert sorted((run.store.root / "computed").iterdir()) == before


@pytest.mark.parametrize("count", [1, 2, 7, 16, 20, 31, 32, 33, 63, 500])
def test_ranges_are_judged_on_other_samples_than_they_fit(count: int) -> None:
    places = samples_of(count)
    assert set(places.fitted).isdisjoint(places.judged + places.paired)
    assert len(set(places.paired)) == min(MAX_PAIRED_SAMPLES, count - len(places.fitted))
    assert len(places.fitted) + len(places.judged) == min(count, FITTED_SAMPLES + JUDGED_SAMPLES)
    assert len(places.judged) == min(JUDGED_SAMPLES, count // 2)
    assert all(place % places.step == 0 for place in places.fitted + places.judged)
    assert max(places.fitted + places.judged) >= count - 2 * max(places.step, count // 32)


@pytest.mark.parametrize("places", [(0,), (3,), (0, 2, 4), (1, 2, 4)])
def test_pixels_of_samples_are_those_at_their_places(root: Path, places: tuple[int, ...]) -> None:
    baseline = Run(project.spec(root, methods=["int8"])).baseline("net")
    every = baseline.photographs.every(1)
    assert (sample_pixels(baseline, places) == every[list(places)]).all()


@pytest.mark.parametrize("others", [[np.ones((8, 10))], [np.ones((8, 2))] * 2], ids=["wide", "two"])
def test_outputs_of_other_shapes_can_not_tell_what_ranges_cost(
    others: list[npt.NDArray[np.float64]],
) -> None:
    with pytest.raises(UnlikeOutputsError, match="other shapes than the baseline's"):
        ranging._errors(ranging._Said([np.ones((8, 2))]), ranging._Said([*others]))


def test_a_single_sample_does_not_settle_what_ranges_cost(root: Path, content: bytes) -> None:
    graph = Graph(content, root / "good.tflite")
    scaled(1 / 16, -1)(graph)
    images = {"calibration": "calibration", "evaluation": "evaluation", "max_evaluation": 1}
    run = brought(root, graph.patched(), images=images)
    verdict = proved(run)
    assert verdict.status is Verdict.INCONCLUSIVE
    assert "a single sample can't show both" in verdict.reason


def test_ranges_that_the_runtime_refuses_are_the_cause_if_it_takes_them_corrected(
    root: Path, content: bytes
) -> None:
    variant = changed(root, content, scaled(1e-6)).variants[0]
    with pytest.raises(ModelRefusedError) as refusal:
        variant.loaded  # noqa: B018 - accessing the property loads it
    cause = diagnosis_of(variant, refusal.value).cause
    assert cause is not None
    assert cause.name == "damaged_tensor"  # no calibration sets a single range so
    assert "With it set right, the variant runs and the output's error is 0" in (cause.sentence)
