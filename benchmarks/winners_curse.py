"""Is what is said of a chosen candidate true? ``python -m benchmarks.winners_curse SPEC``.

Takes the variants of a spec as candidates, the smallest first, and splits the evaluation set at
random into a half that chooses and a half that checks, 200 times. The first half chooses as ``edgeq
repair`` does: the first candidate whose corrected interval lies above the limit, or else the one
with the highest agreement. Counts how often the agreement on the other half lies within the
interval that the first half gave, with and without the correction for the number of candidates.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.config.load import load_spec
from edgeq.measure.agreement import agreeing
from edgeq.measure.statistics import clopper_pearson
from edgeq.pipeline.run import Run
from edgeq.repair.goals import corrected
from edgeq.store.content import Store

SPLITS = 200
CONFIDENCE = 0.95

Booleans = npt.NDArray[np.bool_]


def chosen(agrees: Booleans, limit: float, confidence: float) -> int:
    """Return which candidate a half of the images chooses; one row for each, the cheapest first."""
    count = agrees.shape[1]
    for at, row in enumerate(agrees):
        if clopper_pearson(int(row.sum()), count, confidence)[0] >= limit:
            return at
    return int(agrees.sum(axis=1).argmax())


def held(agrees: Booleans, limit: float, confidence: float, seed: int = 0) -> float:
    """Return the share of the splits in which the checked agreement lies within the interval."""
    generator = np.random.default_rng(seed)
    count = agrees.shape[1]
    kept = 0
    for _ in range(SPLITS):
        order = generator.permutation(count)
        first, second = agrees[:, order[: count // 2]], agrees[:, order[count // 2 :]]
        at = chosen(first, limit, confidence)
        low, high = clopper_pearson(int(first[at].sum()), first.shape[1], confidence)
        kept += low <= second[at].mean() <= high
    return kept / SPLITS


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--limits", type=float, nargs="*", default=[0.95, 0.97, 0.98])
    arguments = parser.parse_args()
    spec = load_spec(Path.cwd(), file=arguments.spec)
    run = Run(spec, store=Store(arguments.store) if arguments.store else None)
    for model in spec.models:
        variants = sorted(run.variants_of(model), key=lambda variant: variant.bytes)
        baseline = run.baseline(model).predictions
        agrees = np.stack([agreeing(baseline, variant.predictions) for variant in variants])
        names = ", ".join(
            f"{variant.short_name} {row.mean():.3f}"
            for variant, row in zip(variants, agrees, strict=True)
        )
        print(f"{model}, {agrees.shape[1]} images: {names}")
        raised = corrected(CONFIDENCE, len(variants))
        for limit in arguments.limits:
            plain, wide = (held(agrees, limit, level) for level in (CONFIDENCE, raised))
            print(
                f"limit {limit:g}: within the interval in {wide:.1%} of {SPLITS} splits "
                f"({raised:.2%} intervals); without the correction {plain:.1%}"
            )


if __name__ == "__main__":
    main()
