"""The package alone runs its models: nothing of edgeq is at hand in these child processes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from edgeq import bundle
from edgeq.bundle.running import preprocessing_facts
from edgeq.config.load import parse
from edgeq.config.structs import Preprocessing
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.run import Run
from edgeq.record.measured import RecordedFigures
from edgeq.samples.preprocess import to_input, to_inputs
from edgeq.samples.resize import resized
from edgeq.tflite.model_file import read_model
from tests.patience import PATIENCE_S
from tests.unit import tiny_model
from tests.unit.bundle import packages
from tests.unit.report import records
from tests.unit.samples.pictures import open_photo, save
from tests.unit.tiny_model import Head, heads

YOLO_BOXES = 3 * (4 * 4 + 2 * 2 + 1)
"""Boxes of YOLOv5 in an input of 32 x 32 pixels."""

_PROBE = """
import runpy, sys
sys.argv = ["example.py", *sys.argv[1:]]
runpy.run_path("example.py", run_name="__main__")
assert not [name for name in sys.modules if name.partition(".")[0] == "edgeq"]
"""


def photograph(path: Path, mode: str = "RGB") -> Path:
    pixels = np.random.default_rng(7).integers(0, 256, (31, 47, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(pixels[..., 0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(exist_ok=True)
    image.save(path, exif=exif)
    return path


def tiny_scores(path: Path, preprocessing: Preprocessing) -> np.ndarray[Any, Any]:
    """Return what the tiny classifier of seed 3 says, worked out with numpy alone."""
    x = to_input(np.asarray(resized(open_photo(path), preprocessing, (6, 8))), preprocessing)
    generator = np.random.default_rng(3)
    weights = generator.normal(0, 0.01, (5, 3)).astype(np.float32)
    bias = generator.normal(0, 0.1, 5).astype(np.float32)
    logits = weights @ np.rint(x).clip(0, 255).mean((0, 1)) + bias
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def on_a_device(
    packed: Path, folder: Path, variant: str, *photos: Path
) -> subprocess.CompletedProcess[str]:
    """Unpack a bundle where nothing else is, and run its example on photographs."""
    with zipfile.ZipFile(packed) as opened:
        opened.extractall(folder)
    return subprocess.run(
        [sys.executable, "-c", _PROBE, f"{records.MODEL}/{variant}", *map(str, photos)],
        cwd=folder,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("variant", packages.KINDS)
def test_the_zip_alone_is_enough(tmp_path: Path, variant: str) -> None:
    made = packages.make(tmp_path / "project")
    photo = photograph(tmp_path / "photo.png")
    done = on_a_device(made.pack(tmp_path / "bundle").zip, tmp_path / "device", variant, photo)
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    expected = tiny_scores(photo, Preprocessing())
    order = np.argsort(-expected, kind="stable")
    tolerance = 0.001 if variant == "float16" else 0.004
    by_name = {name: float(score) for score, name in said}
    assert by_name == pytest.approx(
        {packages.LABELS[place]: float(expected[place]) for place in order}, abs=tolerance
    )
    assert said[0][1] == packages.LABELS[order[0]]


def example(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("packed_example", folder / "example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(),
        Preprocessing(resize="centre_crop", filter="lanczos", crop_fraction=0.7, channels="bgr"),
        Preprocessing(mean=(124.0, 116.0, 104.0), std=(58.0, 57.0, 57.5), filter="nearest"),
    ],
    ids=["whole", "crop", "normalized"],
)
def test_a_photograph_becomes_the_same_tensor_as_in_the_gate(
    tmp_path: Path, mode: str, preprocessing: Preprocessing
) -> None:
    source = Path(sys.modules["edgeq.bundle.pack"].__file__ or "").parent
    photo = photograph(tmp_path / "photo.png", mode)
    how = {name: getattr(preprocessing, name) for name in Preprocessing.__struct_fields__} | {
        "channels_first": False,
        "height": 6,
        "width": 8,
    }
    found = example(source).prepare(photo, how)
    wanted = to_input(np.asarray(resized(open_photo(photo), preprocessing, (6, 8))), preprocessing)
    assert found.shape == (1, 6, 8, 3)
    np.testing.assert_array_equal(found[0], wanted)


@pytest.mark.parametrize("channels", [1, 3])
def test_other_layouts_get_the_same_tensor_as_in_the_gate(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(tiny_model.classifier(size=(6, 8), channels=channels, nchw=True))
    preprocessing = Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3)
    source = Path(sys.modules["edgeq.bundle.pack"].__file__ or "").parent
    photo = photograph(tmp_path / "photo.png")
    how = json.loads(json.dumps(preprocessing_facts(preprocessing, read_model(path))))
    found = example(source).prepare(photo, how)
    pixels = np.asarray(resized(open_photo(photo), preprocessing, (6, 8)))
    (wanted,) = to_inputs(pixels, preprocessing, [(1, channels, 6, 8)])
    np.testing.assert_array_equal(found, wanted)


def test_a_model_without_class_scores_shows_its_outputs(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    models = tuple(
        msgspec.structs.replace(one, task="tensors", labels=None) for one in made.record.models
    )
    record = msgspec.structs.replace(made.record, models=models)
    packed = made.pack(tmp_path / "bundle", record=record).zip
    photo = photograph(tmp_path / "photo.png")
    done = on_a_device(packed, tmp_path / "device", "int8", photo)
    assert done.returncode == 0, done.stderr
    name, shape, *_ = done.stdout.split()
    assert (name, shape) == ("output", "1x5")


SIDE = 32
KEYPOINTS = 4


def run_of_task(tmp_path: Path, content: bytes, **model: Any) -> tuple[Run, Path]:
    """Return the run of a project with a variant equal to its model, and one of its photographs."""
    (tmp_path / "net.tflite").write_bytes(content)
    photo = photograph(tmp_path / "photographs" / "photo.png")
    for seed in range(3):
        save(tmp_path / "photographs" / f"{seed}.png", seed=seed)
    spec = {
        "models": {"net": {"source": "net.tflite", "preprocessing": "keras-0-255", **model}},
        "images": {"evaluation": "photographs"},
        "methods": [],
        "variants": {"same": {"model": "net", "file": "net.tflite"}},
    }
    return Run(parse(spec, root=tmp_path, origin=tmp_path / "edgeq.toml")), photo


def output_of(run: Run, photo: Path) -> tuple[int, np.ndarray[Any, Any]]:
    """Return index and values, ``(d,)``, of what the run judges of a photograph."""
    place = [one.name for one in run.variants[0].samples.photos].index(photo.name)
    at = run.variants[0].reading.output
    return at, run.variants[0].tensors[at].rows[place : place + 1, :][0]


def packed_task(tmp_path: Path, run: Run, names: tuple[str, ...] | None = None) -> Path:
    """Return the package of a run's variant, as ``int8`` of the usual record."""
    made, judged = packages.make(tmp_path / "project"), run.variants[0]
    made.files[f"{records.MODEL}/int8"].write_bytes(judged.path.read_bytes())
    variant = next(one for one in made.record.models[0].variants if one.name == "int8")
    figures = RecordedFigures.of(judged.figures, None, ()) if judged.reading.kind else None
    model = msgspec.structs.replace(
        made.record.models[0],
        task=judged.reading.task,
        output=judged.reading.output,
        heads=len(judged.reading.heads),
        labels=None,
        preprocessing=judged.preprocessing,
        variants=(msgspec.structs.replace(variant, sha256=judged.sha256, figures=figures),),
    )
    record = msgspec.structs.replace(made.record, models=(model,))
    labels = {} if names is None else {records.MODEL: names}
    return made.pack(tmp_path / "bundle", record=record, labels=labels).zip


