"""What pruning without training saves and costs: ``python -m benchmarks.pruning [MODEL ...]``.

Prunes a model by several shares, quantizes what is left, and prints bytes, bytes after gzip and the
agreement on the evaluation photographs below $EDGEQ_DATA. Needs EDGEQ_DATA.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeq.config.load import parse
from edgeq.pipeline.run import Run

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5)
SOURCES = {"lite0": "efficientnet-lite0", "v2": "keras:EfficientNetV2B0"}
STORE = ".edgeq"


def main() -> None:
    """Print one table a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["lite0"], choices=list(SOURCES))
    parser.add_argument("--method", default="weight_only_int8")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--store", default=STORE)
    arguments = parser.parse_args()
    for name in arguments.models:
        variants = {
            f"pruned-{share:g}": {
                "model": name,
                "method": arguments.method,
                **({"prune": share} if share else {}),
            }
            for share in SHARES
        }
        spec = parse(
            {
                "models": {name: {"source": SOURCES[name]}},
                "methods": [],
                "variants": variants,
                "images": {
                    "calibration": "data:imagenet",
                    "evaluation": "data:imagenet",
                    "max_evaluation": arguments.images,
                },
                "store": arguments.store,
            },
            root=Path.cwd(),
            origin=Path("edgeq.toml"),
        )
        run = Run(spec)
        print(f"{name}, {arguments.method}, {arguments.images} photographs")
        print("| pruned | zeros | bytes | bytes after gzip | agreement |\n|--:|--:|--:|--:|--:|")
        for variant, share in zip(run.variants_of(name), SHARES, strict=True):
            size = variant.size
            print(
                f"| {share:.0%} | {variant.sparsity.share:.1%} | {size.bytes:,} | "
                f"{size.gzip_bytes:,} | {variant.agreement.top1:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
