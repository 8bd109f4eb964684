from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeq.errors import ModelError
from edgeq.tflite.packing import rewritten
from edgeq.tflite.runnable import require_runnable
from tests.unit.bad_models import growing
from tests.unit.graphs import read
from tests.unit.tiny_model import with_operator


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_flex_operators_are_named(folder: Path) -> None:
    model = read(folder, with_operator("CUSTOM", "FlexErf"))
    assert model.operators[0].name == "FLEX:Erf"
    with pytest.raises(ModelError, match=r"Flex.*FLEX:Erf.*SELECT_TF_OPS"):
        require_runnable(model)


def test_custom_operators_are_named(folder: Path) -> None:
    model = read(folder, with_operator("CUSTOM", "SphericalResize"))
    with pytest.raises(ModelError, match="CUSTOM:SphericalResize"):
        require_runnable(model)


def test_what_an_edge_tpu_runs_alone_is_named_as_such(folder: Path) -> None:
    model = read(folder, with_operator("CUSTOM", "edgetpu-custom-op"))
    with pytest.raises(ModelError, match="compiled for an Edge TPU"):
        require_runnable(model)


def test_the_custom_operator_that_the_runtime_has_is_fine(folder: Path) -> None:
    require_runnable(read(folder, with_operator("CUSTOM", "TFLite_Detection_PostProcess")))


def test_variables_that_nothing_fills_are_refused(folder: Path) -> None:
    model = read(folder, with_operator("READ_VARIABLE", None))
    with pytest.raises(ModelError, match=r"uninitialised variables: 1 operator READ_VARIABLE.*fre"):
        require_runnable(model)


@pytest.mark.parametrize(("name", "refused"), [("count", False), ("weights", True)])
def test_each_variable_that_is_read_must_be_filled(
    folder: Path, name: str, *, refused: bool
) -> None:
    def read_another(model: Any) -> None:
        main = model.subgraphs[0]
        kinds = {type(operator.builtinOptions): operator for operator in main.operators}
        kinds[schema.VarHandleOptionsT].builtinOptions.sharedName = name
        main.operators.remove(kinds[schema.AssignVariableOptionsT])

    model = read(folder, rewritten(folder, growing(64), read_another))
    with pytest.raises(ModelError, match="1 operator READ") if refused else nullcontext():
        require_runnable(model)


def test_built_in_operators_are_fine(folder: Path) -> None:
    require_runnable(read(folder, with_operator("RELU", None)))
