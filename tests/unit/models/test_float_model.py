"""Which weights and facts a float model gets; the export child is replaced by a copy."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq import words
from edgeq.config.structs import Make, Model, Preprocessing, Spec
from edgeq.errors import ConversionError, ModelError, SpecError
from edgeq.models import application_model, exporting, sources
from edgeq.models.applications import FAMILIES, Application
from edgeq.models.child import idle
from edgeq.models.export_request import ExportRequest
from edgeq.models.float_model import FloatModel, converter_start, load_float_model
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model
from tests.unit.tflite.test_halves import half
from tests.unit.tiny_model import Head, Tensor, classifier, heads, recurrent
from tests.unit.tiny_signatures import joined

OFFLINE = "Name or service not known"


class Child:
    """Stands for the export child and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.data = classifier(classes=1000)
        self.answer: dict[str, object] = {"input_size": [4, 4]}

    def __call__(self, _: str, request: Mapping[str, Any], **_options: object) -> dict[str, object]:
        self.asked.append(dict(request))
        if "download_failed" in self.answer and request["weights"] == "imagenet":
            return self.answer
        output = Path(request["output"])
        if request["form"] == "litert":
            output.write_bytes(self.data)
        else:
            output.mkdir()
            (output / "saved_model.pb").write_bytes(b"graph")
        return {"input_size": [4, 4]}


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Child:
    child = Child()
    monkeypatch.setattr(exporting, "run_child", child)
    monkeypatch.setattr(sources, "require_keras", lambda _: None)
    monkeypatch.setattr(sources, "tool_versions", lambda *_: {"keras": "3"})
    application = Application("ResNet50", FAMILIES["resnet"])
    monkeypatch.setattr(sources, "find_application", lambda *_: application)
    monkeypatch.setattr(application_model, "unreachable", lambda _: OFFLINE)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
    monkeypatch.delenv("EDGEQ_DATA", raising=False)
    return child


def load(folder: Path, source: str = "keras:ResNet50", **options: Any) -> FloatModel:
    model = Model(source=source, **options)
    spec = Spec(root=folder, origin="edgeq.toml", models={"net": model})
    return load_float_model("net", model, spec, Store(folder / "store"))


def test_weights_named_in_the_spec(child: Child, tmp_path: Path) -> None:
    (tmp_path / "mine.weights.h5").write_bytes(b"weights")
    model = load(tmp_path, weights="mine.weights.h5")
    assert child.asked[0]["weights"] == str(tmp_path / "mine.weights.h5")
    assert model.trained
    assert "mine.weights.h5" in model.notes[0]
    assert (model.input_size, model.labels, model.licence) == ((4, 4), "imagenet", None)
    assert model.preprocessing.channels == "bgr"


def test_weights_of_the_data_folder(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "resnet-50.weights.h5").write_bytes(b"weights")
    assert load(tmp_path).trained
    assert child.asked[0]["weights"].endswith("resnet-50.weights.h5")


def test_other_weights_make_another_file(child: Child, tmp_path: Path) -> None:
    for content in (b"one", b"one", b"two"):
        (tmp_path / "w.h5").write_bytes(content)
        load(tmp_path, weights="w.h5")
    assert len(child.asked) == 2


def test_downloaded_weights_carry_their_licence(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_model, "unreachable", lambda _: None)
    model = load(tmp_path)
    assert (child.asked[0]["weights"], model.trained, model.notes) == ("imagenet", True, ())
    assert model.licence == "MIT"
    assert "Kaiming He" in str(model.attribution)


def test_without_a_network_the_remedy_is_named_and_nothing_is_started(
    child: Child, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=rf"{OFFLINE}.*EDGEQ_DATA.*allow_random_weights"):
        load(tmp_path)
    assert child.asked == []


def test_random_weights_only_where_allowed_and_said(child: Child, tmp_path: Path) -> None:
    model = load(tmp_path, allow_random_weights=True, seed=3)
    assert (child.asked[0]["weights"], child.asked[0]["seed"]) == (None, 3)
    assert not model.trained
    assert "random (seed 3)" in model.notes[0]
    assert "agreement and accuracy mean nothing" in model.notes[0]
    load(tmp_path, allow_random_weights=True, seed=4)
    assert len(child.asked) == 2


def test_a_download_that_breaks_off_falls_back_in_words(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_model, "unreachable", lambda _: None)
    child.answer = {"download_failed": "URL fetch failure: timed out"}
    with pytest.raises(ModelError, match=r"timed out.*allow_random_weights"):
        load(tmp_path)
    model = load(tmp_path, allow_random_weights=True)
    assert not model.trained
    assert "timed out" in model.notes[0]


