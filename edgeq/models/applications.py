"""Keras applications: their names, the input each family expects, and where their weights are.

Names and families are parsed from the source of the installed Keras, so that newer applications
are recognized without importing it.
"""

from __future__ import annotations

import ast
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from edgeq.config.presets import data_folder
from edgeq.errors import MissingExtraError, ModelError
from edgeq.io.syntax import syntax_tree
from edgeq.registry import suggestion

WEIGHTS_HOST = "https://storage.googleapis.com/"
WEIGHTS_SUFFIX = ".weights.h5"
_PRIVATE_PREFIX = "keras.src.applications."
_APACHE = "Apache-2.0"
_PIXELS = "keras-0-255"


@dataclass(frozen=True)
class Family:
    """What the applications of one Keras module have in common.

    Attributes:
        preprocessing: Name of the preset that matches the module's ``preprocess_input``.
        licence: Licence of the ImageNet weights that Keras offers, or None if not stated.
        origin: Who trained the weights.
        open_size: Default height and width for models that leave them open.
    """

    preprocessing: str
    licence: str | None
    origin: str
    open_size: tuple[int, int] = (224, 224)


_MIT = "MIT"
_GOOGLE = "Google"
_INCEPTION_SIZE = (299, 299)

FAMILIES: dict[str, Family] = {
    "convnext": Family(_PIXELS, _MIT, "Meta Research (ConvNeXt)"),
    "densenet": Family("keras-torch", "BSD-3-Clause", "Liu, Huang and others (DenseNet)"),
    "efficientnet": Family(_PIXELS, _APACHE, _GOOGLE),
    "efficientnet_v2": Family(_PIXELS, _APACHE, _GOOGLE),
    "inception_resnet_v2": Family("keras-tf", _APACHE, _GOOGLE, _INCEPTION_SIZE),
    "inception_v3": Family("keras-tf", _APACHE, _GOOGLE, _INCEPTION_SIZE),
    "mobilenet": Family("keras-tf", _APACHE, _GOOGLE),
    "mobilenet_v2": Family("keras-tf", _APACHE, _GOOGLE),
    "mobilenet_v3": Family(_PIXELS, _APACHE, _GOOGLE),
    "nasnet": Family("keras-tf", _APACHE, _GOOGLE),
    "resnet": Family("keras-caffe", _MIT, "Kaiming He"),
    "resnet_v2": Family("keras-tf", _MIT, "Kaiming He"),
    "vgg16": Family("keras-caffe", "CC-BY-4.0", "Visual Geometry Group, Oxford"),
    "vgg19": Family("keras-caffe", "CC-BY-4.0", "Visual Geometry Group, Oxford"),
    "xception": Family("keras-tf", _MIT, "François Chollet", _INCEPTION_SIZE),
}

SIZES: dict[str, int] = {
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}
"""Height and width of the applications that Keras does not build for 224 x 224."""
USUAL_SIZE = 224


@dataclass(frozen=True)
class Application:
    """One callable of ``keras.applications``.

    The family is None for a module that this version does not know.
    """

    name: str
    family: Family | None


def find_application(name: str, where: str) -> Application:
    """Return the application with a given name; case, dashes and underscores are ignored.

    Raises:
        MissingExtraError: Keras is not installed.
        ModelError: There is no such application; the message suggests the closest name.
    """
    modules = known_applications()
    by_plain = {plain(known): known for known in modules}
    known = by_plain.get(plain(name))
    if known is None:
        raise ModelError(
            f"unknown Keras application {name!r}", where=where, remedy=suggestion(name, modules)
        )
    return Application(known, FAMILIES.get(modules[known]))


def known_applications() -> dict[str, str]:
    """Map each application of the installed Keras to its module, without importing Keras.

    Raises:
        MissingExtraError: Keras is not installed.
    """
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise MissingExtraError("keras", extra="keras", needed_for="a Keras application")
    listing = Path(spec.origin).parent / "applications" / "__init__.py"
    tree = syntax_tree(listing.read_text("utf-8"))
    return {
        alias.name: node.module.removeprefix(_PRIVATE_PREFIX)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PRIVATE_PREFIX)
        for alias in node.names
        if node.module is not None and alias.name[:1].isupper()
    }


def plain(name: str) -> str:
    """Return a name in lower case, without dashes and underscores."""
    return name.lower().replace("-", "").replace("_", "")


def find_weights(name: str) -> Path | None:
    """Return an application's weights file in ``$EDGEQ_DATA/weights``, or None if there is none.

    Dashes, underscores and case are ignored: ``efficientnetv2-b0.weights.h5`` matches
    ``EfficientNetV2B0``.
    """
    data = data_folder()
    if data is None:
        return None
    candidates = sorted((data / "weights").glob(f"*{WEIGHTS_SUFFIX}"))
    return next(
        (p for p in candidates if plain(p.name.removesuffix(WEIGHTS_SUFFIX)) == plain(name)), None
    )


def downloaded_before(name: str) -> bool:
    """Return whether Keras's own cache appears to hold an application's weights."""
    home = os.environ.get("KERAS_HOME")
    cache = (Path(home) if home else Path.home() / ".keras") / "models"
    return any(plain(path.name).find(plain(name)) >= 0 for path in cache.glob("*.h5"))
