"""Which engine, and which recipe, makes the better variant: EfficientNetV2-B0 on photographs.

Run ``EDGEQ_DATA=FOLDER python benchmarks/engines.py`` (10 to 20 minutes, half of it int16x8); it
prints the tables of ``engines.md``. ``--source efficientnet-lite0`` takes another model.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.config.structs import Model, Spec
from edgeq.errors import WorkerError
from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.models.float_model import FloatModel, load_float_model
from edgeq.quantize import recipes
from edgeq.quantize.engine import Calibration, Recipe
from edgeq.quantize.make import make_variant
from edgeq.quantize.recipes import LitertRecipe
from edgeq.run.results import Feed
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.samples.decode import Pixels, decode
from edgeq.samples.sets import ImageSet, NamedSet, load_set
from edgeq.store.content import Store
from tests.unit.graphs import logits_edits

# 0.3 to 0.5 s an image: no kernel of XNNPACK takes 16-bit activations.
SLOW = {"int16x8": 100}
TIMED_ROUNDS = {"int16x8": 16}
WEIGHT_METHODS = {"dynamic_range": 8, "weight_only_int8": 8, "weight_only_int4": 4}
PERCENTILES = {recipes.MINMAX: (75.0, 90.0, 95.0, 99.0, 100.0), "MSE": (90.0, 100.0)}
HEADER = (
    "| method | made by | bytes | images | top-1 | agreement | ties | relative error of logits | "
    "worst cosine | latency | ratio |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Bench:
    """What every row is measured with.

    Attributes:
        model: The float model.
        calibration: 100 photographs.
        images: The evaluation set.
        pixels: Its photographs, decoded.
        store: Where everything made is kept.
    """

    model: FloatModel
    calibration: Calibration
    images: ImageSet
    pixels: Pixels
    store: Store


def prepare(folder: Path, source: str) -> Bench:
    """Return a model and the photographs of ``$EDGEQ_DATA``."""
    model, store = Model(source=source), Store(folder)
    spec = Spec(root=folder, origin="benchmark", models={source: model})
    loaded = load_float_model(source, model, spec, store)
    sets = [
        load_set(NamedSet("data:imagenet", role, folder)) for role in ("calibration", "evaluation")
    ]
    pixels = [decode(one, loaded.preprocessing, loaded.input_size, store) for one in sets]
    calibration = Calibration(sets[0], pixels[0], loaded.preprocessing)
    return Bench(loaded, calibration, sets[1], pixels[1], store)


def answers(bench: Bench, path: Path, count: int) -> Predictions:
    """Return what a model says about the first so many photographs."""
    with Session(local_target(), timeout_s=120, memory_limit=None, where=str(path)) as session:
        loaded = session.load(path, threads=1, kernels="xnnpack", edits=logits_edits(path))
        said = session.infer(loaded.handle, bench.pixels, bench.model.preprocessing, count=count)
    scores, logits = said.outputs
    return make_answers(scores, logits, is_probability=True)


def latency(bench: Bench, path: Path, rounds: int) -> tuple[float, float]:
    """Return the float model's and a model's median seconds, taken in turns on one thread."""
    image: npt.NDArray[np.uint8] = np.array(bench.pixels.array()[0])
    with Session(local_target(), timeout_s=120, memory_limit=None, where=str(path)) as session:
        handles = [
            session.load(one, threads=1, kernels="xnnpack").handle
            for one in (bench.model.path, path)
        ]
        feeds = [Feed(handle, image[None], bench.model.preprocessing) for handle in handles]
        timed = session.time(feeds, rounds=rounds, block=4, warmup=3, budget_s=60)
    usual, own = (float(np.median(one)) for one in timed.samples)
    return usual, own


def first(said: Predictions, count: int) -> Predictions:
    """Return the answers on the first so many photographs."""
    return replace(said, scores=said.scores[:count], logits=said.logits[:count])


def row(bench: Bench, baseline: Predictions, path: Path, method: str, maker: str) -> str:
    """Return one model's line of the table."""
    start = f"| {method} | {maker} | {path.stat().st_size:,} |"
    count = SLOW.get(method, len(bench.images.photos))
    try:
        variant = answers(bench, path, count)
        usual_s, own_s = latency(bench, path, TIMED_ROUNDS.get(method, 64))
    except WorkerError as error:
        return f"{start} {count} | {error.what} |" + " |" * 6
    usual, labels = first(baseline, count), bench.images.labels()[:count]
    found = agreement(usual, variant, labels)
    top1 = accuracy(usual, variant, labels).variant_top1.value
    apart = found.relative_error
    return (
        f"{start} {count} | {top1:.3f} | {found.top1:.3f} | {found.ties} | "
        f"{'' if apart is None else f'{apart.mean:.4f}'} | {found.cosine.worst:.4f} | "
        f"{1000 * own_s:.1f} ms | {own_s / usual_s:.2f} |"
    )


def engine_rows(bench: Bench, baseline: Predictions) -> Iterator[str]:
    """Yield a line for the float model and for every method and engine."""
    yield row(bench, baseline, bench.model.path, "float32", "Keras export")
    for name, method in METHODS:
        for engine in sorted(method.engines):
            choice = MethodChoice(f"{name}@{engine}", name, engine)
            variant = make_variant(choice, bench.model, bench.calibration, bench.store)
            yield row(bench, baseline, variant.path, name, engine)


def with_weights(recipe: LitertRecipe, algorithm: str) -> LitertRecipe:
    """Return a recipe in which an algorithm finds the scales of weights."""
    own = (
        msgspec.structs.replace(recipe.steps[0], operation=name, algorithm_key=algorithm)
        for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    )
    return msgspec.structs.replace(recipe, steps=(*recipe.steps, *own))


def recipe_rows(bench: Bench, baseline: Predictions) -> Iterator[str]:
    """Yield a line for every recipe of the engine ``litert`` that was considered."""
    tried: list[tuple[str, str, Recipe]] = [
        ("int8", f"ranges {percentile:g} %, weights {weights}", recipe)
        for weights, percentiles in PERCENTILES.items()
        for percentile in percentiles
        for recipe in [with_weights(recipes.static(8, percentile=percentile), weights)]
    ]
    tried += [
        ("int16x8", f"ranges {percentile:g} %", recipes.static(16, percentile=percentile))
        for percentile in (90.0, 100.0)
    ]
    tried += [
        (name, f"weights of {least} elements and more", recipe)
        for name, bits in WEIGHT_METHODS.items()
        for least in (0, 1024)
        for recipe in [recipes.weights_only(bits, dynamic=name == "dynamic_range", least=least)]
    ]
    for name, maker, recipe in tried:
        choice = MethodChoice(name, name, "litert")
        variant = make_variant(choice, bench.model, bench.calibration, bench.store, recipe=recipe)
        yield row(bench, baseline, variant.path, name, maker)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"), help="folder of the store")
    parser.add_argument("--source", default="keras:EfficientNetV2B0", help="as in a spec")
    arguments = parser.parse_args()
    bench = prepare(arguments.store.resolve(), arguments.source)
    packages = ("tensorflow", "keras", "litert-quantizer", "ai-edge-litert", "numpy", "pillow")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {platform.machine()}, {versions}")
    print(". ".join((f"Model: {bench.model.name}", *bench.model.notes)))
    print(f"Calibration: {len(bench.calibration.images.photos)} photographs\n")
    baseline = answers(bench, bench.model.path, len(bench.images.photos))
    for title, rows in (("Engines", engine_rows), ("Recipes of the engine litert", recipe_rows)):
        print(f"## {title}\n\n{HEADER}", flush=True)
        for line in rows(bench, baseline):
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
