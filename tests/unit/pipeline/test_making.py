from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import ModelError, SpecError
from edgeq.pipeline import making
from edgeq.pipeline.making import make
from edgeq.pipeline.run import Run
from edgeq.quantize.engine import Calibration
from edgeq.quantize.variant import Manifest, Variant
from tests.unit.pipeline.project import CALIBRATION, spec, variant

MADE = Variant(
    "x", "int8", "litert", Path("x"), "ab", 1, Manifest(engine="litert", method="int8"), made=True
)


class Engine:
    """Stands for ``make_variant`` and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    def __call__(self, *given: Any) -> Variant:
        self.given.append(given)
        return MADE


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(making, "make_variant", engine)
    return engine


def of_method(project: Path, method: str, said: list[str], **keys: Any) -> Variant:
    run = Run(spec(project, methods=[method], **keys), say=said.append)
    return make(run.variants[0])


def test_a_method_that_needs_it_gets_the_calibration_set(project: Path, engine: Engine) -> None:
    said: list[str] = []
    assert of_method(project, "int8", said) is MADE
    [(choice, baseline, calibration, _)] = engine.given
    assert (choice.method, baseline.name) == ("int8", "net")
    assert isinstance(calibration, Calibration)
    assert len(calibration.images.photos) == CALIBRATION
    assert "net/int8: making the variant" in said


def test_another_method_decodes_no_calibration_set(project: Path, engine: Engine) -> None:
    images = {"calibration": "no-such-folder", "evaluation": "evaluation"}
    of_method(project, "float16", [], images=images)
    assert engine.given[0][2] is None


def test_a_method_without_the_set_that_it_needs_is_refused(project: Path) -> None:
    with pytest.raises(SpecError, match="the method 'int8' needs a calibration set"):
        of_method(project, "int8", [], images={"evaluation": "evaluation"})


def test_a_ready_made_variant_is_taken(run: Run, engine: Engine) -> None:
    found = make(variant(run, "same"))
    assert found.original is not None
    assert found.original.path == run.spec.root / "same.tflite"
    assert found.path.read_bytes() == found.original.path.read_bytes()
    assert not found.made
    assert engine.given == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("wide", r"takes images of \[8, 8\], its baseline \[4, 4\]"), ("cut", "truncated|damaged")],
)
def test_a_ready_made_variant_must_fit(run: Run, name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        make(variant(run, name))
    assert caught.value.where == str(run.spec.root / f"{name}.tflite")
    assert caught.value.remedy


def test_every_ready_made_variant_is_one_without_a_choice(run: Run) -> None:
    assert [one.choice for one in run.variants] == [None] * 4
