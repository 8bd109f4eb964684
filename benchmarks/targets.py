"""What variants answer on other targets, beside this machine and beside the float baseline.

``EDGEQ_DATA=FOLDER python -m benchmarks.targets [--target NAME ...] [--images N] [--store FOLDER]``
judges EfficientNet-Lite0 and EfficientNetV2-B0 and four variants of each (float16, dynamic range,
int8, weight-only int8; ``--method`` and ``--classifier`` choose others) here and there by
``same_as_local`` with its default limits, and writes a table for each target. A target is one of
the spec in this folder, ``ssh`` (OpenSSH's server on 127.0.0.1) or ``board`` (an emulated one, with
the bundle; see ``tests/end_to_end/board.py``). With ``--store`` a run that was interrupted goes on
where it was.
Exit code 1 if a variant is refused there or ``same_as_local`` fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.processes import load_note
from edgeq.config.load import load_spec, parse
from edgeq.config.structs import DeclaredTarget, Spec, Targets
from edgeq.config.target_kinds import Ssh
from edgeq.errors import EdgeqError
from edgeq.judge.elsewhere import described
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.results.judging import judge
from edgeq.targets import ssh
from edgeq.targets.parts import Supply
from edgeq.targets.starting import declared
from tests.end_to_end import board, sshd

METHODS = ("int8", "dynamic_range", "float16", "weight_only_int8")
MODELS = {
    "efficientnet-lite0": "efficientnet-lite0",
    "efficientnetv2-b0": "keras:EfficientNetV2B0",
}
TIMEOUT_S = 600.0
"""Time limit for an inference: an emulator's first one compiles the network's code."""


@dataclass(frozen=True)
class Row:
    """A variant on a target, beside this machine.

    Attributes:
        name: Of the variant.
        agreement: Share of photographs with the baseline's class there; 1 for a baseline.
        here: The same on this machine.
        verdict: Of ``same_as_local``; ``-`` for a baseline, which has no cases, and on a target
            without kernels of this machine's kind.
        differ: How far the outputs differ.
        moved: Photographs whose class is not the same on both.
        seconds: Wall time of what the store had not yet, for an image.
        refused: Why it does not run there, else empty.
    """

    name: str
    agreement: float = 0.0
    here: float = 0.0
    verdict: str = "-"
    differ: str = ""
    moved: int = 0
    seconds: float = 0.0
    refused: str = ""


def row(variant: VariantUnderTest, run: Run) -> Row:
    """Return what a variant, or a baseline, answers on its target."""
    begin = time.monotonic()
    try:
        variant.evaluate_all()
        seconds = time.monotonic() - begin
        beside = variant.beside_here
        if variant.is_baseline:
            return Row(variant.name, 1.0, 1.0, "-", described(beside), beside.moved or 0, seconds)
        there, here = variant.agreement.top1, variant.here.agreement.top1
    except EdgeqError as error:
        return Row(variant.name, refused=str(error))
    cases = [case for case in run.cases if case.variant is variant]
    same = [judge(case, explain=False)[0] for case in cases if case.gate.name == "same_as_local"]
    return Row(
        variant.name,
        there,
        here,
        same[0].status.value if same else "-",
        described(beside),
        beside.moved or 0,
        seconds,
    )


def rows(spec: Spec) -> Iterator[Row]:
    """Yield a row for every baseline of a spec on its target, each followed by its variants'."""
    run = Run(spec, say=lambda _: None)
    (there,) = run.elsewhere
    for model in spec.models:
        for variant in (there.baseline(model), *there.variants_of(model)):
            yield row(variant, run)


def spec_of(given: argparse.Namespace) -> Spec:
    """Return a spec with the variants of the models."""
    chosen = {} if given.classifier is None else {"classifier": given.classifier}
    table = {
        "methods": given.method or list(METHODS),
        "models": {
            name: {"source": source, **chosen}
            for name, source in MODELS.items()
            if name in (given.model or MODELS)
        },
        "images": {
            "calibration": "data:imagenet",
            "evaluation": "data:imagenet",
            "max_evaluation": given.images,
        },
        "run": {"timeout_s": TIMEOUT_S},
        "store": given.store,
    }
    return parse(table, root=Path.cwd(), origin=Path("benchmark"))


def on(spec: Spec, name: str, stack: ExitStack) -> Spec:
    """Return a spec that judges on a target, which is started if it is one of the two here."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if name == "ssh":
        server = stack.enter_context(sshd.serving(folder, sshd.unpacked(folder)))
        settings = Ssh(
            host="board",
            config=str(server.config),
            identity=str(server.identity),
            python=sys.executable,
        )
        target = DeclaredTarget(kind="ssh", settings=settings)
    elif name == "board":
        booted = stack.enter_context(board.running(folder))
        settings = Ssh(
            host="root@127.0.0.1",
            port=booted.port,
            identity=str(booted.identity),
            config=str(booted.config),
            bundle=True,
        )
        list(ssh.prepare(name, settings, Supply()))
        target = DeclaredTarget(kind="ssh", settings=settings)
    else:
        target = declared(name, load_spec(Path()))
    return msgspec.structs.replace(spec, targets=Targets(use=(name,), declared={name: target}))


def main() -> int:
    """Print a table for each target; return 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", action="append", help="default: arm64")
    parser.add_argument("--model", choices=tuple(MODELS), action="append")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--method", action="append", help=f"default: {', '.join(METHODS)}")
    parser.add_argument("--classifier", help="of the models' tables")
    parser.add_argument("--store", help="keep what is made here")
    given = parser.parse_args()
    failed = 0
    with ExitStack() as stack:
        given.store = given.store or stack.enter_context(tempfile.TemporaryDirectory())
        spec = spec_of(given)
        for name in given.target or ["arm64"]:
            print(f"\n{name}, {given.images} photographs; {load_note()}\n")
            print("| variant | agreement there | here | `same_as_local` | outputs | moved | s |")
            print("|---|---|---|---|---|---|---|")
            with ExitStack() as running:
                for each in rows(on(spec, name, running)):
                    failed += bool(each.refused) or each.verdict == Verdict.FAIL.value
                    text = (
                        f"{each.refused} | | | | | "
                        if each.refused
                        else f"{each.agreement:.3f} | {each.here:.3f} | {each.verdict} "
                        f"| {each.differ} | {each.moved} | {each.seconds / given.images:.2f} "
                    )
                    print(f"| {each.name} | {text}|", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
