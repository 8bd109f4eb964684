"""The proof ``ranges`` on good files, and on files whose activations' scales were changed.

``EDGEQ_DATA=FOLDER python -m benchmarks.ranges good`` prints a row for every good file: both
engines, MLPerf Tiny's pairs, two detectors, and files that were calibrated on 20 images or by
another rule. What matters is the share of the outputs' error that is left when suspicious ranges
are set right: ``LEFT`` and ``LEFT_OF_ONE`` of ``edgeq/measure/ranges.py`` must lie below the
least of them. A FAIL is a false alarm; exit code 1. The share depends on the samples: ``--draw
SEED`` evaluates 32 photographs that a seed draws, 24 that ranges are fitted on and 8 that they are
judged on.

``... python -m benchmarks.ranges faults [--model NAME] [--every N]`` changes scales and zero points
of an int8 file at several depths, with biases that follow and without, and prints what the proofs
say of each. A fault is visible if the agreement is a point lower than the good file's, or the worst
cosine .05.

``... python -m benchmarks.ranges paired [--model NAME] [--images N]`` sets ranges right on up to
128 samples that they were not fitted on, and prints the share of the mean error that is left with
its interval, paired by sample: of all suspicious ranges, and of each gross one that clips alone.
Beside the good files are two kinds of held-out faults: the first convolution's output clipped to
40 % of its range, and all layers' outputs to two thirds. ``--model signs`` is the network that
``benchmarks/held_out`` trains. ``benchmarks/ranges.md`` has the tables.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.control_spread import FEW_IMAGES, RECIPES
from benchmarks.held_out.kinds import Spot
from benchmarks.held_out.ranges import range_narrow, ranges_cut
from benchmarks.held_out.signs import prepare
from edgeq.config.load import parse
from edgeq.config.methods import MethodChoice
from edgeq.errors import EdgeqError
from edgeq.faults import activations as calibrations
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.judge.ranges import harmful
from edgeq.judge.verdict import Verdict
from edgeq.measure.agreement import agreeing
from edgeq.measure.divergence import divergence
from edgeq.measure.ranges import Ranges, Trial
from edgeq.measure.scales import fitting
from edgeq.pipeline import gates
from edgeq.pipeline.computed import FITTED_SAMPLES, JUDGED_SAMPLES
from edgeq.pipeline.ranging import MAX_SINGLE_TRIALS as SINGLES
from edgeq.pipeline.ranging import Ranging
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.quantize import recipes
from edgeq.quantize.make import make_variant
from edgeq.tflite.activations import Activation, activations
from edgeq.tflite.edits import apply_edits, quantization_edits, ranges_edits
from edgeq.tflite.model_file import open_model, read_model

IMAGES = 64
DEPTHS = (0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1)
FACTORS = (0.25, 0.5, 2, 5, 10)
MOVES = (-64, -20, -5, 5, 20, 64)
AVERAGED = 55.0
"""Percentile of the samples' extremes about where their moving average lies."""
CALIBRATIONS = {name: row for name, row in RECIPES.items() if row[0] == "int8"} | {
    "75 % ranges": ("int8", recipes.static(8, percentile=75.0), False),
    "averaged ranges": ("int8", recipes.static(8, percentile=AVERAGED), False),
    f"averaged ranges of {FEW_IMAGES} images": (
        "int8",
        recipes.static(8, percentile=AVERAGED),
        True,
    ),
}
BOTH = ("int8", "int8@tensorflow", "int8_float_io", "int16x8")
ONE = ("int8", "int8_float_io", "int16x8")
UNIT = {"std": [255.0, 255.0, 255.0]}


def models(data: Path) -> dict[str, dict[str, Any]]:
    """Return the models, by name: their table in a spec, and their ready-made variants."""
    tasks, own = data / "tasks", data / "models"
    detection = tasks / "detection"
    return {
        "resnet8": {
            "source": str(own / "resnet8_cifar10_float.tflite"),
            "preprocessing": "keras-0-255",
            "methods": ONE,
            "ready": {"published": own / "resnet8_cifar10_int8.tflite"},
        },
        "vww": {
            "source": str(tasks / "visual_wake_words" / "vww_96_float.tflite"),
            "preprocessing": UNIT,
            "methods": ONE,
            "ready": {"published": tasks / "visual_wake_words" / "vww_96_int8.tflite"},
        },
        "fastestdet": {
            "source": str(detection / "fastestdet_float.tflite"),
            "preprocessing": {**UNIT, "channels": "bgr", "filter": "bilinear"},
            "methods": ("int8",),
            "ready": {"published": detection / "fastestdet" / "litert_int8.tflite"},
        },
        "ultraface": {
            "source": str(detection / "ultraface_rfb_320_float.tflite"),
            "preprocessing": {"mean": [127.0] * 3, "std": [128.0] * 3},
            "methods": ONE,
            "ready": {},
        },
        "efficientnet-lite0": {"source": "efficientnet-lite0", "methods": BOTH, "ready": {}},
        "efficientnetv2-b0": {"source": "keras:EfficientNetV2B0", "methods": BOTH, "ready": {}},
    }


