from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from edgeq.cli import main
from edgeq.config.load import parse
from edgeq.pipeline.run import Run
from tests.unit.results.test_claims import write
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import Op, Tensor, build, classifier, detector

IMAGES = 12
NET = ("verify", "net.tflite", "--samples", "photos")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(write(tmp_path))
    return tmp_path


def test_a_false_claim_is_told_with_what_would_make_it_true(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*NET, "--top1", "0.95"]) == 1
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("top-1: 95.0 % claimed, ")
    assert first.endswith("the claim does not hold within 2 points.")
    assert second.startswith("With red and blue swapped: right on 100 % of 24 images not used")
    assert third == '  preprocessing = { channels = "bgr" }'


def test_a_quantized_file_is_verified_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "net.tflite").write_bytes(classifier(io="int8", classes=7, seed=3))
    assert main([*NET, "--top1", "0.05"]) == 0
    assert "5.0 % claimed" in capsys.readouterr().out


def test_a_claimed_map_of_a_detector_is_judged_on_labelled_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pycocotools")
    monkeypatch.chdir(tmp_path)
    Path("net.tflite").write_bytes(detector())
    for seed in range(IMAGES):
        save(Path("images", f"{seed:02}.png"), seed=seed)
    spec = {"models": {"net": {"source": "net.tflite"}}, "images": {"evaluation": "images"}}
    run = Run(parse({**spec, "methods": []}, root=tmp_path, origin=tmp_path / "edgeq.toml"))
    best = [boxes.corners[0] for boxes in run.baseline("net").detections]
    claim = ("verify", "net.tflite", "--samples", "images", "--map", "0.97")

    write_labels(best)
    assert main(claim) == 0
    assert capsys.readouterr().out.startswith("mAP50-95: 97.0 % claimed, 100 % measured on 12")

    write_labels([corners + 0.3 for corners in best])
    assert main(claim) == 1
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("mAP50-95: 97.0 % claimed, 0 % measured on 12 images")
    assert line.endswith("the claim does not hold within 2 points.")

    (tmp_path / "labels").rename(tmp_path / "elsewhere")
    assert main(claim) == 2
    assert "put the text files into a folder `labels`" in capsys.readouterr().err


def write_labels(boxes: Iterable[npt.NDArray[np.float32]]) -> None:
    """Label one box of class 0 in each photograph, as YOLO does: its middle and its size."""
    Path("labels").mkdir(exist_ok=True)
    for number, (left, top, right, bottom) in enumerate(boxes):
        place = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        text = " ".join(["0", *map(str, place)])
        Path("labels", f"{number:02}.txt").write_text(f"{text}\n")


def test_a_package_claims_its_own_accuracy(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "package" / "net" / "int8"
    folder.mkdir(parents=True)
    (here / "net.tflite").rename(folder / "model.tflite")
    metadata = {
        "preprocessing": {"channels": "bgr", "height": 4, "width": 4},
        "accuracy": {"variant_top1": {"value": 0.8, "images": 8}},
        "labels": None,
    }
    (folder / "metadata.json").write_bytes(msgspec.json.encode(metadata))
    assert main(["verify", "package/net/int8", "--samples", "photos"]) == 0
    assert capsys.readouterr().out.startswith("top-1: 80.0 % claimed, 100 % measured on 48 images")
    assert main(["verify", "package/net/int8/metadata.json"]) == 2
    (folder / "metadata.json").write_text('{"preprocessing": 1}')
    assert main(["verify", "package/net/int8", "--samples", "photos"]) == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "net.tflite", "--top1", "0.5"], "name labelled images: --samples"),
        ([*NET], "name the claim: --top1 or --map"),
        ([*NET, "--top1", "0.5", "--map", "0.5"], "can't be combined"),
        ([*NET, "--top1", "77"], "77.0 is not in the range"),
        ([*NET, "--top1", "nan"], "'--top1': nan is not a number"),
        ([*NET, "--top1", "0.5", "--within", "nan"], "'--within': nan is not a number"),
        ([*NET, "--config", "edgeq.toml", "--top1", "0.5"], "--config is for a model of the spec"),
        (["verify", "net", "--top1", "0.5", "--samples", "x"], "--samples: the spec says that"),
        (["verify", "away.tflite", "--top1", "0.5", "--samples", "photos"], "no such file"),
    ],
)
def test_bad_input(
    here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_arrays_get_the_scale_of_the_file_that_takes_their_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = Tensor("in", (1, 4), "int8", scales=(0.5,), zero_points=(-3,))
    tensors = [entry, Tensor("x", (1, 4)), Tensor("y", (1, 4))]
    ops = [Op("DEQUANTIZE", ("in",), ("x",)), Op("SOFTMAX", ("x",), ("y",))]
    Path("net.tflite").write_bytes(build(tensors, ops, ["in"], ["y"]))
    rows = np.random.default_rng(0).integers(-100, 0, (60, 4))
    best = np.arange(60) % 4
    rows[np.arange(60), best] = 20
    np.save("features.npy", rows.astype(np.int8))
    labels = "".join(f"{at},{label}\n" for at, label in enumerate(best))
    Path("labels.csv").write_text(f"row,class_index\n{labels}", "utf-8")
    claim = ("verify", "net.tflite", "--samples", "features.npy", "--top1", "0.9")
    assert main(claim) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("top-1: 90.0 % claimed, 100 % measured on 60 samples")
    assert main([*claim, "--scale", "0.0005"]) == 1  # one step holds all of them
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith("the claim does not hold within 2 points.")
    assert main(["verify", "net.tflite", "--samples", "x", "--scale", "1", "--top1", "1"]) == 2
    assert "are for arrays" in capsys.readouterr().err
    assert main([*claim, "--zero-point", "3"]) == 2
    assert "--zero-point needs --scale: give both" in capsys.readouterr().err
    assert main([*claim, "--scale", "0.5", "--zero-point", "-3"]) == 0
