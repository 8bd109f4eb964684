"""What the proofs about running need, asked of a run and kept in the store."""

from __future__ import annotations

import msgspec

from edgeq.judge import proofs, running
from edgeq.judge.verdict import Judgement
from edgeq.measure.answers import Answers, Floats
from edgeq.measure.input_range import InputFit, input_fit, input_scale
from edgeq.measure.kernels import KernelNoise, kernel_noise
from edgeq.measure.repeats import Repeats, same
from edgeq.models.model_file import read_model
from edgeq.pipeline.kept import arithmetic, keep
from edgeq.pipeline.measuring import pair_facts
from edgeq.pipeline.plan import Subject
from edgeq.pipeline.repeating import MOST_IMAGES, OtherKernels, ask_again, ask_others
from edgeq.pipeline.run import Run
from edgeq.spec.structs import Kernels


class _Noise(msgspec.Struct, frozen=True):
    found: KernelNoise
    other: Kernels


class _Steadiness(msgspec.Struct, frozen=True):
    repeats: Repeats
    copied: bool


class _Fit(msgspec.Struct, frozen=True):
    found: InputFit | None


def prove_kernels(run: Run, subject: Subject) -> Judgement:
    """Run a variant's first photographs with other kernels too, where its arithmetic is integer.

    Raises:
        WorkerError: It does not run, or with one kind of kernels only.
    """
    own = run.spec.run.kernels
    if not is_quantized(run, subject):
        return running.kernels(None, own, own)

    def make() -> _Noise:
        answers = run.answers(subject.model, subject)  # first: its error says more
        others = ask_kernels(run, subject)
        baseline = run.answers(subject.model, None)
        return _Noise(kernel_noise(baseline, answers, others.answers), others.kernels)

    facts = {**pair_facts(run, subject), "asked": MOST_IMAGES}
    kept = keep(run.store, "noise", facts, make, _Noise)
    return running.kernels(kept.found, own, kept.other)


def ask_kernels(run: Run, subject: Subject) -> OtherKernels:
    """Return what other kernels say, asked once; this is the slow part of ``prove_kernels``.

    Raises:
        WorkerError: None of the others can run the variant.
    """
    executable = run.executable(subject.model, subject)
    photographs = run.inputs(subject.model).stream(executable.preprocessing)
    return ask_others(run.executor, executable, photographs)


def is_quantized(run: Run, subject: Subject) -> bool:
    """Return whether a variant's arithmetic is integer, so that kernels may part."""
    return run.operators_of(subject.model, subject).quantizes_activations


def prove_outputs(run: Run, subject: Subject) -> Judgement:
    """Look at a variant's answers, and ask a fresh worker again about one photograph.

    Raises:
        EdgeqError: Variant or baseline do not run, or there is no evaluation set.
    """
    found, baseline = run.outputs(subject.model, subject), run.outputs(subject.model, None)
    kept = keep(
        run.store,
        "steadiness",
        {**pair_facts(run, subject), "asked": MOST_IMAGES},
        lambda: _steadiness(run, subject),
        _Steadiness,
    )
    trained = run.inputs(subject.model).baseline.trained
    return proofs.outputs(found, baseline, kept.repeats, trained=trained, copied=kept.copied)


def _steadiness(run: Run, subject: Subject) -> _Steadiness:
    answers, baseline = run.answers(subject.model, subject), run.answers(subject.model, None)
    executable = run.executable(subject.model, subject)
    photographs = run.inputs(subject.model).stream(executable.preprocessing)
    again = ask_again(run.executor, executable, photographs)
    before = answers.first(len(again.answers.scores))
    # In a batch of several, neighbours that changed since may move the last bits.
    fresh = again.batch > 1 or same(_arrays(before), _arrays(again.answers))
    copied = is_quantized(run, subject) and same(_arrays(answers), _arrays(baseline))
    return _Steadiness(msgspec.structs.replace(again.repeats, fresh=fresh), copied)


def prove_input_range(run: Run, subject: Subject) -> Judgement:
    """Hold the evaluation photographs against a variant's input scale.

    Raises:
        ImageError: There is no evaluation set.
    """
    executable = run.executable(subject.model, subject)
    photographs = run.inputs(subject.model).stream(executable.preprocessing)

    def make() -> _Fit:
        scale = input_scale(read_model(executable.path))
        if scale is None:
            return _Fit(None)
        return _Fit(input_fit(scale, executable.preprocessing, photographs))

    facts = {
        "model": executable.sha256,
        "pixels": photographs.source,
        "images": photographs.images.content_sha256,
        "preprocessing": msgspec.to_builtins(executable.preprocessing),
        **arithmetic(),
    }
    return running.input_range(keep(run.store, "input_range", facts, make, _Fit).found)


def _arrays(answers: Answers) -> tuple[Floats, Floats]:
    return answers.scores, answers.logits