def shown(tmp_path: Path, run: Run, photo: Path, names: tuple[str, ...] | None = None) -> list[str]:
    """Return the lines that the example of a package prints for a photograph."""
    packed = packed_task(tmp_path, run, names)
    done = on_a_device(packed, tmp_path / "device", "int8", photo)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_multi_label_classifier_prints_the_labels_that_apply(tmp_path: Path) -> None:
    head = Head("tags", 5, last="LOGISTIC", seed=2)
    run, photo = run_of_task(tmp_path, heads(head), task_options={"threshold": 0.3})
    scores = output_of(run, photo)[1]
    order = [at for at in np.argsort(-scores) if scores[at] >= 0.3]
    assert 0 < len(order) < 5
    expected = [f"{scores[at]:.4f} {packages.LABELS[at]}" for at in order]
    assert shown(tmp_path, run, photo, packages.LABELS) == expected


def test_two_photographs_are_compared_by_their_embeddings(tmp_path: Path) -> None:
    run, photo = run_of_task(tmp_path, heads(Head("embedding", 6, last="L2_NORMALIZATION")))
    packed = packed_task(tmp_path, run)
    other = tmp_path / "photographs" / "1.png"
    first, second = (output_of(run, path)[1] for path in (photo, other))
    done = on_a_device(packed, tmp_path / "device", "int8", photo, other)
    assert done.stdout.splitlines() == [
        "6 values, length 1.0000 and 1.0000",
        f"cosine {float(first @ second):.4f}",
    ], done.stderr


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mask_is_written_with_the_shares_of_its_classes(tmp_path: Path, channels: int) -> None:
    shape = (1, SIDE, SIDE, channels)
    last = "LOGISTIC" if channels == 1 else None
    head = Head("map", SIDE * SIDE * channels, last=last, shape=shape, seed=1)
    content = heads(head, size=(SIDE, SIDE))
    run, photo = run_of_task(tmp_path, content, task="segmentation")
    values = output_of(run, photo)[1].reshape(SIDE, SIDE, channels)
    classes = values[..., 0] >= 0.5 if channels == 1 else values.argmax(axis=-1)
    names = packages.LABELS[: max(channels, 2)]
    *shares, written = shown(tmp_path, run, photo, names)
    assert written.startswith("photo-mask.png: ")
    mask = np.asarray(Image.open(tmp_path / "device" / "photo-mask.png"))
    np.testing.assert_array_equal(mask, classes * 255 if channels == 1 else classes)
    assert shares == [
        f"{(classes == at).mean():.2%} {name}"
        for at, name in enumerate(names)
        if (classes == at).any()
    ]


