"""``edgeq verify``: checks a claimed accuracy on your own samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import Range, config_option, progress, say, spec_of

if TYPE_CHECKING:
    from edgeq.config.structs import Preprocessing
    from edgeq.judge.claims import Claim
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.results.claims import Verified

EXIT_FALSE, EXIT_OPEN = 1, 3
NAME = "model"

SHARE = Range(0.0, 1.0)

Options = dict[str, str | float | None]
"""What the command line says of a file, by option."""


@click.command(short_help="Say whether a claimed accuracy holds on samples.")
@click.argument("model", metavar="MODEL")
@click.option("--top1", type=SHARE, metavar="SHARE", help="The claimed top-1 accuracy, e.g. 0.77.")
@click.option(
    "--map",
    "precision",
    type=SHARE,
    metavar="SHARE",
    help="The claimed mAP50-95 of a detector, e.g. 0.31.",
)
@click.option(
    "--within",
    type=SHARE,
    default=0.02,
    show_default=True,
    metavar="SHARE",
    help="By how much the figure may be lower without contradicting the claim.",
)
@click.option(
    "--samples",
    metavar="SET",
    help="For a file: labelled samples, as `evaluation` of the spec names them: a folder of "
    "images, sample:NAME, data:NAME, or a .npy or .npz file with labels.csv next to it.",
)
@click.option(
    "--scale",
    type=float,
    metavar="NUMBER",
    help="For arrays of integers q: they stand for (q - zero point) * scale. By default the scale "
    "of the file's own input, if it has the type of the integers.",
)
@click.option("--zero-point", type=int, metavar="NUMBER", help="The zero point of --scale.")
@click.option("--preprocessing", metavar="NAME", help="For a file: a preset, e.g. keras-torch.")
@click.option("--labels", metavar="NAME", help="For a file: its classes, a label set or a file.")
@config_option
def verify(
    *,
    model: str,
    top1: float | None,
    precision: float | None,
    within: float,
    samples: str | None,
    scale: float | None,
    zero_point: int | None,
    preprocessing: str | None,
    labels: str | None,
    config: Path | None,
) -> int:
    """Say whether a claimed accuracy of MODEL holds on samples.

    MODEL is a .tflite file, quantized or not; the folder of a variant in a package, whose own
    accuracy is then the claim unless another is given; or MODEL/VARIANT of the spec, or MODEL for
    its baseline.

    \b
      edgeq verify card.tflite --top1 0.77 --samples photographs --preprocessing keras-torch
      edgeq verify reports/bundle/net/int8 --samples photographs
      edgeq verify keywords.tflite --top1 0.90 --samples features.npy
      edgeq verify net/int8 --top1 0.77

    If the claim does not hold, edgeq tries other pixel ranges, channel orders, resizes, and offsets
    and orders of classes. It names what makes the model right more often, with the accuracy on
    images that were not used to choose it.

    The exit code: 0 the claim holds, 1 it does not, 2 bad input, 3 too few samples to tell.
    """  # noqa: D301 - click reads the escaped mark
    from edgeq.judge.verdict import Verdict
    from edgeq.results.claims import verify as run
    from edgeq.words.samples import of_arrays

    options: Options = {
        "samples": samples,
        "scale": scale,
        "zero-point": zero_point,
        "preprocessing": preprocessing,
        "labels": labels,
    }
    try:
        subject, own = _subject(model, options, config)
        claim = _claim(top1, precision, own, within)
        verified = run(subject, claim)
    finally:
        progress("")
    arrays = subject.takes_arrays
    for line in (*(subject.samples.notes if arrays else ()), *lines(verified, arrays=arrays)):
        say(of_arrays(line) if arrays else line)
    codes = {Verdict.PASS: 0, Verdict.FAIL: EXIT_FALSE}
    return codes.get(verified.answer, EXIT_OPEN)


def lines(verified: Verified, *, arrays: bool = False) -> Iterator[str]:
    """Yield what became of a claim, a sentence a line.

    Samples that are arrays are fed in one way only.
    """
    from edgeq.judge.claims import advice, judge_claim, sentence
    from edgeq.judge.verdict import Verdict
    from edgeq.words import interval, value

    yield f"{sentence(verified.claim, verified.measured)}."
    step = advice(verified.claim, verified.measured)
    if step:
        yield f"{step}."
    better, corrected = verified.correction, verified.corrected
    if better is None or corrected is None:
        if verified.answer is Verdict.FAIL and verified.claim.figure == "top1" and not arrays:
            yield (
                "No other pixel range, channel order, resize, offset or order of classes gives "
                "the claimed accuracy."
            )
        return
    then = {
        Verdict.PASS: "with that the claim holds",
        Verdict.FAIL: "even with that the claim does not hold",
        Verdict.INCONCLUSIVE: "these images can't tell whether the claim holds with that",
    }[judge_claim(verified.claim, corrected)]
    changes = " and ".join(better.changes)
    yield (
        f"{changes[:1].upper()}{changes[1:]}: right on {value('percent', corrected.value)} of "
        f"{corrected.sample}, interval {interval('percent', corrected.interval)}; {then}."
    )
    if better.fed is not None:
        yield f"  preprocessing = {_table(better.fed)}"


def _table(preprocessing: Preprocessing) -> str:
    """Return a preprocessing as the spec writes it."""
    import msgspec

    from edgeq.config.presets import PREPROCESSING

    for name, preset in PREPROCESSING:
        if preset == preprocessing:
            return json.dumps(name)
    keys = msgspec.to_builtins(preprocessing).items()
    defaults = msgspec.to_builtins(type(preprocessing)())
    own = (f"{key} = {json.dumps(value)}" for key, value in keys if value != defaults[key])
    return f"{{ {', '.join(own)} }}"


def _claim(top1: float | None, precision: float | None, own: float | None, within: float) -> Claim:
    from edgeq.judge.claims import Claim

    if top1 is not None and precision is not None:
        raise click.UsageError("--top1 and --map can't be combined")
    if precision is not None:
        return Claim(figure="map", value=precision, within=within)
    claimed = own if top1 is None else top1
    if claimed is None:
        raise click.UsageError("name the claim: --top1 or --map")
    return Claim(figure="top1", value=claimed, within=within)


def _subject(
    model: str, options: Options, config: Path | None
) -> tuple[VariantUnderTest, float | None]:
    """Return the model to verify, and the accuracy that its package claims."""
    path = Path(model)
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if not path.exists() and path.suffix != ".tflite":
        if given:
            raise click.UsageError(f"{', '.join(given)}: the spec says that of {model}")
        return _of_spec(model, config), None
    if config is not None:
        raise click.UsageError("--config is for a model of the spec")
    if options["samples"] is None:
        raise click.UsageError("name labelled images: --samples")
    return _of_file(path, options)


def _of_spec(name: str, config: Path | None) -> VariantUnderTest:
    from edgeq.pipeline.run import Run

    spec = spec_of(config)
    run = Run(spec, say=progress)
    return run.baseline(name) if name in spec.models else run.variant(name)


def _of_file(path: Path, options: Options) -> tuple[VariantUnderTest, float | None]:
    import msgspec

    from edgeq.bundle.metadata import packed_claim
    from edgeq.config.load import parse
    from edgeq.models.float_model import load_any_file
    from edgeq.pipeline.run import Run

    declared: dict[str, object] = {}
    file, top1 = path, None
    if path.suffix != ".tflite":
        packed = packed_claim(path)
        file, top1 = packed.file, packed.top1
        if packed.preprocessing is not None:
            declared["preprocessing"] = msgspec.to_builtins(packed.preprocessing)
        if packed.labels is not None:
            declared["labels"] = packed.labels
    declared |= {
        name: options[name] for name in ("preprocessing", "labels") if options[name] is not None
    }
    sets: dict[str, object] = {"images": {"evaluation": options["samples"]}}
    if Path(str(options["samples"])).suffix in {".npy", ".npz"}:
        declared["samples"], sets = _arrays(file, options), {}
    elif options["scale"] is not None or options["zero-point"] is not None:
        raise click.UsageError("--scale and --zero-point are for arrays (.npy, .npz)")
    spec = parse(
        {"methods": [], "models": {NAME: {"source": str(file), **declared}}, **sets},
        root=Path.cwd(),
        origin=Path("command line"),
    )
    run = Run(spec, say=progress)
    run.inputs(NAME).use(load_any_file(NAME, spec.models[NAME], spec.path(str(file)), run.store))
    return run.baseline(NAME), top1


def _arrays(file: Path, options: Options) -> dict[str, object]:
    """Return the table of a file's samples, with the scale of integers if there is one."""
    from edgeq.cli.detect import scale_of
    from edgeq.samples.array_sources import headers

    scale, zero_point = options["scale"], options["zero-point"]
    if scale is None and zero_point is not None:
        raise click.UsageError(
            "--zero-point needs --scale: give both, or neither to take those of the file's input"
        )
    table: dict[str, object] = {"evaluation": options["samples"]}
    if scale is None:
        samples = Path(str(options["samples"]))
        types = [dtype.name for _, dtype in headers(samples, str(samples)).values()]
        return {**table, **((scale_of(file, types[0]) if len(types) == 1 else None) or {})}
    return {**table, "scale": scale, "zero_point": zero_point or 0}
