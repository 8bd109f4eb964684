"""Real workers on tiny models: what comes back is what the model says, for every type."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.errors import ImageError, ModelRefusedError, WorkerError
from edgeq.measure.growth import Rise, growth
from edgeq.run.results import Feed, Held, Loaded
from edgeq.run.session import Part, Session
from edgeq.run.targets import Target, local_target
from edgeq.samples.decode import Pixels
from tests.unit.bad_models import growing
from tests.unit.graphs import logits_edits
from tests.unit.tiny_model import IoType, Op, Tensor, build, classifier, recurrent

PLAIN = Preprocessing()
TOLERANCE: dict[IoType, float] = {
    "float32": 1e-6,
    "float16": 1e-3,
    "int8": 0.51 / 256,
    "uint8": 0.51 / 256,
    "int16": 1e-4,
}
Bytes = npt.NDArray[np.uint8]


def expected(pixels: Bytes, *, classes: int = 5) -> npt.NDArray[np.float64]:
    """Return what ``classifier`` answers, computed here."""
    generator = np.random.default_rng(0)
    weights = generator.normal(0, 0.01, (classes, 3)).astype(np.float32)
    bias = generator.normal(0, 0.1, classes).astype(np.float32)
    logits = pixels.astype(np.float64).mean(axis=(1, 2)) @ weights.T + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def load(session: Session, folder: Path, content: bytes, kernels: Kernels = "xnnpack") -> Loaded:
    file = folder / "model.tflite"
    file.write_bytes(content)
    return session.load(file, threads=1, kernels=kernels)


@pytest.mark.parametrize("io", list(TOLERANCE))
@pytest.mark.parametrize("nchw", [False, True])
@pytest.mark.parametrize(("batch", "dynamic"), [(1, False), (1, True), (3, False)])
def test_every_type_layout_and_batch_answers_alike(
    session: Session,
    tmp_path: Path,
    pixels: Bytes,
    io: IoType,
    batch: int,
    *,
    nchw: bool,
    dynamic: bool,
) -> None:
    model = load(session, tmp_path, classifier(io=io, nchw=nchw, batch=batch, dynamic=dynamic))
    found = session.infer(model.handle, pixels, PLAIN)
    assert model.batch == batch
    assert model.inputs[0].shape[0] == batch
    assert model.inputs[0].dtype == io
    assert len(found.outputs) == 1
    assert found.outputs[0].dtype == np.float32
    assert found.outputs[0].flags.owndata
    np.testing.assert_allclose(found.outputs[0], expected(pixels), rtol=0, atol=TOLERANCE[io])


def test_kernels_are_chosen_and_reported(session: Session, tmp_path: Path, pixels: Bytes) -> None:
    taken: dict[Kernels, tuple[int, int]] = {
        "xnnpack": (3, 1),
        "builtin": (0, 0),
        "reference": (0, 0),
    }
    for kernels, counts in taken.items():
        model = load(session, tmp_path, classifier(), kernels)
        assert (model.kernels, model.operators) == (kernels, 3)
        assert (model.delegated, model.partitions) == counts
        found = session.infer(model.handle, pixels, PLAIN).outputs[0]
        np.testing.assert_allclose(found, expected(pixels), rtol=0, atol=1e-6)


def test_a_window_of_the_images_is_run(session: Session, tmp_path: Path, pixels: Bytes) -> None:
    model = load(session, tmp_path, classifier(batch=3))
    whole = session.infer(model.handle, pixels, PLAIN).outputs[0]
    assert whole.shape == (7, 5)
    part = session.infer(model.handle, pixels, PLAIN, start=2, count=4).outputs[0]
    assert np.array_equal(part, whole[2:6])
    tail = session.infer(model.handle, pixels, PLAIN, start=5).outputs[0]
    assert np.array_equal(tail, whole[5:])
    with pytest.raises(WorkerError, match="no images"):
        session.infer(model.handle, pixels, PLAIN, start=7)


def test_parts_are_drawn_ahead_and_answered_in_order(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    model = load(session, tmp_path, classifier(batch=3))
    whole = session.infer(model.handle, pixels, PLAIN)
    drawn: list[int] = []

    def parts() -> Iterator[Part]:
        for start, count in ((0, 3), (3, 1), (4, 3)):
            drawn.append(start)
            yield pixels, start, count

    answers = session.infer_each(model.handle, parts(), PLAIN)
    rows = [next(answers).outputs[0]]
    assert drawn == [0, 3]
    rows += [part.outputs[0] for part in answers]
    assert [len(some) for some in rows] == [3, 1, 3]
    assert np.array_equal(np.concatenate(rows), whole.outputs[0])
    assert not session.ended


def test_a_part_that_can_not_be_drawn_ends_the_worker_that_runs_another(
    tmp_path: Path, pixels: Bytes
) -> None:
    def parts() -> Iterator[Part]:
        yield pixels, 0, 3
        raise ImageError("can't be read")

    with Session(local_target(), timeout_s=60, memory_limit=None) as session:
        model = load(session, tmp_path, classifier(batch=3))
        with pytest.raises(ImageError):
            list(session.infer_each(model.handle, parts(), PLAIN))
        assert session.ended


def test_samples_of_outputs_are_handed_out(session: Session, tmp_path: Path, pixels: Bytes) -> None:
    model = load(session, tmp_path, classifier())
    whole = session.infer(model.handle, pixels, PLAIN).outputs[0]
    some = session.infer(model.handle, pixels, PLAIN, most=3).outputs[0]
    assert some.shape == (7, 5)
    assert np.array_equal(some[:, 0], whole.min(axis=1))
    assert np.array_equal(some[:, 1], whole.max(axis=1))
    assert np.isin(some, whole).all()


def test_a_far_target_is_sent_files_and_pixels_in_portions(
    session: Session, tmp_path: Path
) -> None:
    many = np.random.default_rng(1).integers(0, 256, (150, 4, 4, 3), dtype=np.uint8)
    file = tmp_path / "pixels.npy"
    np.save(file, many)
    kept = Pixels(path=file, shape=(150, 4, 4, 3), sha256="")
    here = session.infer(load(session, tmp_path, classifier(batch=3)).handle, kept, PLAIN)
    far = Target("far", local_target().command, local_files=False)
    told: list[tuple[int, int]] = []
    with Session(far, timeout_s=60, memory_limit=None) as remote:
        model = load(remote, tmp_path, classifier(batch=3))
        (there,) = remote.infer_each(
            model.handle, ((kept, 1, 149),), PLAIN, progress=lambda *now: told.append(now)
        )
    assert np.array_equal(there.outputs[0], here.outputs[0][1:])
    assert told[-1] == (149, 149)
    assert len(told) >= 3


def test_edits_add_the_logits_and_leave_the_file(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    file = tmp_path / "model.tflite"
    content = classifier()
    file.write_bytes(content)
    model = session.load(file, threads=1, kernels="xnnpack", edits=logits_edits(file))
    probabilities, logits = session.infer(model.handle, pixels, PLAIN).outputs
    powers = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), probabilities, atol=1e-6)
    assert [output.name for output in model.outputs] == ["probabilities", "logits"]
    assert file.read_bytes() == content


def test_preprocessing_happens_in_the_worker(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    model = load(session, tmp_path, classifier())
    how = Preprocessing(mean=(10.0, 20.0, 30.0), std=(2.0, 1.0, 0.5), channels="bgr")
    found = session.infer(model.handle, pixels, how).outputs[0]
    fed = ((pixels - np.array([10.0, 20.0, 30.0])) / np.array([2.0, 1.0, 0.5]))[..., ::-1]
    np.testing.assert_allclose(found, expected(fed), rtol=1e-4, atol=1e-6)


def test_each_sample_starts_from_a_fresh_state(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    """Without that, a fused recurrent layer's answer depends on the samples before."""
    model = load(session, tmp_path, recurrent())
    together = session.infer(model.handle, pixels, Preprocessing()).outputs[0]
    alone = [
        session.infer(model.handle, pixel[None], Preprocessing()).outputs[0] for pixel in pixels
    ]
    assert len({row.tobytes() for row in together}) == len(pixels)
    assert np.concatenate(alone[::-1])[::-1].tobytes() == together.tobytes()


