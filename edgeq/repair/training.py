"""Retraining the best mix with the user's own training function (``[repair] train``)."""

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
    """Return the file of a mix made from weights that the user's training function returns.

    The function is called with the path of the float ``.tflite`` file and the recipe, ``{"method":
    ..., "units": {...}}``. It returns the path of a float file of the same network.

    Args:
        bench: The model's bench.
        method: The variant's method.
        units: Units whose precision differs from the method's, with their precisions.
        function: The training function, as ``package.module:function``.
        folder: The folder for the file.

    Raises:
        ModelError: There is no such function, or what it returns is not a model.
        ConversionError: The function failed; the error gives the reason in one line, and the log.
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
