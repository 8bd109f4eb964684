"""The export itself, with Keras in its child process."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edgeq.config.structs import Make, Model, Preprocessing, Spec
from edgeq.errors import ConversionError, ModelError
from edgeq.io import structs
from edgeq.judge.conversion import conversion
from edgeq.judge.verdict import Verdict
from edgeq.measure.conversion import Conversion
from edgeq.models import sources
from edgeq.models.child import idle, run_child
from edgeq.models.exporting import holder_of
from edgeq.models.float_model import FloatModel, converter_start, load_float_model
from edgeq.pipeline.conversion_child import Comparison
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model

pytestmark = pytest.mark.keras

TINY = """
from pathlib import Path
import keras

def build():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2)(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(5, activation="softmax")(x))
    model.save(Path(__file__).with_name("net.keras"))
    return model

def publicly_frozen():
    from tensorflow.python.framework import convert_to_constants
    from edgeq.models import frozen_graph

    def freeze(function):
        public = convert_to_constants.convert_variables_to_constants_v2
        frozen = public(function, lower_control_flow=False)
        return frozen_graph.FrozenGraph(frozen.graph.as_graph_def(), frozen)

    frozen_graph.freeze = freeze
    return build()

def two():
    import tensorflow as tf

    class Doubled(keras.layers.Layer):
        @tf.function
        def call(self, x):
            return x * 2

    image = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(Doubled()(image))
    return keras.Model(image, keras.layers.Dense(5, activation="softmax")(x))

def broken():
    import tensorflow as tf

    class Scaled(keras.layers.Layer):
        def call(self, x):
            return x if tf.executing_eagerly() else x * keras.ops.array([1.0, 3.0, 9.0])

    image = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(Scaled()(image))
    return keras.Model(image, [keras.layers.Dense(5)(x), keras.layers.ReLU()(image)])

def reach_out(how):
    import tensorflow as tf

    mark = str(Path(__file__).with_name("mark"))
    bodies = {
        "computes": lambda: tf.while_loop(lambda a: a < 3.0, lambda a: a + 1.0, [0.0])[0],
        "writes": lambda: tf.raw_ops.WriteFile(filename=mark, contents="x"),
        "reads": lambda: tf.cond(
            tf.timestamp() > 0.0,
            lambda: tf.strings.to_number(tf.io.read_file(mark)),
            lambda: 0.0,
        ),
        "restores": lambda: tf.raw_ops.RestoreV2(
            prefix=mark, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        ),
        "calls": lambda: tf.numpy_function(lambda: 1.0, [], tf.float64),
        "prints": lambda: tf.print("x", output_stream=f"file://{mark}"),
    }

    class Net(tf.Module):
        def __init__(self):
            self.weights = tf.Variable(tf.ones((3, 2)))

        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def serve(self, image):
            with tf.control_dependencies([tf.convert_to_tensor(0)]):
                bodies[how]()
            return {"scores": tf.matmul(tf.reduce_mean(image, (1, 2)), self.weights)}

    net = Net()
    tf.saved_model.save(net, str(Path(__file__).with_name(how)), signatures=net.serve)
    raise RuntimeError("saved")

def computes():
    reach_out("computes")

def writes():
    reach_out("writes")

def reads():
    reach_out("reads")

def restores():
    reach_out("restores")

def calls():
    reach_out("calls")

def prints():
    reach_out("prints")

def trap():
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: x)(image)).save(
        Path(__file__).with_name("trap.keras")
    )
    raise RuntimeError("the trap is set")

@keras.saving.register_keras_serializable("mine")
class Scale(keras.layers.Layer):
    def call(self, x):
        return x * 2

def custom():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(Scale()(image)))
    model.save(Path(__file__).with_name("custom.keras"))
    return model
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("keras") is None:
        pytest.skip("the keras extra is not installed")
    folder = tmp_path_factory.mktemp("keras")
    (folder / "tiny_net.py").write_text(TINY)
    return folder


def load(folder: Path, source: str, *, store: Path | None = None, **options: Any) -> FloatModel:
    model = Model(**{"source": source, "input_size": (16, 12), "seed": 1, **options})
    spec = Spec(root=folder, origin="edgeq.toml", models={"net": model})
    return load_float_model("net", model, spec, Store(store or folder / "store"))


def test_one_model_from_a_function_a_keras_file_and_a_saved_model(folder: Path) -> None:
    from_function = load(folder, "tiny_net:build")
    from_keras = load(folder, "net.keras")
    saved = converter_start(from_keras, Store(folder / "store"))
    from_saved = load(folder, str(saved))
    for model in (from_function, from_keras, from_saved):
        file = read_model(model.path)
        assert model.input_size == (16, 12)
        assert file.tensors[file.inputs[0]].shape_signature == (1, 16, 12, 3)
        assert [one.name for one in file.operators][-1] == "SOFTMAX"
    assert from_function.sha256 == from_keras.sha256