def signs(folder: Path, data: Path) -> dict[str, Any]:
    """Return the row of the network that the held-out faults train, on its own photographs."""
    network = prepare(folder / "signs", data / "imagenet")
    row = {"source": str(network), "preprocessing": "keras-0-255", "methods": ("int8",)}
    return {**row, "ready": {}, "folder": network.parent}


def link_photographs(source: Path, folder: Path, draw: int | None) -> None:
    """Make a folder of a role's photographs: of the evaluation's, only those that a seed draws."""
    if draw is None or source.name != "evaluation":
        folder.symlink_to(source)
        return
    folder.mkdir()
    photographs = sorted(source.glob("*.png"))
    for one in random.Random(draw).sample(photographs, FITTED_SAMPLES + JUDGED_SAMPLES):  # noqa: S311 - no secret
        (folder / one.name).symlink_to(one)


def a_run(
    name: str,
    row: dict[str, Any],
    folder: Path,
    store: str,
    *,
    calibration: int | None = None,
    images: int = IMAGES,
) -> Run:
    """Return a run of one model and its good variants, calibrated on so many images at most."""
    table = {key: value for key, value in row.items() if key not in {"ready", "folder"}}
    folder = row.get("folder", folder)
    ready = {
        maker: {"model": name, "file": str(path), "method": "int8"}
        for maker, path in row["ready"].items()
    }
    spec = {
        "models": {name: table},
        "variants": ready,
        "default_gates": False,
        "gates": {"max_bytes": "1 GB"},
        "images": {
            "calibration": str(folder / "calibration"),
            "evaluation": str(folder / "evaluation"),
            "max_evaluation": images,
            "max_calibration": calibration,
        },
        "store": store,
    }
    return Run(parse(spec, root=Path.cwd(), origin=Path("benchmark")))


def made(name: str, row: dict[str, Any], folder: Path, store: str) -> dict[str, Path]:
    """Return int8 files of a model by other recipes and from fewer images, by their maker."""
    files = {}
    for maker, (method, recipe, few) in CALIBRATIONS.items():
        most = FEW_IMAGES if few else None
        run = a_run(name, {**row, "ready": {}}, folder, store, calibration=most)
        inputs = run.inputs(name)
        choice, images = MethodChoice(method, method, "litert"), inputs.images.calibration
        file = make_variant(choice, inputs.baseline, images, run.store, recipe=recipe)
        files[maker.replace(" ", "-").replace("%", "percent")] = file.path
    if "int8@tensorflow" in row["methods"]:
        theirs = {**row, "methods": ("int8@tensorflow",), "ready": {}}
        run = a_run(name, theirs, folder, store, calibration=FEW_IMAGES)
        files[f"tensorflow-{FEW_IMAGES}-images"] = run.variants[0].path
    return files


def good(run: Run) -> int:
    """Print a row for every good variant; return how many fail."""
    failed = 0
    for variant in run.variants:
        try:
            judgement = gates.ranges(variant, 0)
            entry = gates.input_range(variant, 0)
        except EdgeqError as error:
            print(f"| {variant.name} | | | | | | | {error.what} | |", flush=True)
            continue
        found = variant.ranges
        failed += Verdict.FAIL in (judgement.status, entry.status)
        cells = (
            variant.name,
            str(found.activations),
            str(len(found.suspicious)),
            *_left(found, lambda trial: len(trial.tensors) > 1),
            *_left(found, lambda trial: trial.gross and len(trial.tensors) == 1),
            judgement.status.value,
            entry.status.value,
        )
        print("|", " | ".join(cells), "|", flush=True)
    return failed


def _left(found: Ranges, chosen: Callable[[Trial], bool]) -> tuple[str, str]:
    """Return the least share of the error that some trials leave, and the error that it removes."""
    shares = []
    for one in found.trials:
        before, after = one.before[one.output], one.after[one.output]
        if chosen(one) and before and after is not None:
            shares.append((after / before, one.caused))
    return (f"{min(shares)[0]:.2f}", f"{min(shares)[1]:.3f}") if shares else ("", "")


def paired(run: Run, scratch: Path) -> None:
    """Print a row for every good variant and two faults, and what setting ranges right leaves."""
    start = Good(run.variants[0], scratch)
    for variant in run.variants:
        _paired_row(variant.name, variant)
    for name, kind, depth in (
        ("first convolution x 0.4", range_narrow, "first"),
        ("all layers x 2/3", ranges_cut, ""),
    ):
        changed = kind(start, Spot(depth=depth))
        faulty = changed if isinstance(changed, Faulty) else Faulty(content=changed)
        run = Run(join(start, "faulty", faulty), store=run.store)
        _paired_row(f"{start.variant.model}: {name}", run.variants[-1])


