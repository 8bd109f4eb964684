from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import ModelError
from edgeq.models import keras_config
from edgeq.models.export_request import ExportRequest
from edgeq.models.keras_config import check_archive, check_config

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
        ((image(8, 8, 2),), r"\(open, 8, 8, 2\).*has 2 channels"),
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


def archive(path: Path, *names: str, content: bytes = b"{}") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return path


def test_what_keras_writes_is_taken(tmp_path: Path) -> None:
    check_archive(archive(tmp_path / "a.keras", "config.json", "assets/a.txt", "model.weights.h5"))


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"]
)
def test_nothing_is_unpacked_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="outside its folder"):
        check_archive(archive(tmp_path / "a.keras", "config.json", name))


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="outside its folder"):
        check_archive(tmp_path / "a.keras")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive(tmp_path / "a.keras", "model.weights.h5", content=bytes(3_000_000))
    check_archive(bomb)
    monkeypatch.setattr(keras_config, "_SMALL_BYTES", 1_000_000)
    with pytest.raises(ModelError, match=r"would unpack .* bytes to 3000000"):
        check_archive(bomb)
    monkeypatch.setattr(keras_config, "MAX_TIMES", 10**9)
    check_archive(bomb)
    monkeypatch.setattr(keras_config, "MAX_BYTES", 2_000_000)
    with pytest.raises(ModelError, match="would unpack"):
        check_archive(bomb)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_config, "MAX_MEMBERS", 2)
    with pytest.raises(ModelError, match="holds 3 files"):
        check_archive(archive(tmp_path / "a.keras", "a", "b", "c"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"is not a \.keras file"):
        check_archive(tmp_path / "a.keras")