def test_the_file_is_the_one_that_tensorflows_public_function_leads_to(folder: Path) -> None:
    publicly = load(folder, "tiny_net:publicly_frozen")
    assert load(folder, "tiny_net:build").sha256 == publicly.sha256


@pytest.mark.parametrize(
    ("source", "detours"), [("tiny_net:build", []), ("tiny_net:two", ["it calls functions"])]
)
def test_the_file_has_the_signature_of_a_saved_model(
    folder: Path, tmp_path: Path, source: str, detours: list[str]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model = load(folder, source, store=tmp_path)
    signatures = Interpreter(str(model.path)).get_signature_list()
    assert signatures == {"serving_default": {"inputs": ["args_0"], "outputs": ["output_0"]}}
    log = "".join(one.read_text() for one in tmp_path.rglob("*.log"))
    assert re.findall(r"Exporting through a SavedModel, because (.*)", log) == detours


def test_the_child_that_exported_a_model_finds_what_the_export_broke(
    folder: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    np.save(tmp_path / "pixels.npy", random.integers(0, 256, (6, 8, 8, 3), np.uint8))
    with idle.kept():
        model = load(folder, "tiny_net:broken", input_size=None)
        assert model.export is not None
        request = Comparison(
            source=model.export.request,
            file=str(model.path),
            pixels=str(tmp_path / "pixels.npy"),
            preprocessing=Preprocessing(),
            role="calibration",
        )
        answer = run_child(
            "edgeq.pipeline.conversion_child",
            msgspec.to_builtins(request),
            log=tmp_path / "log",
            limits=Make(),
            what="the comparison",
            kind=holder_of(model.export.request),
            pooled=False,
        )
        assert idle.take(holder_of(model.export.request)) is None, "another child was started"
    measured = structs.converted(answer, Conversion)
    scores, whole = measured.outputs
    assert ((scores.error or 0) > 0.1, whole.error) == (True, 0.0)
    assert conversion(measured).status is Verdict.FAIL


def test_code_in_a_keras_file_does_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConversionError, match="RuntimeError: the trap is set"):
        load(folder, "tiny_net:trap")
    with pytest.raises(ModelError, match=r"Lambda layer .*allow_code = true in \[models\.net\]"):
        load(folder, "trap.keras")
    monkeypatch.setattr(sources, "check_config", lambda *_: None)
    with pytest.raises(ConversionError, match="allow_code = true") as caught:
        load(folder, "trap.keras")
    assert caught.value.log is not None
    assert "Traceback" in caught.value.log.read_text()
    allowed = load(folder, "trap.keras", allow_code=True, input_size=None)
    assert allowed.input_size == (8, 8)


@pytest.mark.parametrize(
    ("how", "operator"),
    [
        ("writes", "WriteFile"),
        ("reads", "ReadFile"),
        ("restores", "RestoreV2"),
        ("calls", "PyFunc"),
        ("prints", "PrintV2"),
    ],
)
def test_a_saved_model_that_reaches_out_is_refused_before_it_is_loaded(
    folder: Path, how: str, operator: str
) -> None:
    with pytest.raises(ConversionError, match="RuntimeError: saved"):
        load(folder, f"tiny_net:{how}")
    with pytest.raises(ConversionError, match=f"read or write files.*: {operator};") as caught:
        load(folder, how, input_size=None)
    assert "allow_code = true" in (caught.value.remedy or "")
    assert not (folder / "mark").exists()


def test_a_saved_model_that_computes_is_loaded(folder: Path) -> None:
    with pytest.raises(ConversionError, match="RuntimeError: saved"):
        load(folder, "tiny_net:computes")
    assert load(folder, "computes", input_size=None).input_size == (8, 8)


def test_an_unknown_function_is_met_with_the_closest(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no function 'biuld'. Did you mean 'build'"):
        load(folder, "tiny_net:biuld")


def test_a_class_that_keras_lacks_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(folder, "tiny_net:custom", input_size=None)
    with pytest.raises(ModelError, match=r"Keras can't locate .*: Scale.*package\.module:function"):
        load(folder, "custom.keras", input_size=None)
    monkeypatch.setattr(sources, "check_config", lambda *_: None)
    with pytest.raises(ConversionError, match=r"not locate class 'Scale'.*package\.module:func"):
        load(folder, "custom.keras", input_size=None)