def test_a_weights_file_that_is_missing(child: Child, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'mine\.h5: no such weights file.*"imagenet"'):
        load(tmp_path, weights="mine.h5")


def test_a_new_family_needs_its_preprocessing(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_application", lambda *_: Application("FutureNet", None))
    with pytest.raises(ModelError, match=r"'FutureNet' is not known.*preprocessing"):
        load(tmp_path, weights="random")
    given = Preprocessing(std=(2.0, 2.0, 2.0))
    assert load(tmp_path, weights="random", preprocessing=given).preprocessing == given


def test_what_the_spec_says_goes_first(child: Child, tmp_path: Path) -> None:
    model = load(
        tmp_path,
        weights="random",
        preprocessing="keras-tf",
        labels="cifar10",
        licence="mine",
        attribution="me",
    )
    assert model.preprocessing.mean == (127.5, 127.5, 127.5)
    assert (model.labels, model.licence, model.attribution) == ("cifar10", "mine", "me")


def test_a_saved_model_is_exported_once_when_asked(child: Child, tmp_path: Path) -> None:
    model, store = load(tmp_path, weights="random"), Store(tmp_path / "store")
    folder = converter_start(model, store)
    assert (folder / "saved_model.pb").is_file()
    assert [one["form"] for one in child.asked] == ["litert", "saved_model"]


def test_an_export_that_is_no_baseline_is_not_stored(child: Child, tmp_path: Path) -> None:
    child.data = classifier(io="int8")
    with pytest.raises(ModelError, match="net, exported: is not a float model"):
        load(tmp_path, weights="random")
    assert not list((tmp_path / "store").glob("float/*"))


def test_a_function_runs_every_time_and_equal_files_are_stored_once(
    child: Child, tmp_path: Path
) -> None:
    (tmp_path / "module.py").write_text("def build(): ...\n")
    first, second = (load(tmp_path, "module:build") for _ in range(2))
    assert len(child.asked) == 2
    assert first.path == second.path
    assert "preprocessing" in first.notes[0]


def test_a_copy_of_a_tflite_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier(dynamic=True))
    model = load(tmp_path, "net.tflite", labels="names.txt")
    assert model.original is not None
    assert model.original.path == path
    assert model.path.read_bytes() == path.read_bytes()
    assert (model.input_size, model.labels) == ((4, 4), "names.txt")
    assert model.preprocessing == Preprocessing()
    assert "batch" in model.notes[1]
    with pytest.raises(ModelError, match="the TensorFlow converter can't start from"):
        converter_start(model, Store(tmp_path / "store"))


