"""The proof that a float file is the model that it was converted from."""

from __future__ import annotations

import msgspec

from edgeq import words
from edgeq.judge.verdict import Judgement, failed, passed, undecided
from edgeq.measure.conversion import CEILING, Conversion, ConvertedOutput
from edgeq.words import plural

ROUNDING = 1e-4
"""Greatest difference, relative to the output itself, that rounding may cause. In an output that
hardly varies from sample to sample, as an untrained network's, it may be a large error."""

MIN_SHOWN = 0.001
"""What smaller errors are shown as."""

_NEXT_STEP = (
    "The export is at fault, not a quantization: try another version of the exporter, change the "
    "layer that leads to this output, or name a .tflite file that you converted and checked"
)


def conversion(measured: Conversion) -> Judgement:
    """Prove that a float file gives the outputs of its source."""
    problems = [text for output in measured.outputs if (text := _problem(output, measured))]
    evidence = msgspec.to_builtins(measured)
    on = f"on {plural(measured.samples, f'{measured.role} sample')}"
    errors = [output.error for output in measured.outputs if output.error is not None]
    value = max(errors, default=None)
    if problems:
        return failed(
            f"the float file is not its source's model: {'; '.join(problems)}, {on}",
            _NEXT_STEP,
            evidence,
        )
    if value is None:
        return undecided(
            f"no output is finite and other than zero in {measured.runtime}, {on}",
            "Look at what the model itself gives",
            evidence,
        )
    outputs = "its output" if len(measured.outputs) == 1 else "all outputs"
    return passed(
        f"{outputs} as in {measured.runtime}: relative error of at most "
        f"{_shown(value)} {on} (limit: at most {CEILING:g})",
        evidence,
    )


def _problem(output: ConvertedOutput, measured: Conversion) -> str:
    """Return what is wrong with an output, or an empty string."""
    name = f"output {output.name!r}"
    if output.file_shape is None:
        return f"{name} is missing in the file"
    if output.nonfinite:
        return f"{name} is not finite on {plural(output.nonfinite, 'sample')}"
    if output.error is None:
        if output.shape == output.file_shape or output.moved:
            return ""
        return (
            f"{name} has the shape {list(output.shape)} in {measured.runtime} and "
            f"{list(output.file_shape)} in the file"
        )
    if output.error <= CEILING or (output.relative or 0.0) <= ROUNDING:
        return ""
    return (
        f"{name} differs from {measured.runtime} by a relative error of up to "
        f"{_shown(output.error)} (limit: at most {CEILING:g}), "
        f"on {output.samples_over} of {measured.samples} samples"
    )


def _shown(error: float) -> str:
    return words.value("number", max(error, MIN_SHOWN), beside=CEILING)