def _paired_row(name: str, variant: VariantUnderTest) -> None:
    agreement, _, error = _seen(variant)
    ranging = Ranging(variant)
    chosen = ranging.suspicious_groups
    several = ranging.tried(chosen, [], paired=True) if chosen else []
    clipping = [fit for fit in chosen if fit.gross and fit.clips]
    alone = [one for fit in clipping[:SINGLES] for one in ranging.tried([fit], [], paired=True)]
    cells = (
        name,
        f"{agreement:.3f}",
        f"{error:.3f}",
        str(len(chosen)),
        *_share(several),
        str(len(clipping)),
        *_share(alone),
        gates.ranges(variant, 0).status.value,
    )
    print("|", " | ".join(cells), "|", flush=True)


def _share(trials: list[Trial]) -> tuple[str, str]:
    """Return the least share of the error that is left, its interval, and the error removed."""
    ends = [(one.left, one.caused) for one in trials if one.left is not None]
    if not ends:
        return "", ""
    (low, high), caused = min(ends, key=lambda one: one[0][1])
    return f"{low:.2f} to {high:.2f}", f"{caused:.3f}"


def changes(start: Good, every: int) -> Iterator[tuple[str, bytes]]:
    """Yield faulty files, by what was done to them."""
    path = start.variant.path
    model = read_model(path)
    found = [one for one in activations(model, None) if one.bound is None]
    inner = [one for one in found if one.tensor.index not in model.inputs]
    groups = list({one.group: one for one in inner}.values())
    content = path.read_bytes()
    for share in DEPTHS[::every]:
        one = groups[int(share * (len(groups) - 1))]
        for factor in FACTORS:
            edits = ranges_edits(path, _scaled(one, factor))
            yield f"{_name(one)} x{factor}", apply_edits(content, edits)
        for factor in (0.5, 2):
            edits = _alone(path, one, factor, 0)
            yield f"{_name(one)} x{factor}, biases not", apply_edits(content, edits)
        for steps in MOVES:
            if abs(int(one.tensor.zero_points[0]) + steps) <= 127:  # of int8
                yield (
                    f"{_name(one)} zero point {steps:+}",
                    apply_edits(content, _alone(path, one, 1, steps)),
                )
    for factor in (0.25, 0.5, 0.7, 2, 4):
        every_one = {at: how for one in groups for at, how in _scaled(one, factor).items()}
        yield f"all x{factor}", apply_edits(content, ranges_edits(path, every_one))
    yield from _of_the_input(path, content, found, model.inputs[0])
    yield from _calibrations(start)


def _of_the_input(
    path: Path, content: bytes, found: list[Activation], index: int
) -> Iterator[tuple[str, bytes]]:
    entry = next((one for one in found if one.tensor.index == index), None)
    if entry is None:
        return
    for factor in (0.9, 0.98, 1.02, 1.05):
        edits = ranges_edits(path, _scaled(entry, factor))
        yield f"input x{factor}", apply_edits(content, edits)
        alone = _alone(path, entry, factor, 0)
        yield f"input x{factor}, biases not", apply_edits(content, alone)
    for steps in (-10, -1, 1, 10):
        if entry.tensor.zero_points[0] + steps >= np.iinfo(entry.tensor.dtype).min:
            moved = _alone(path, entry, 1, steps)
            yield f"input zero point {steps:+}", apply_edits(content, moved)


def _calibrations(start: Good) -> Iterator[tuple[str, bytes]]:
    for fault in (
        calibrations.calibrated_on_noise,
        calibrations.calibrated_on_black,
        calibrations.calibrated_on_one_image,
        calibrations.calibrated_on_other_range,
    ):
        try:
            faulty = fault.make(start)
        except NotApplicableError:
            continue
        if faulty.content is not None:
            yield fault.name, faulty.content


def _name(one: Activation) -> str:
    return f"tensor {one.tensor.index}"


def _scaled(one: Activation, factor: float) -> dict[int, tuple[float, int]]:
    """Return a range so many times as wide, around the same place."""
    ends = np.iinfo(one.tensor.dtype)
    step, point = float(one.tensor.scales[0]), int(one.tensor.zero_points[0])
    low, high = (ends.min - point) * step * factor, (ends.max - point) * step * factor
    scale = fitting(low, high, one.tensor.dtype)
    return dict.fromkeys(one.group, (scale.step, scale.zero_point))


