"""What a variant's own samples cost by themselves: the float baseline on them, beside itself.

So do its own resize filters, for networks whose photographs are resized.

Run ``EDGEQ_DATA=FOLDER python -m benchmarks.own_samples [--model NAME] [--images N]``. The first
three rows of a network are what any device does to a photograph, the others are mistakes. Where
honest samples cost as much as mistakes, no limit on outputs can tell them apart: a control has to
see the same samples as the variant.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.held_out.networks import NETWORKS, Network
from edgeq.config.presets import DATA_VARIABLE, data_folder
from edgeq.config.structs import Filter
from edgeq.errors import EdgeqError
from edgeq.faults.fault import Faulty
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.faults.preprocessing import (
    BT601,
    Change,
    Reals,
    compressed,
    limited_range,
    other_matrix,
    photographed,
)
from edgeq.measure.agreement import agreeing
from edgeq.measure.divergence import divergence
from edgeq.pipeline.run import Run
from edgeq.store.content import Store

IMAGES = 200
METHOD = "float16"
"""A variant to put the baseline in the place of; its own file is never run."""

FILTERS: tuple[Filter, ...] = ("nearest", "bilinear", "bicubic", "lanczos")


def low_contrast(pixels: Reals) -> Reals:
    """Return pixels with 90 % of the contrast."""
    return (pixels - 128) * 0.9 + 128


CHANGES: Mapping[str, Change] = {
    "JPEG of quality 95": compressed(95),
    "JPEG of quality 90": compressed(90),
    "JPEG of quality 75": compressed(75),
    "JPEG of quality 40": compressed(40),
    "BT.601 read as BT.709": other_matrix,
    "16 to 235 taken for 0 to 255": limited_range,
    "contrast of 90 %": low_contrast,
    "grey": lambda pixels: np.repeat(pixels @ BT601[:1].T, 3, axis=2),
}


def resized(side: int) -> Change:
    """Return the change of a bilinear resize that does not average, as OpenCV and TensorFlow do."""

    def change(pixels: Reals) -> Reals:
        for axis in (0, 1):
            count = pixels.shape[axis]
            at = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
            low = np.floor(at).astype(int)
            part = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            high = np.minimum(low + 1, count - 1)
            pixels = (1 - part) * pixels.take(low, axis) + part * pixels.take(high, axis)
        return pixels

    return change


def main() -> int:
    """Print a row for each network and change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", choices=[one.name for one in NETWORKS])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--filters", action="store_true", help="show resize filters alone")
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--work", type=Path, default=Path(".edgeq/held-out"))
    arguments = parser.parse_args()
    data = data_folder()
    if data is None:
        sys.exit(f"own_samples: ${DATA_VARIABLE} is not set")
    print("| network | samples | relative error | drift | agreement |\n|---|---|--:|--:|--:|")
    for network in NETWORKS:
        if arguments.model is None or network.name in arguments.model:
            spec = network.spec(arguments.work.resolve(), data, arguments.images)
            _rows(network, Run(spec, store=Store(arguments.store)), filters=arguments.filters)
    return 0


def _rows(network: Network, run: Run, *, filters: bool) -> None:
    variant = next(one for one in run.variants if one.method == METHOD)
    with tempfile.TemporaryDirectory(prefix="own-samples-") as folder:
        good = Good(variant, Path(folder))
        feedings = [] if filters else [_photographed(good)]
        for name, faulty in chain(*feedings, _filtered(network, good)):
            fed = Run(join(good, "itself", faulty), store=run.store)
            (itself,) = fed.variants
            answers = [one.predictions for one in (itself.baseline, itself)]
            apart = divergence(*answers)
            figures = (
                f"{np.mean(apart.error):.3f}",
                f"{np.mean(apart.variation):.3f}",
                f"{np.mean(agreeing(*answers)):.3f}",
            )
            print(f"| {network.name} | {name} | {' | '.join(figures)} |", flush=True)


def _photographed(good: Good) -> Iterator[tuple[str, Faulty]]:
    """Yield the float baseline with photographs of its own, by the name of what differs."""
    for name, change in CHANGES.items():
        own = photographed(good, "own", change).photographs
        yield name, Faulty(content=good.baseline, photographs=own)


def _filtered(network: Network, good: Good) -> Iterator[tuple[str, Faulty]]:
    """Yield the float baseline with another resize, by the name of what differs."""
    how = good.variant.preprocessing
    if "resized" not in network.traits:
        return
    for filter_ in FILTERS:
        if filter_ != how.filter:
            other = msgspec.structs.replace(how, filter=filter_)
            yield f"filter {filter_}", Faulty(content=good.baseline, preprocessing=other)
    whole = how.crop_fraction if how.resize == "centre_crop" else 1.0
    side = round(good.variant.input_size[0] / whole)
    own = photographed(good, "own", resized(side)).photographs
    yield "bilinear that does not average", Faulty(content=good.baseline, photographs=own)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"own_samples: {error}")
