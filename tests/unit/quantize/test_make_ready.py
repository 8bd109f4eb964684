"""Ready-made variants."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Model, Preprocessing, ReadyVariant, Spec
from edgeq.errors import ModelError, SpecError
from edgeq.io.files import sha256_bytes
from edgeq.quantize.make import ready_variant
from edgeq.store.content import Store
from tests.unit.quantize.network import network
from tests.unit.tiny_model import Op, Tensor, build
from tests.unit.tiny_signatures import joined


def ready(folder: Path, file: str = "vendor.tflite", method: str | None = None) -> ReadyVariant:
    return ReadyVariant(model="tiny", file=file, method=method)


def spec(folder: Path) -> Spec:
    models = {"tiny": Model(source="net.tflite")}
    return Spec(root=folder, origin="edgeq.toml", models=models)


def test_a_file_beside_the_spec_is_taken_as_it_is(tmp_path: Path) -> None:
    content = network()
    (tmp_path / "vendor.tflite").write_bytes(content)
    variant = ready_variant(
        "vendor", ready(tmp_path, method="int8"), spec(tmp_path), Store(tmp_path / "store")
    )
    assert variant.path.read_bytes() == content
    assert variant.original is not None
    assert variant.original.path == tmp_path / "vendor.tflite"
    assert (variant.name, variant.method, variant.engine) == ("vendor", "int8", "ready-made")
    assert (variant.sha256, variant.bytes) == (sha256_bytes(content), len(content))
    assert not variant.made
    assert msgspec.to_builtins(variant.manifest) == {
        "engine": "ready-made",
        "method": "int8",
        "file": "vendor.tflite",
        "description": "made by a test",
    }


@pytest.mark.parametrize(
    "asked", ["keras-tf", Preprocessing(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))]
)
def test_its_own_preprocessing_is_in_the_manifest_in_full(
    tmp_path: Path, asked: str | Preprocessing
) -> None:
    (tmp_path / "vendor.tflite").write_bytes(network())
    own = replace(ready(tmp_path), preprocessing=asked)
    manifest = ready_variant("vendor", own, spec(tmp_path), Store(tmp_path / "store")).manifest
    assert manifest.preprocessing == PREPROCESSING.get("keras-tf")
    plain = msgspec.to_builtins(manifest)["preprocessing"]
    assert set(plain) == set(Preprocessing.__struct_fields__)


def test_a_preprocessing_that_there_is_not_is_named(tmp_path: Path) -> None:
    (tmp_path / "vendor.tflite").write_bytes(network())
    own = replace(ready(tmp_path), preprocessing="keras-tv")
    with pytest.raises(SpecError, match="keras-tf") as caught:
        ready_variant("vendor", own, spec(tmp_path), Store(tmp_path / "store"))
    assert caught.value.where == "variants.vendor.preprocessing"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file") as caught:
        ready_variant("vendor", ready(tmp_path), spec(tmp_path), Store(tmp_path / "store"))
    assert caught.value.where == str(tmp_path / "vendor.tflite")


def test_a_file_whose_apps_call_another_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vendor.tflite"
    path.write_bytes(joined(infer=network(), serving_default=network()))
    with pytest.raises(ModelError, match="calls another graph than the first"):
        ready_variant("vendor", ready(tmp_path), spec(tmp_path), Store(tmp_path / "store"))


@pytest.mark.parametrize("keep", [0, 3, 100, -64])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    (tmp_path / "vendor.tflite").write_bytes(network()[:keep])
    with pytest.raises(ModelError, match=r"vendor\.tflite"):
        ready_variant("vendor", ready(tmp_path), spec(tmp_path), Store(tmp_path / "store"))


def test_flex_operators_are_refused(tmp_path: Path) -> None:
    tensors = [Tensor("image", (1, 4, 4, 3)), Tensor("scores", (1, 4, 4, 3))]
    content = build(
        tensors, [Op("CUSTOM", ("image",), ("scores",), "FlexErf")], ["image"], ["scores"]
    )
    (tmp_path / "vendor.tflite").write_bytes(content)
    with pytest.raises(ModelError, match="FLEX:Erf"):
        ready_variant("vendor", ready(tmp_path), spec(tmp_path), Store(tmp_path / "store"))