def _alone(path: Path, one: Activation, factor: float, steps: int) -> tuple[Any, ...]:
    """Return the edits of scales and zero points alone."""
    step, point = float(one.tensor.scales[0]), int(one.tensor.zero_points[0])
    described = open_model(path).root().tables(2)[0].tables(0)
    return tuple(
        edit
        for at in one.group
        for edit in quantization_edits(path, described[at], at, step * factor, point + steps)
    )


def faults(run: Run, every: int, scratch: Path) -> None:
    """Print a row for every fault of the first variant, then how many were caught."""
    start = Good(run.variants[0], scratch)
    sound = _seen(start.variant)
    caught, counted, visible = 0, 0, [0, 0]
    for name, content in changes(start, every):
        faulty = Run(join(start, "faulty", Faulty(content=content)), store=run.store)
        variant = faulty.variants[-1]
        try:
            agreement, cosine, error = _seen(variant)
            proof, entry = gates.ranges(variant, 0), gates.input_range(variant, 0)
        except EdgeqError as refused:
            print(f"| {name} | does not run: {refused.what[:60]} | | | | | | |", flush=True)
            continue
        seen = agreement < sound[0] - 0.0099 or cosine < sound[1] - 0.05
        found = Verdict.FAIL in (proof.status, entry.status)
        counted, caught = counted + 1, caught + found
        visible[0] += seen
        visible[1] += seen and found
        trial = harmful(variant.ranges)
        named = "" if trial is None else ", ".join(trial.tensors[:1])
        if trial is not None and len(trial.tensors) > 1:
            named = f"{len(trial.tensors)} ranges"
        cells = (
            name,
            f"{agreement:.3f}",
            f"{cosine:.3f}",
            f"{error:.3f}",
            "yes" if seen else "",
            proof.status.value,
            entry.status.value,
            named,
        )
        print("|", " | ".join(cells), "|", flush=True)
    print(
        f"\nGood: agreement {sound[0]:.3f}, cosine {sound[1]:.3f}, error {sound[2]:.3f}. Caught "
        f"{caught} of {counted} faults, {visible[1]} of {visible[0]} visible ones."
    )


def _seen(variant: VariantUnderTest) -> tuple[float, float, float]:
    """Return agreement, lowest cosine and mean error of a variant's logits."""
    ours, theirs = variant.baseline.predictions, variant.predictions
    apart = divergence(ours, theirs)
    error = float(apart.relative_error.mean()) if apart.relative_error.size else float("nan")
    return float(agreeing(ours, theirs).mean()), float(apart.cosine.min()), error


def main() -> int:
    """Print the table that was asked for; return 1 if a good file fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("good", "faults", "paired"))
    parser.add_argument("--model", action="append", help="one of the models; all by default")
    parser.add_argument("--store", help="keep what is made here")
    parser.add_argument("--every", type=int, default=1, help="of the depths, every so many")
    parser.add_argument("--draw", type=int, help="seed of the evaluation photographs; all if none")
    parser.add_argument("--work", type=Path, default=Path(".edgeq/held-out"))
    parser.add_argument("--images", type=int, default=IMAGES, help="evaluation photographs")
    given = parser.parse_args()
    data = Path(os.environ["EDGEQ_DATA"]).resolve()
    rows = models(data)
    if given.model and "signs" in given.model:
        rows["signs"] = signs(given.work.resolve(), data)
    failed = 0
    heads = {
        "good": (
            "variant",
            "activations",
            "suspicious",
            "left",
            "caused",
            "left of one gross",
            "caused by it",
            "ranges",
            "input",
        ),
        "faults": ("fault", "agreement", "cosine", "error", "visible", "ranges", "input", "named"),
        "paired": (
            "variant",
            "agreement",
            "error",
            "suspicious",
            "left of all",
            "caused",
            "gross and clipping",
            "left of one",
            "caused by it",
            "ranges",
        ),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for role in ("calibration", "evaluation"):  # without the labels beside them
            link_photographs(data / "imagenet" / role, Path(scratch) / role, given.draw)
        print("|", " | ".join(heads[given.what]), "|\n|" + "---|" * len(heads[given.what]))
        for name in given.model or rows:
            store = given.store or str(Path(scratch) / "store")
            row = rows[name]
            if given.what == "faults":
                row = {**row, "methods": ("int8",), "ready": {}}
            else:
                if given.what == "paired":  # others have the same ranges, or 16 bits
                    row = {**row, "methods": tuple(set(row["methods"]) & {"int8", BOTH[1]})}
                row = {**row, "ready": row["ready"] | made(name, row, Path(scratch), store)}
            run = a_run(name, row, Path(scratch), store, images=given.images)
            if given.what == "good":
                failed += good(run)
            elif given.what == "paired":
                paired(run, Path(scratch))
            else:
                faults(run, given.every, Path(scratch))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