def test_nan_is_passed_on(session: Session, tmp_path: Path, pixels: Bytes) -> None:
    content = build(
        [
            Tensor("image", (1, 4, 4, 3)),
            Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
            Tensor("features", (1, 3)),
            Tensor("logs", (1, 3)),
        ],
        [Op("MEAN", ("image", "axes"), ("features",)), Op("LOG", ("features",), ("logs",))],
        ["image"],
        ["features", "logs"],
    )
    model = load(session, tmp_path, content)
    found = session.infer(model.handle, pixels, Preprocessing(mean=(300.0, 0.0, 300.0)))
    assert np.isfinite(found.outputs[0]).all()
    assert np.isnan(found.outputs[1][:, [0, 2]]).all()
    assert np.isfinite(found.outputs[1][:, 1]).all()


def test_several_inputs_and_outputs(session: Session, tmp_path: Path) -> None:
    content = build(
        [
            Tensor("a", (2, 3)),
            Tensor("b", (2, 3)),
            Tensor("sum", (2, 3)),
            Tensor("coarse", (2, 3), "int8", None, (0.5,), (10,)),
            Tensor("m", (4,), "int32"),
            Tensor("twice", (4,), "int32"),
        ],
        [
            Op("ADD", ("a", "b"), ("sum",)),
            Op("QUANTIZE", ("sum",), ("coarse",)),
            Op("ADD", ("m", "m"), ("twice",)),
        ],
        ["a", "b", "m"],
        ["sum", "coarse", "twice"],
    )
    model = load(session, tmp_path, content)
    assert [one.name for one in model.inputs] == ["a", "b", "m"]
    a = np.array([[1, 2, 3], [4, 5, 6.25]], np.float32)
    whole = np.arange(4, dtype=np.int32)
    total, coarse, twice = session.infer_tensors(model.handle, [a, a * 2, whole])
    assert np.array_equal(total, a * 3)
    assert np.array_equal(coarse, np.rint(a * 3 * 2) / 2)
    assert coarse.dtype == np.float32
    assert twice.dtype == np.int32
    assert twice.tolist() == [0, 2, 4, 6]
    with pytest.raises(ModelRefusedError, match="takes float32 2x3, float32 2x3, int32 4"):
        session.infer_tensors(model.handle, [a, a])