def test_a_picture_is_written_in_its_range(tmp_path: Path) -> None:
    head = Head("picture", SIDE * SIDE * 3, last="LOGISTIC", shape=(1, SIDE, SIDE, 3), seed=1)
    run, photo = run_of_task(tmp_path, heads(head, size=(SIDE, SIDE)))
    assert run.variants[0].reading.task == "image_to_image"
    values = output_of(run, photo)[1].reshape(SIDE, SIDE, 3)
    assert shown(tmp_path, run, photo) == ["photo-output.png: 32 x 32 pixels"]
    picture = np.asarray(Image.open(tmp_path / "device" / "photo-output.png"))
    np.testing.assert_allclose(picture, values * 255, atol=0.51)


@pytest.mark.parametrize("unit", ["relative", "pixels"])
def test_keypoints_are_given_in_pixels_of_the_photograph(tmp_path: Path, unit: str) -> None:
    offset, last = (0.0, "LOGISTIC") if unit == "relative" else (9.0, None)
    head = Head("points", 3 * KEYPOINTS, last=last, offset=offset, seed=1)
    options = {"task": "keypoints", "task_options": {"values_per_point": 3}}
    run, photo = run_of_task(tmp_path, heads(head, size=(SIDE, 2 * SIDE)), **options)
    points = output_of(run, photo)[1].reshape(KEYPOINTS, 3)
    given = np.array([line.split() for line in shown(tmp_path, run, photo)], np.float64)
    # Turned by its EXIF orientation, the photograph is 31 pixels wide and 47 high.
    scale = np.array([31, 47]) if unit == "relative" else np.array([31, 47]) / [2 * SIDE, SIDE]
    np.testing.assert_allclose(given[:, :2], points[:, :2] * scale, atol=0.06)
    np.testing.assert_allclose(given[:, 2], points[:, 2], atol=1e-4)


