"""edgeq: the regression gate for quantized edge models.

What other packages build on: a row for a gate, a method or a fault, and what these are made of.
Importing edgeq imports none of them; each is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from edgeq.config.figure_gates import figure_gate
    from edgeq.config.gate import Comparison, Gate
    from edgeq.config.methods import Method
    from edgeq.config.target_kinds import TargetKind
    from edgeq.errors import EdgeqError
    from edgeq.faults.fault import Fault, Faulty, new_fault
    from edgeq.faults.good import Good
    from edgeq.judge.missing import missing
    from edgeq.judge.verdict import Judgement, Verdict, decide
    from edgeq.measure.figures import ClassFigure, Figure, TaskData, TaskFigures, UnlikeSample
    from edgeq.models.registered import ModelSource
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.quantize.recipes import LitertRecipe, TensorflowRecipe, static, weights_only
    from edgeq.record.structs import CaseRecord, RunRecord
    from edgeq.results.validate import validate
    from edgeq.run.targets import Target, local_target
    from edgeq.samples.folders import SampleFile
    from edgeq.samples.sources import SampleSource
    from edgeq.targets.findings import Findings
    from edgeq.tasks.detection.decoders import Decoder, Evidence
    from edgeq.tasks.kinds import TaskKind

_HOMES = {
    "CaseRecord": "edgeq.record.structs",
    "ClassFigure": "edgeq.measure.figures",
    "Comparison": "edgeq.config.gate",
    "Decoder": "edgeq.tasks.detection.decoders",
    "EdgeqError": "edgeq.errors",
    "Evidence": "edgeq.tasks.detection.decoders",
    "Fault": "edgeq.faults.fault",
    "Faulty": "edgeq.faults.fault",
    "Figure": "edgeq.measure.figures",
    "Findings": "edgeq.targets.findings",
    "Gate": "edgeq.config.gate",
    "Good": "edgeq.faults.good",
    "Judgement": "edgeq.judge.verdict",
    "LitertRecipe": "edgeq.quantize.recipes",
    "Method": "edgeq.config.methods",
    "ModelSource": "edgeq.models.registered",
    "RunRecord": "edgeq.record.structs",
    "SampleFile": "edgeq.samples.folders",
    "SampleSource": "edgeq.samples.sources",
    "Target": "edgeq.run.targets",
    "TargetKind": "edgeq.config.target_kinds",
    "TensorflowRecipe": "edgeq.quantize.recipes",
    "TaskData": "edgeq.measure.figures",
    "TaskFigures": "edgeq.measure.figures",
    "TaskKind": "edgeq.tasks.kinds",
    "UnlikeSample": "edgeq.measure.figures",
    "VariantUnderTest": "edgeq.pipeline.variant",
    "Verdict": "edgeq.judge.verdict",
    "decide": "edgeq.judge.verdict",
    "figure_gate": "edgeq.config.figure_gates",
    "local_target": "edgeq.run.targets",
    "missing": "edgeq.judge.missing",
    "new_fault": "edgeq.faults.fault",
    "static": "edgeq.quantize.recipes",
    "validate": "edgeq.results.validate",
    "weights_only": "edgeq.quantize.recipes",
}

__all__ = [
    "CaseRecord",
    "ClassFigure",
    "Comparison",
    "Decoder",
    "EdgeqError",
    "Evidence",
    "Fault",
    "Faulty",
    "Figure",
    "Findings",
    "Gate",
    "Good",
    "Judgement",
    "LitertRecipe",
    "Method",
    "ModelSource",
    "RunRecord",
    "SampleFile",
    "SampleSource",
    "Target",
    "TargetKind",
    "TaskData",
    "TaskFigures",
    "TaskKind",
    "TensorflowRecipe",
    "UnlikeSample",
    "VariantUnderTest",
    "Verdict",
    "__version__",
    "decide",
    "figure_gate",
    "local_target",
    "missing",
    "new_fault",
    "static",
    "validate",
    "weights_only",
]


def __getattr__(name: str) -> object:
    """Import what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
