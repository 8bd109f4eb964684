"""Checks a ``.keras`` file, a zip archive, and its configuration, before anything loads it."""

from __future__ import annotations

import importlib.util
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from edgeq.errors import ModelError
from edgeq.io import structs
from edgeq.models.export_request import ExportRequest
from edgeq.models.input_size import ONE_INPUT, fixed_shape

_CONFIG = "config.json"
_MAX_BYTES = 256 * 2**20
_KERAS = frozenset({"keras", "keras_hub", "keras_cv", "keras_nlp"})
"""Packages in which Keras finds classes by itself."""

_LAMBDA = "__lambda__"
_UNREADABLE = (KeyError, OSError, RuntimeError, ValueError, NotImplementedError)
_MAX_NAMES = 3
MAX_MEMBERS = 10_000
MAX_BYTES = 64 * 2**30
MAX_TIMES = 1000
"""Maximum ratio of unpacked to packed size, for files that unpack to more than 1 GiB."""
_SMALL_BYTES = 2**30


def check_config(path: Path, request: ExportRequest, key: str) -> None:
    """Refuse a ``.keras`` file that certainly can't be loaded or does not take one image.

    Anything that the configuration does not show is left to the export.

    Raises:
        ModelError: The file has layers of classes that Keras can't find, code that may not run,
            several inputs that are not arrays, or an input of another shape than asked for.
    """
    config = _read(path)
    if config is None:
        return
    _refuse_custom(config, path, key)
    if not request.allow_code and any(
        entry.get("class_name") == _LAMBDA for entry in _objects(config)
    ):
        names = [
            str(entry["config"].get("name", "")) for entry in _objects(config) if _is_lambda(entry)
        ]
        raise ModelError(
            f"has code inside: {_listed('Lambda layer', names)}",
            where=path,
            remedy=f"If you trust the file, set allow_code = true in {key}",
        )
    inputs = _inputs(config)
    if len(inputs) > 1 and not request.arrays:
        raise ModelError(
            f"has {len(inputs)} inputs",
            where=path,
            remedy=ONE_INPUT,
        )
    for shape in filter(None, inputs):
        fixed_shape(shape, msgspec.structs.replace(request, name=str(path)), key)


def layer_classes(path: Path) -> frozenset[str]:
    """Return the classes of everything in a ``.keras`` file's configuration; none if unreadable."""
    config = _read(path)
    objects = () if config is None else _objects(config.get("config"))
    return frozenset(entry["class_name"] for entry in objects)


def _read(path: Path) -> dict[str, Any] | None:
    """Return the configuration, or None if it can't be read; loading the file then says why."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_CONFIG).file_size > _MAX_BYTES:
                return None
            return structs.from_json(archive.read(_CONFIG), dict[str, Any])
    except (*_UNREADABLE, zipfile.BadZipFile, msgspec.MsgspecError):
        return None


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every serialized object inside a configuration, in order."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str):
                yield item
            waiting += reversed(item.values())
        elif isinstance(item, list):
            waiting += reversed(item)


def _refuse_custom(config: dict[str, Any], path: Path, key: str) -> None:
    custom = {
        _class_of(entry): entry
        for entry in _objects(config.get("config"))  # leaves out optimizer and losses: unused
        if _is_custom(entry)
    }
    if not custom and _is_custom(config):
        custom = {_class_of(config): config}
    if not custom:
        return
    modules = [
        entry.get("module") for entry in custom.values() if isinstance(entry.get("module"), str)
    ]
    known = f" (of {modules[0]})" if modules and modules[0] else ""
    raise ModelError(
        f"has {'a class' if len(custom) == 1 else 'classes'} that Keras can't locate without your "
        f"code: {', '.join(list(custom)[:_MAX_NAMES])}{known}",
        where=path,
        remedy="Write a function that imports your classes and returns the loaded model, and set "
        f'source = "package.module:function" in {key}',
    )


def _is_custom(entry: Mapping[str, Any]) -> bool:
    """Return whether Keras can't find an object's class without the user's code.

    Older versions look in the module that it was saved from, which may be installed.
    """
    module, registered = entry.get("module"), entry.get("registered_name")
    if not isinstance(entry.get("config"), dict):
        return False  # functions and lambdas are not layers
    if isinstance(module, str):
        package = module.partition(".")[0]
        return not (package in _KERAS or package == "builtins" or _is_installed(package))
    return isinstance(registered, str) and ">" in registered


def _is_installed(package: str) -> bool:
    try:
        return package != "__main__" and importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _class_of(entry: Mapping[str, Any]) -> str:
    return str(entry["class_name"])


def _is_lambda(entry: Mapping[str, Any]) -> bool:
    return entry.get("class_name") == "Lambda" and isinstance(entry.get("config"), dict)


def _listed(what: str, names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_MAX_NAMES])
    return f"{what}{'' if len(names) == 1 else 's'} {shown}" if names else f"a {what}"


def _inputs(config: Mapping[str, Any]) -> list[list[int | None]]:
    """Return the shapes of a model's inputs, as far as its configuration shows them."""
    inner = config.get("config")
    if not isinstance(inner, dict) or not isinstance(inner.get("layers"), list):
        return []
    shapes = {
        layer["config"].get("name"): layer["config"].get("batch_shape")
        for layer in inner["layers"]
        if isinstance(layer, dict)
        and layer.get("class_name") == "InputLayer"
        and isinstance(layer.get("config"), dict)
    }
    named = inner.get("input_layers")
    if isinstance(named, list) and named and isinstance(named[0], list):
        shapes = {entry[0]: shapes.get(entry[0]) for entry in named if entry}
    return [_dimensions(shape) for shape in shapes.values()]


def _dimensions(shape: object) -> list[int | None]:
    """Return a shape's dimensions, or an empty list if the value is not a shape."""
    if not isinstance(shape, list):
        return []
    return [side if isinstance(side, int) else None for side in shape]


def check_archive(path: Path) -> None:
    """Refuse an archive that would unpack outside its folder or grow without bound.

    Raises:
        ModelError: The file is not an archive, or not one that Keras wrote.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"is not a .keras file: {error}", where=path, remedy="Save the model again"
        ) from error
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        outside = name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1])
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise _refused(path, f"would unpack {member.filename!r} outside its folder")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if len(members) > MAX_MEMBERS:
        raise _refused(path, f"holds {len(members)} files")
    if size > MAX_BYTES or (size > _SMALL_BYTES and size > MAX_TIMES * packed):
        raise _refused(path, f"would unpack {packed} bytes to {size}")


def _refused(path: Path, what: str) -> ModelError:
    return ModelError(what, where=path, remedy="Do not open it; get the model from its maker")
