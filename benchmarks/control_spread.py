"""How much worse than edgeq's own variants good files are: what the allowances rest on.

Run ``EDGEQ_DATA=FOLDER python -m benchmarks.control_spread --store FOLDER``; it prints the tables
of ``control.md`` (20 to 40 minutes for all eight models, most of it TensorFlow's converter). Every
file is good: made by TensorFlow's converter, by litert-quantizer with its own defaults or another
rule for ranges, calibrated on fewer images, or shipped by others. The exit code is 1 if one of them
fails beside its control.

EfficientNet-Lite1 and Lite2 take part if their packages are installed, see ``lite_networks``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import lite_networks
from edgeq.config.load import parse
from edgeq.config.methods import MethodChoice
from edgeq.config.presets import data_folder
from edgeq.errors import EdgeqError
from edgeq.judge.verdict import Verdict
from edgeq.measure.contrast import Contrast, Paired
from edgeq.pipeline.run import Run
from edgeq.quantize import recipes
from edgeq.quantize.engine import Recipe
from edgeq.quantize.make import make_variant
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from edgeq.results.recording import this_machine
from edgeq.store.content import Store

OWN = ("dynamic_range", "float16", "int8", "weight_only_int8")
TENSORFLOW = ("dynamic_range@tensorflow", "float16@tensorflow", "int8@tensorflow")
FEW_IMAGES = 20
"""Calibration images of a careless but honest maker."""

GATES = ("top1_agreement", "relative_error", "probability_drift", "accuracy_drop")
DETECTION = Path("tasks") / "detection"
FASTESTDET = DETECTION / "fastestdet"


@dataclass(frozen=True)
class Bench:
    """One model.

    Attributes:
        name: In the tables.
        model: Its table in a spec; a source that is a path lies below the data.
        photographs: ``"imagenet"``, the same ``"unlabelled"``, or ``"coco"``.
        keras: Whether TensorFlow's converter can start from it.
        shipped: Files of others, method by path below the data.
    """

    name: str
    model: dict[str, Any]
    photographs: str = "imagenet"
    keras: bool = False
    shipped: dict[str, str] = field(default_factory=dict)


BENCHES = (
    Bench("efficientnetv2-b0", {"source": "keras:EfficientNetV2B0"}, keras=True),
    Bench("efficientnet-lite0", {"source": "efficientnet-lite0"}, keras=True),
    Bench("efficientnet-lite1", {"preprocessing": "efficientnet-lite"}, keras=True),
    Bench("efficientnet-lite2", {"preprocessing": "efficientnet-lite"}, keras=True),
    Bench(
        "resnet8 (MLPerf Tiny)",
        {"source": "models/resnet8_cifar10_float.tflite", "preprocessing": "keras-0-255"},
        "unlabelled",
        shipped={"models/resnet8_cifar10_int8.tflite": "int8"},
    ),
    Bench(
        "visual wake words (MLPerf Tiny)",
        {
            "source": "tasks/visual_wake_words/vww_96_float.tflite",
            "preprocessing": "unit",
        },
        "coco",
        shipped={"tasks/visual_wake_words/vww_96_int8.tflite": "int8"},
    ),
    Bench(
        "FastestDet",
        {
            "source": str(DETECTION / "fastestdet_float.tflite"),
            "preprocessing": {
                "std": [255.0, 255.0, 255.0],
                "channels": "bgr",
                "filter": "bilinear",
            },
        },
        "coco",
        shipped={
            str(FASTESTDET / "onnx2tf_float16.tflite"): "float16",
            str(FASTESTDET / "tensorflow_dynamic.tflite"): "dynamic_range",
            str(FASTESTDET / "litert_dynamic.tflite"): "dynamic_range",
            str(FASTESTDET / "litert_weight_only.tflite"): "weight_only_int8",
            str(FASTESTDET / "litert_int8.tflite"): "int8",
        },
    ),
    Bench(
        "UltraFace",
        {
            "source": str(DETECTION / "ultraface_rfb_320_float.tflite"),
            "preprocessing": {
                "mean": [127.0, 127.0, 127.0],
                "std": [128.0, 128.0, 128.0],
                "filter": "bilinear",
            },
        },
        "coco",
    ),
)

RECIPES: dict[str, tuple[str, Recipe, bool]] = {
    "litert-quantizer's defaults": (
        "dynamic_range",
        recipes.weights_only(8, dynamic=True),
        False,
    ),
    "litert-quantizer's defaults, weights": (
        "weight_only_int8",
        recipes.weights_only(8, dynamic=False),
        False,
    ),
    "whole ranges": ("int8", recipes.static(8, percentile=100.0), False),
    "99 % ranges": ("int8", recipes.static(8, percentile=99.0), False),
    f"{FEW_IMAGES} images": ("int8", recipes.static(8, percentile=recipes.INT8_PERCENTILE), True),
    f"whole ranges of {FEW_IMAGES} images": ("int8", recipes.static(8, percentile=100.0), True),
}
"""By its maker: method, recipe, and whether it is calibrated on few images."""


@dataclass(frozen=True)
class Row:
    """A good file beside its control.

    Attributes:
        method: Of both.
        maker: Of the file.
        errors: Of the outputs.
        drift: None if the model has no classes.
        agreement: Of the file and of the control, None if the model has no classes.
        accuracy: Of the file and of the control, None without labels.
        cases: Of the gates that follow a control.
    """

    method: str
    maker: str
    errors: tuple[Contrast, ...]
    drift: Contrast | None
    agreement: Paired | None
    accuracy: Paired | None
    cases: tuple[CaseRecord, ...]

    @property
    def failing(self) -> tuple[CaseRecord, ...]:
        """The cases that fail."""
        return tuple(case for case in self.cases if case.status is Verdict.FAIL)

    @property
    def false(self) -> tuple[CaseRecord, ...]:
        """The cases that fail beside the control, which none should."""
        controls = ((case, case.evidence.get("control")) for case in self.cases)
        return tuple(
            case
            for case, control in controls
            if isinstance(control, dict) and control.get("verdict") == Verdict.FAIL.value
        )


@dataclass(frozen=True)
class Place:
    """Where things lie.

    Attributes:
        data: ``$EDGEQ_DATA``.
        scratch: For the folders of photographs and the built networks.
        store: Keeps what is made.
        images: Evaluation images of a model, at most.
    """

    data: Path
    scratch: Path
    store: Store
    images: int

    def photographs(self, kind: str) -> dict[str, Any]:
        """Return the image sets of a kind."""
        if kind == "imagenet":
            sets = {"calibration": "data:imagenet", "evaluation": "data:imagenet"}
        else:
            sets = {role: str(self._linked(kind, role)) for role in ("calibration", "evaluation")}
        return {**sets, "max_evaluation": self.images}

    def _linked(self, kind: str, role: str) -> Path:
        """Return a folder of links to photographs, without their labels."""
        folder = self.scratch / kind / role
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "coco":
            every = sorted((self.data / DETECTION / "coco128" / "images").glob("*.jpg"))
            middle = len(every) // 2
            chosen = every[:middle] if role == "calibration" else every[middle:]
        else:
            chosen = sorted((self.data / "imagenet" / role).glob("*.png"))
        for photograph in chosen:
            link = folder / photograph.name
            if not link.exists():
                link.symlink_to(photograph)
        return folder

    def model(self, bench: Bench) -> dict[str, Any] | None:
        """Return the model's table with its source, None if its weights are not installed."""
        source = bench.model.get("source")
        if source is not None:
            there = self.data / source
            return {**bench.model, "source": str(there) if there.is_file() else source}
        number = int(bench.name[-1])
        weights, path = lite_networks.weights_file(number), self.scratch / f"{bench.name}.keras"
        if weights is None:
            return None
        if not path.exists():
            lite_networks.save(number, weights, path)
        return {**bench.model, "source": str(path), "labels": "imagenet"}


