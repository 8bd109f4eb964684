from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.keras_config import check_config

Table = dict[str, Any]


def layer(name: str, module: str | None = "keras.layers", **how: Any) -> Table:
    config = {"name": name.lower(), **how.pop("config", {})}
    return {"module": module, "class_name": name, "config": config, "registered_name": None, **how}


def image(*shape: int | None, name: str = "image") -> Table:
    return layer("InputLayer", config={"batch_shape": [None, *shape], "name": name})


def check(folder: Path, *layers: Table, inputs: object = None, **request: Any) -> None:
    config: Table = {"name": "net", "layers": list(layers)}
    if inputs is not None:
        config["input_layers"] = inputs
    whole = {"module": "keras", "class_name": "Functional", "config": config}
    path = folder / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(whole))
    asked = ExportRequest(kind="keras_file", name=str(path), root=str(folder), **request)
    check_config(path, asked, "[models.net]")


LAMBDA = layer("Lambda", config={"function": {"class_name": "__lambda__", "config": {"code": ""}}})


@pytest.mark.parametrize(
    ("layers", "request_"),
    [
        ((image(8, 8, 3), layer("Conv2D")), {}),
        ((image(None, None, 3),), {"input_size": (8, 8)}),
        ((image(8, 8, 3), layer("Norm", "keras_hub.layers")), {}),
        ((image(8, 8, 3), layer("Old", "numpy.thing", registered_name="Old")), {}),
        ((image(8, 8, 3), LAMBDA), {"allow_code": True}),
        ((image(8, 8, 3), {"class_name": "relu6", "module": "mine", "config": "relu6"}), {}),
        ((), {}),
    ],
)
def test_what_may_be_loaded_passes(
    tmp_path: Path, layers: tuple[Table, ...], request_: Table
) -> None:
    check(tmp_path, *layers, **request_)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((image(8, 8, 3), layer("Scale", None, registered_name="mine>Scale")), "locate.*: Scale"),
        ((image(8, 8, 3), layer("Scale", "__main__", registered_name="Scale")), "locate.*: Scale"),
        ((image(8, 8, 3), layer("Scale", "no_such_package.x")), r"Scale \(of no_such_package\.x\)"),
        ((image(8, 8, 3), LAMBDA), r"Lambda layer 'lambda'.*allow_code = true in \[models\.net\]"),
        ((image(8, 8, 1),), r"\(open, 8, 8, 1\).*has 1 channel"),
        ((image(3, 8, 8),), "has the channels first"),
        ((image(49, 10),), "has 3 dimensions"),
        ((image(None, None, 3),), r"input_size = \[HEIGHT, WIDTH\] in \[models\.net\]"),
        ((image(8, 8, 3), image(8, 8, 3, name="other")), "has 2 inputs"),
    ],
)
def test_what_is_sure_to_fail_is_refused(
    tmp_path: Path, layers: tuple[Table, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=rf"net\.keras: .*{message}"):
        check(tmp_path, *layers)


@pytest.mark.parametrize("inputs", [[["image", 0, 0]], ["image", 0, 0]])
def test_an_input_that_is_none_of_the_models_does_not_count(tmp_path: Path, inputs: object) -> None:
    check(tmp_path, image(8, 8, 3), layer("Conv2D"), inputs=inputs)


def test_what_cant_be_read_is_left_to_the_export(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    request = ExportRequest(kind="keras_file", name=str(path), root=str(tmp_path))
    for content in (b"{", b"[]", b"\xff"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", content)
        check_config(path, request, "[models.net]")
    path.write_bytes(b"no archive")
    check_config(path, request, "[models.net]")
