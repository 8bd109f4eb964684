"""Better weights for the best mix, from the user's own training (``[repair] train``)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgeq.config.methods import choose
from edgeq.config.structs import Precision
from edgeq.io.files import sha256_file
from edgeq.models.child import run_child
from edgeq.models.function_source import check_function
from edgeq.quantize.make import make_variant
from edgeq.repair.bench import ENGINE, Bench

FILE = "repaired.tflite"
CHILD = "edgeq.repair.training_child"


def trained_file(
    bench: Bench, method: str, units: Mapping[str, Precision], function: str, folder: Path
) -> Path:
    """Return the file of a mix that was made of weights from the user's training.

    The function gets the path of the float ``.tflite`` file and the recipe, ``{"method": ...,
    "units": {...}}``; it returns the path of a float file of the same network.

    Args:
        bench: Of the model.
        method: The variant's method.
        units: Units that are made in another way.
        function: ``package.module:function``.
        folder: Where the file is put.

    Raises:
        ModelError: There is no such function, or what it returns is not a model.
        ConversionError: It failed, with its reason in one line and its log.
    """
    spec, baseline = bench.run.spec, bench.baseline
    check_function(function, spec.root, f"{spec.origin}: repair.train")
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "trained_float.tflite"
    run_child(
        CHILD,
        {
            "function": function,
            "root": str(spec.root),
            "model": str(baseline.path),
            "recipe": {"method": method, "units": dict(units)},
            "output": str(output),
        },
        log=folder / "training.log",
        limits=baseline.limits,
        what=f"training of {baseline.name} by {function}",
        fresh=True,
        pooled=False,
    )
    trained = replace(baseline, path=output, sha256=sha256_file(output), original=None)
    choice = choose(method, engine=ENGINE, units=tuple(sorted(units.items())))
    variant = make_variant(choice, trained, bench.calibration, bench.run.store)
    path = folder / FILE
    shutil.copyfile(variant.path, path)
    return path