def test_a_regression_prints_its_value(tmp_path: Path) -> None:
    run, photo = run_of_task(tmp_path, heads(Head("age", 1, offset=30.0)))
    assert run.variants[0].reading.task == "regression"
    (line,) = shown(tmp_path, run, photo)
    assert float(line) == pytest.approx(float(output_of(run, photo)[1][0]), rel=1e-5)


def test_each_head_of_a_classifier_is_printed(tmp_path: Path) -> None:
    both = (Head("kind", 5, last="SOFTMAX", seed=1), Head("colour", 4, last="SOFTMAX", seed=2))
    run, photo = run_of_task(tmp_path, heads(*both))
    assert run.variants[0].reading.heads == (1,)
    *classes, head = shown(tmp_path, run, photo, packages.LABELS)
    assert next(line.split()[1] for line in classes) in packages.LABELS
    place = [one.name for one in run.variants[0].samples.photos].index(photo.name)
    scores = run.variants[0].tensors[1].rows[place : place + 1, :][0]
    assert head == f"{scores.max():.4f} {scores.argmax()} (colour)"


@pytest.mark.parametrize("resize", ["whole", "centre_crop", "letterbox"])
def test_a_detector_gives_the_boxes_of_the_gate(tmp_path: Path, resize: str) -> None:
    made = packages.make(tmp_path / "project")
    file = made.files[f"{records.MODEL}/int8"]
    content = heads(
        Head("out", YOLO_BOXES * 7, last="LOGISTIC", shape=(1, YOLO_BOXES, 7), seed=4),
        size=(32, 32),
    )
    file.write_bytes(content)
    photo = photograph(tmp_path / "photographs" / "photo.png")
    how: dict[str, Any] = {"resize": resize, "mean": [0.0] * 3, "std": [1.0] * 3}
    spec = {
        "models": {"net": {"source": str(file), "preprocessing": how}},
        "images": {"evaluation": "photographs"},
        "methods": ["float16"],
    }
    run = Run(parse(spec, root=tmp_path, origin=tmp_path / "edgeq.toml"))
    (expected,) = run.baseline("net").detections
    expected = expected.above(0.5)
    assert len(expected) > 3
    variant = next(one for one in made.record.models[0].variants if one.name == "int8")
    model = msgspec.structs.replace(
        made.record.models[0],
        task="detection",
        decoder="yolov5",
        operating_score=0.5,
        suppression_iou=0.6,
        classes=2,
        labels=None,
        preprocessing=run.baseline("net").preprocessing,
        variants=(msgspec.structs.replace(variant, sha256=sha256_bytes(content)),),
    )
    record = msgspec.structs.replace(made.record, models=(model,))
    labels = {records.MODEL: ("cat", "dog")}
    packed = made.pack(tmp_path / "bundle", record=record, labels=labels).zip
    done = on_a_device(packed, tmp_path / "device", "int8", photo)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [name for _, name, *_ in lines] == [("cat", "dog")[one] for one in expected.classes]
    given = np.array([[score, *edges] for score, _, *edges in lines], np.float64)
    np.testing.assert_allclose(given[:, 0], expected.scores, atol=1e-4)
    # Turned by its EXIF orientation, the photograph is 31 pixels wide and 47 high.
    np.testing.assert_allclose(given[:, 1:], expected.corners * ([31, 47] * 2), atol=0.06)


def test_arrays_are_given_to_the_inputs_by_name_or_as_they_come(tmp_path: Path) -> None:
    module = example(Path(bundle.__file__).parent)
    entries = [{"name": "sound", "shape": [1, 2, 2]}, {"name": "mask", "shape": [1, 3]}]
    sound, mask = np.arange(4.0), np.arange(3.0)
    np.savez(tmp_path / "named.npz", mask=mask, sound=sound)
    np.savez(tmp_path / "others.npz", sound, mask)
    for name in ("named.npz", "others.npz"):
        first, second = module.arrays(tmp_path / name, entries)
        assert (first.shape, second.shape) == ((1, 2, 2), (1, 3))
        assert first.ravel().tolist() == sound.tolist()
    np.save(tmp_path / "one.npy", sound[None])
    (only,) = module.arrays(tmp_path / "one.npy", entries[:1])
    assert only.shape == (1, 2, 2)