def rows(bench: Bench, model: dict[str, Any], place: Place) -> Iterator[Row]:
    """Yield each good file of a model beside its control."""
    shipped = {
        Path(path).stem.replace("_", "-"): (method, str(place.data / path))
        for path, method in bench.shipped.items()
    }
    made = {
        maker.replace(" ", "-").replace("%", "percent").replace(",", "").replace("'", ""): (
            method,
            str(_made(bench, model, place, method, recipe, few=few)),
        )
        for maker, (method, recipe, few) in RECIPES.items()
    }
    table = {
        **_table(bench, model, place),
        "variants": {
            name: {"model": "net", "file": file, "method": method}
            for name, (method, file) in {**shipped, **made}.items()
        },
    }
    run = Run(
        parse(table, root=place.scratch, origin=place.scratch / "edgeq.toml"), store=place.store
    )
    for variant in run.variants:
        control = variant.control_choice
        if control.itself:
            continue
        if control.variant is None or control.method is None:
            sys.exit(f"{bench.name}, {variant.short_name}: no control: {control.absent}")
        beside = variant.beside_control
        cases = [one for one in run.cases if one.variant is variant and one.gate.name in GATES]
        yield Row(
            control.method,
            variant.short_name,
            beside.errors,
            beside.drift,
            beside.agreement,
            beside.accuracy,
            tuple(judge(case)[0] for case in cases),
        )