def test_tensors_of_quantized_inputs_may_be_real_or_raw(session: Session, tmp_path: Path) -> None:
    model = load(session, tmp_path, classifier(io="int8"))
    real = np.full((1, 4, 4, 3), 200.0, np.float32)
    raw = np.full((1, 4, 4, 3), 72, np.int8)
    from_real = session.infer_tensors(model.handle, [real])[0]
    assert np.array_equal(from_real, session.infer_tensors(model.handle, [raw])[0])
    assert from_real.sum() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a model at all, but long enough to look at",
        classifier()[:300],
        build(
            [Tensor("a", (1,)), Tensor("b", (1,))],
            [Op("CUSTOM", ("a",), ("b",), custom="FlexErf")],
            ["a"],
            ["b"],
        ),
    ],
    ids=["empty", "text", "truncated", "flex"],
)
def test_what_the_runtime_refuses_costs_only_that_model(
    session: Session, tmp_path: Path, pixels: Bytes, content: bytes
) -> None:
    with pytest.raises(ModelRefusedError) as caught:
        load(session, tmp_path, content)
    assert str(caught.value).startswith("tiny: the runtime refused load: ")
    assert "\n" not in str(caught.value)
    model = load(session, tmp_path, classifier())
    assert session.infer(model.handle, pixels, PLAIN).outputs[0].shape == (7, 5)


def test_a_per_channel_input_is_refused(session: Session, tmp_path: Path) -> None:
    content = build(
        [
            Tensor("image", (1, 4, 4, 3), "int8", None, (1.0, 0.5, 0.25), (0, 0, 0), 3),
            Tensor("real", (1, 4, 4, 3)),
        ],
        [Op("DEQUANTIZE", ("image",), ("real",))],
        ["image"],
        ["real"],
    )
    with pytest.raises(ModelRefusedError, match="'image' has 3 scales"):
        load(session, tmp_path, content, "reference")