def test_a_state_that_an_app_must_reset_is_noted(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(recurrent())
    note = load(tmp_path, "net.tflite").notes[-1]
    assert "(kept), which is reset before each sample" in note
    assert "an app must do so too" in note
    with pytest.raises(ModelError, match=r"takes images of \[4, 4\]"):
        load(tmp_path, "net.tflite", input_size=(8, 8))


def test_a_failed_saved_model_download_is_an_error(child: Child, tmp_path: Path) -> None:
    model = load(tmp_path, weights="random")
    assert model.export is not None

    def fail(*_: object, **__: object) -> dict[str, object]:
        return {"download_failed": "gone"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "run_child", fail)
        with pytest.raises(ConversionError, match="net: gone"):
            converter_start(model, Store(tmp_path / "store"))


def test_only_a_usable_export_keeps_its_child(child: Child, tmp_path: Path) -> None:
    class Waiting:
        ended = False

        def end(self) -> None:
            self.ended = True

    def load_with_child() -> Waiting:
        waiting = Waiting()

        def export(*given: Any, kind: str, **_options: object) -> dict[str, object]:
            idle.add(kind, waiting)  # type: ignore[arg-type]
            return child(*given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exporting, "run_child", export)
            with suppress(ModelError):
                load(tmp_path, "module:build")
        return waiting

    (tmp_path / "module.py").write_text("def build(): ...\n")
    with idle.kept():
        kept = load_with_child()
        assert not kept.ended
        exporting.release(ExportRequest(kind="function", name="module:build", root=str(tmp_path)))
        assert kept.ended
        child.data = classifier(io="int8")
        assert load_with_child().ended


@pytest.mark.parametrize("source", ["net.tflite", "keras:ResNet50"])
def test_children_may_take_what_the_spec_says(child: Child, tmp_path: Path, source: str) -> None:
    (tmp_path / "net.tflite").write_bytes(classifier())
    limits = Make(timeout_s=7.0, memory_limit=10**9)
    model = Model(source=source, weights="random")
    spec = Spec(root=tmp_path, origin="edgeq.toml", models={"net": model}, make=limits)
    found = load_float_model("net", model, spec, Store(tmp_path / "store"))
    assert found.limits == limits
    for asked in child.asked:
        assert asked["limits"] == msgspec.structs.asdict(limits)
    assert bool(child.asked) == source.startswith("keras")


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_a_graph_is_asked_for_where_an_engine_starts_there(
    child: Child, tmp_path: Path, engine: str
) -> None:
    model = Model(source="keras:ResNet50", weights="random")
    methods = (f"float16@{engine}",)
    spec = Spec(root=tmp_path, origin="edgeq.toml", models={"net": model}, methods=methods)
    load_float_model("net", model, spec, Store(tmp_path / "store"))
    assert child.asked[0]["graph"] == (engine == "tensorflow")


def test_a_file_with_float16_weights_is_taken_as_float32(tmp_path: Path) -> None:
    given = half()
    (tmp_path / "net.tflite").write_bytes(given)
    model = load(tmp_path, "net.tflite", preprocessing="keras-0-255")
    assert (model.source, model.input_size, model.export) == ("net.tflite", (4, 4), None)
    assert (tmp_path / "net.tflite").read_bytes() == given
    file = read_model(model.path)
    assert model.sha256 == file.sha256
    assert not any(one.dtype == "float16" for one in file.tensors)
    (note,) = model.notes
    compared = f"variants are compared with {words.size(file.bytes)}, not with the "
    compared += f"{words.size(len(given))} of the file"
    assert note == f"The file has float16 weights, which are treated as float32: {compared}"
    again = load(tmp_path, "net.tflite", preprocessing="keras-0-255")
    assert again.path == model.path


def test_arithmetic_in_float16_is_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(classifier(io="float16"))
    with pytest.raises(ModelError, match=r"gives float16 .*although it is not quantized"):
        load(tmp_path, "net.tflite")


def test_a_saved_model_written_while_it_is_exported_is_not_kept(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")

    def write_meanwhile(*given: Any, **options: Any) -> dict[str, object]:
        (folder / "saved_model.pb").write_bytes(b"another")
        return child(*given, **options)

    monkeypatch.setattr(exporting, "run_child", write_meanwhile)
    with pytest.raises(ModelError, match="changed while it was read"):
        load(tmp_path, "saved")
    monkeypatch.setattr(exporting, "run_child", child)
    assert load(tmp_path, "saved").sha256
    asked = len(child.asked)
    assert load(tmp_path, "saved").sha256
    assert len(child.asked) == asked


def test_the_graph_of_a_signature_is_taken_out_of_its_file(tmp_path: Path) -> None:
    content = joined(brightness=heads(Head("mean", 2)), classify=classifier(classes=3))
    (tmp_path / "both.tflite").write_bytes(content)

    first, chosen = (load(tmp_path, "both.tflite", signature=name) for name in (None, "classify"))

    assert read_model(first.path).tensors[read_model(first.path).outputs[0]].shape == (1, 2)
    assert "2 signatures ('brightness', 'classify')" in " ".join(first.notes)
    model = read_model(chosen.path)
    assert model.tensors[model.outputs[0]].shape == (1, 3)
    assert chosen.sha256 == model.sha256
    assert chosen.original is not None
    assert chosen.original.sha256 == first.sha256
    assert "signatures" not in " ".join(chosen.notes)
    with pytest.raises(SpecError, match="unknown signature 'other'"):
        load(tmp_path, "both.tflite", signature="other")


def test_integers_get_pixels_as_they_are_unless_the_spec_says_otherwise(tmp_path: Path) -> None:
    entry = Tensor("pixels", (1, 4, 4, 3), "uint8", scales=(0.5,), zero_points=(100,))
    (tmp_path / "net.tflite").write_bytes(classifier(entry=entry))
    model = load(tmp_path, "net.tflite")
    assert (model.preprocessing.mean, model.preprocessing.std) == ((100.0,) * 3, (2.0,) * 3)
    assert model.notes == ("The input is uint8: pixels from 0 to 255 go in as they are",)
    with pytest.raises(ModelError, match=r"'pixels' is uint8 and can't hold.*Set `preprocessing`"):
        load(tmp_path, "net.tflite", preprocessing="unit")
    (tmp_path / "net.tflite").write_bytes(classifier(entry=replace(entry, scales=())))
    with pytest.raises(ModelError, match=r"can't hold.*`preprocessing`, or its mean and std"):
        load(tmp_path, "net.tflite", preprocessing="unit")