def _table(bench: Bench, model: dict[str, Any], place: Place) -> dict[str, Any]:
    methods = [*OWN, *(TENSORFLOW if bench.keras else ())]
    images = place.photographs(bench.photographs)
    return {"methods": methods, "models": {"net": model}, "images": images}


def _made(
    bench: Bench, model: dict[str, Any], place: Place, method: str, recipe: Recipe, *, few: bool
) -> Path:
    table = _table(bench, model, place)
    if few:
        table["images"] = {**table["images"], "max_calibration": FEW_IMAGES}
    run = Run(
        parse(table, root=place.scratch, origin=place.scratch / "few.toml"), store=place.store
    )
    inputs = run.inputs("net")
    choice = MethodChoice(method, method, "litert")
    calibration = inputs.images.calibration if method == "int8" else None
    return make_variant(choice, inputs.baseline, calibration, place.store, recipe=recipe).path


def show(bench: Bench, found: Sequence[Row]) -> None:
    """Print the table of a model."""
    images = max((one.errors[0].images for one in found if one.errors), default=0)
    print(f"\n## {bench.name}, {images} images\n")
    print(
        "| method | maker | relative error (control) | ratio | probability drift (control) | ratio "
        "| agreement lost | accuracy lost | verdicts |"
    )
    print("|---|---|---|--:|---|--:|--:|--:|---|")
    for one in found:
        errors = "; ".join(f"{error.variant:.4f} ({error.control:.4f})" for error in one.errors)
        times = "; ".join(_times(error) for error in one.errors)
        drift = one.drift
        cells = [
            one.method,
            one.maker,
            errors,
            times,
            "" if drift is None else f"{drift.variant:.4f} ({drift.control:.4f})",
            "" if drift is None else _times(drift),
            _lost(one.agreement),
            _lost(one.accuracy),
            ", ".join(f"{case.gate} {case.status.value}" for case in one.cases if _is_told(case))
            or "all PASS",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def _is_told(case: CaseRecord) -> bool:
    return case.status not in {Verdict.PASS, Verdict.MISSING}


def _lost(one: Paired | None) -> str:
    """Return how much lower a share is than the control's, and on how many images it differs."""
    return "" if one is None else f"{one.shortfall:+.3f} ({one.lost} lost, {one.gained} gained)"


def _times(one: Contrast) -> str:
    return "" if one.ratio is None else f"{one.ratio:.2f}"


def summarize(found: Sequence[Row]) -> None:
    """Print the greatest of each figure by method."""
    print("\n## The greatest of each, by method\n")
    print("| method | files | ratio of errors | ratio of drifts | agreement lost | accuracy lost |")
    print("|---|--:|--:|--:|--:|--:|")
    for method in OWN:
        mine = [one for one in found if one.method == method]
        cells = [
            _greatest([error.ratio for one in mine for error in one.errors], ".2f"),
            _greatest([one.drift.ratio for one in mine if one.drift is not None], ".2f"),
            _greatest([one.agreement.shortfall for one in mine if one.agreement], "+.3f"),
            _greatest([one.accuracy.shortfall for one in mine if one.accuracy], "+.3f"),
        ]
        print(f"| {method} | {len(mine)} | {' | '.join(cells)} |")


def _greatest(values: Sequence[float | None], form: str) -> str:
    known = [one for one in values if one is not None]
    return format(max(known), form) if known else ""


def main() -> int:
    """Print the tables; 1 if a good file fails beside its control."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="names of the tables; all if none is named")
    parser.add_argument("--images", type=int, default=200, help="of each evaluation, at most")
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    given = parser.parse_args()
    data = data_folder()
    if data is None:
        sys.exit("EDGEQ_DATA names no folder: weights and photographs are needed")
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores, {machine.system}")
    every: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(data, Path(scratch), Store(given.store), given.images)
        for bench in BENCHES:
            model = place.model(bench)
            if model is None or (given.models and bench.name not in given.models):
                continue
            found = tuple(rows(bench, model, place))
            show(bench, found)
            every += found
    summarize(every)
    failing = [case for one in every for case in one.failing]
    false = [case for one in every for case in one.false]
    print(
        f"\n{len(every)} files: {len(false)} cases FAIL beside their control, {len(failing)} in all"
    )
    for case in failing:
        print(f"- {case.id}: {case.reason}")
    return 1 if false else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"control_spread: {error}")