def test_models_of_two_channels_are_refused(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    model = load(session, tmp_path, classifier(channels=2))
    with pytest.raises(ModelRefusedError, match="is given images of"):
        session.infer(model.handle, pixels, PLAIN)


def test_models_take_turns_in_blocks(session: Session, tmp_path: Path, pixels: Bytes) -> None:
    handles = [load(session, tmp_path, classifier(batch=batch)).handle for batch in (1, 3)]
    feeds = [Feed(handle, pixels, PLAIN) for handle in handles]
    timed = session.time(feeds, rounds=10, block=4, warmup=2, budget_s=60)
    assert [samples.shape for samples in timed.samples] == [(10,), (10,)]
    assert all(samples.dtype == np.float64 and samples.min() > 0 for samples in timed.samples)
    assert timed.blocks.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert len(timed.first_s) == 2
    assert min(timed.first_s) > 0
    assert timed.rounds_asked == 10
    again = session.time(feeds, rounds=1, block=4, warmup=0, budget_s=60)
    assert again.first_s == timed.first_s


def test_without_time_one_block_of_each_is_done(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    feeds = [Feed(load(session, tmp_path, classifier()).handle, pixels, PLAIN) for _ in range(2)]
    timed = session.time(feeds, rounds=64, block=4, warmup=0, budget_s=0)
    assert [len(samples) for samples in timed.samples] == [4, 4]
    assert timed.rounds_asked == 64


def test_a_photograph_of_another_size_is_not_timed(session: Session, tmp_path: Path) -> None:
    model = load(session, tmp_path, classifier())
    photo = np.zeros((5, 4, 3), np.uint8)
    with pytest.raises(ModelRefusedError, match="images of 5x4"):
        session.time(
            [Feed(model.handle, photo[None], PLAIN)], rounds=1, block=1, warmup=0, budget_s=1
        )


def test_the_worker_says_what_it_is(session: Session) -> None:
    assert set(session.facts.versions) == {"python", "numpy", "ai-edge-litert", "machine"}
    assert session.facts.versions["numpy"] == np.__version__
    assert session.facts.versions["python"] == platform.python_version()


def test_an_infinite_value_is_an_input_like_any_other(session: Session, tmp_path: Path) -> None:
    model = load(session, tmp_path, classifier())
    given = np.full((1, 4, 4, 3), math.inf, np.float32)
    assert np.isnan(session.infer_tensors(model.handle, [given])[0]).any()


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory now is read from /proc")


def kept(samples: Sequence[Held]) -> Rise:
    """Return how far malloc's bytes rose, or resident ones where malloc does not tell."""
    found = growth([[np.array(samples, np.int64)]])
    (rise,) = found.allocated or found.resident
    return rise


@LINUX
@pytest.mark.parametrize("local", [True, False])
def test_a_worker_tells_what_it_holds(tmp_path: Path, *, local: bool) -> None:
    """Answers of 40 kB an image, and pixels that come through the pipe, are not the model's."""
    images = np.random.default_rng(1).integers(0, 256, (200, 4, 4, 3), dtype=np.uint8)
    file = tmp_path / "model.tflite"
    file.write_bytes(classifier(classes=10_000))
    target = Target("here", local_target().command, local_files=local)
    with Session(target, timeout_s=60, memory_limit=None) as one:
        handle = one.load(file, threads=1, kernels="xnnpack").handle
        held = [one.infer(handle, images[:at], PLAIN).held for at in (60, 100, 200)]
    samples = [sample for some in held for sample in some]
    numbers = [number for number, _, _ in samples]
    assert {*range(1, 25), *range(32, 361, 8), 60, 160, 360} <= set(numbers)
    assert numbers == sorted(set(numbers))
    assert len(numbers) < 100
    assert all(0 < resident < 2**32 for _, _, resident in samples)
    assert abs(kept(samples).mean) < 1000


@LINUX
def test_a_model_that_grows_is_seen_to(tmp_path: Path, pixels: Bytes) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(growing(400_000))
    with Session(local_target(), timeout_s=60, memory_limit=None) as one:
        handle = one.load(file, threads=1, kernels="xnnpack").handle
        first = one.infer(handle, np.concatenate([pixels] * 4), PLAIN)
        again = one.repeat(handle, pixels, PLAIN, counts=(30, 60, 90), budget_s=0.0)
    assert kept(first.held).mean == pytest.approx(400_000, rel=0.1)
    assert [number for number, _, _ in again] == list(range(29, 31))
    plain = load_answers(tmp_path, pixels)
    assert np.allclose(first.outputs[0][:7], plain, atol=1e-6)


def load_answers(folder: Path, pixels: Bytes) -> npt.NDArray[np.float32]:
    with Session(local_target(), timeout_s=60, memory_limit=None) as one:
        loaded = load(one, folder, classifier(softmax=False))
        return one.infer(loaded.handle, pixels, PLAIN).outputs[0]


def test_repetition_ends_at_the_last_count_or_when_the_time_is_up(
    session: Session, tmp_path: Path, pixels: Bytes
) -> None:
    handle = load(session, tmp_path, classifier(batch=3)).handle
    times = {"counts": (4, 8, 16), "budget_s": 60.0}
    held = session.repeat(handle, pixels, PLAIN, **times)  # type: ignore[arg-type]
    assert [number for number, _, _ in held] == list(range(1, 17))
    assert session.repeat(handle, pixels, PLAIN, **times) == ()  # type: ignore[arg-type]
    with pytest.raises(ModelRefusedError):
        session.repeat(handle, pixels[:, :2], PLAIN, **times)  # type: ignore[arg-type]
