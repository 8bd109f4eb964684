"""``edgeq target``: manages the places where models run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq import words
from edgeq.cli.options import config_option, say, spec_of, width

if TYPE_CHECKING:
    from edgeq.config.structs import DeclaredTarget, Spec
    from edgeq.run.results import WorkerFacts

WRONG = 1


@click.group(short_help="Prepare, check, list and remove the places where models run.")
def target() -> None:
    """Prepare, check, list and remove the places where models run.

    Targets are declared in the spec, `[targets.NAME]` with a `kind`.
    """


@target.command(short_help="Describe a target and check that it runs models correctly.")
@click.argument("name")
@config_option
@click.option(
    "--model",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also try this .tflite file there.",
)
@click.option(
    "--variants", is_flag=True, help="Also judge the spec's variants there, by their predictions."
)
def check(name: str, config: Path | None, model: Path | None, *, variants: bool) -> int:
    """Describe the target NAME and check that it runs models correctly.

    Starts the worker there and runs two tiny models with known outputs. With --model, the file's
    outputs there are compared with those on this machine; a target that only inspects files
    reports what it finds in it, or in a tiny model. With --variants, the spec's variants are judged
    there by the gates that look at predictions, compared with their baseline there; the record does
    not change. The exit code is 1 if something is wrong there or a variant fails.
    """
    from edgeq.targets.starting import declared

    spec = spec_of(config, needs_models=variants)
    entry = declared(name, spec)
    wrong = _check(name, entry, spec, model)
    return _judge(name, spec) if variants and not wrong else wrong


def _judge(name: str, spec: Spec) -> int:
    from edgeq.judge.elsewhere import described
    from edgeq.judge.verdict import Verdict
    from edgeq.results.elsewhere import judge_elsewhere

    failed = 0
    for variant in judge_elsewhere(spec, name):
        say(variant.name)
        beside = variant.beside
        if beside is not None:
            moved = "" if beside.moved is None else f"; {_moved(beside.moved)}"
            say(f"  outputs {described(beside)}{moved}")
        if variant.is_baseline and beside is not None and beside.moved:
            say("  wrong: what variants are compared with there is not what it is here")
            failed += 1
        for case in variant.cases:
            say(f"  {case.status.value:<13}{case.gate}: {case.reason}")
            failed += case.status is Verdict.FAIL
            failed += case.status is Verdict.MISSING and not case.declared_missing
    return WRONG if failed else 0


def _moved(count: int) -> str:
    if not count:
        return "every sample has the same class"
    return f"{words.plural(count, 'sample')} with another class"


def _check(name: str, entry: DeclaredTarget, spec: Spec, model: Path | None) -> int:
    from edgeq.errors import EdgeqError
    from edgeq.run.targets import differences
    from edgeq.targets.starting import boards_of

    wrong, first = 0, None
    for board, own in boards_of(name, entry).items():
        if entry.helpers:
            say(f"board {board}")
        try:
            failed, facts = _check_board(name, own, spec, model)
        except EdgeqError as error:
            if first is None:
                raise
            failed, facts = WRONG, None
            say(f"wrong      takes no part in evaluations: {error}")
        wrong |= failed
        first = first or facts
        if first is not None and facts is not None:
            for difference in differences(first.runtime, facts.runtime):
                say(f"wrong      takes no part in evaluations, unlike the first: {difference}")
                wrong = WRONG
    return wrong


def _check_board(
    name: str, entry: DeclaredTarget, spec: Spec, model: Path | None
) -> tuple[int, WorkerFacts | None]:
    from edgeq.config.target_kinds import function
    from edgeq.targets import check as checking
    from edgeq.targets.starting import kind_of, start

    kind = kind_of(entry)
    say(f"{name}: {kind.summary} (kind {kind.name}); measures {', '.join(sorted(kind.measures))}")
    wrong: tuple[str, ...] = ()
    facts = None
    if kind.start is not None:
        started = start(name, entry, spec.root)
        checked = checking.check(kind, started)
        wrong, facts = checked.problems, checked.facts
        for line in checking.lines(checked):
            say(line)
        for line in checked.warnings:
            say(f"warning    {line}")
        if model is not None:
            for line in checking.beside_lines(checking.beside_local(kind, started, model)):
                say(line)
    if kind.examine is not None and (kind.start is None or model is not None):
        if model is None:
            say("model      a tiny int8 convolution; --model FILE names another")
        findings = checking.examine(function(kind.examine), entry.settings, model)
        for line in findings.lines:
            say(line)
        wrong += findings.problems
    for line in wrong:
        say(f"wrong      {line}")
    return (WRONG if wrong else 0), facts


@target.command(short_help="Prepare what a target needs on this machine.")
@click.argument("name")
@config_option
@click.option(
    "--from",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read the parts from a file that --save wrote, without a network.",
)
@click.option("--mirror", metavar="URL", help="Take packages from this mirror of the distribution.")
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the parts to FILE, for machines without a network.",
)
def add(
    name: str, config: Path | None, file: Path | None, mirror: str | None, save: Path | None
) -> int:
    """Prepare what the target NAME needs on this machine, in the user's cache, and check it.

    Root is not needed. Packages and wheels come from the sources that this machine's own apt and
    pip use; every part is verified and listed with its sha256.
    """
    from edgeq.config.target_kinds import function
    from edgeq.targets.parts import Supply
    from edgeq.targets.starting import boards_of, declared, kind_of

    spec = spec_of(config, needs_models=False)
    entry = declared(name, spec)
    kind = kind_of(entry)
    if kind.prepare is None:
        say(f"{name}: nothing is fetched for a target of the kind {kind.name}")
    else:
        supply = Supply(file, mirror, save, say)
        for board in boards_of(name, entry).values():
            for line in function(kind.prepare)(name, board.settings, supply):
                say(line)
    return _check(name, entry, spec, None)


@target.command(short_help="Remove what was prepared for a target.")
@click.argument("name")
@config_option
def remove(name: str, config: Path | None) -> None:
    """Remove everything prepared for targets of NAME's kind from the user's cache."""
    from edgeq.store import prune
    from edgeq.targets.parts import cache
    from edgeq.targets.starting import declared, kind_of

    kind = kind_of(declared(name, spec_of(config, needs_models=False)))
    pruned = prune.prune(cache(kind.store or kind.name), 0)
    freed = words.size(sum(entry.bytes for entry in pruned.removed) + pruned.leftovers)
    entries = words.plural(len(pruned.removed), "prepared target")
    say(f"removed {entries} of the kind {kind.store or kind.name}, {freed}")


@target.command("list", short_help="List the targets that the spec declares, and the kinds.")
@config_option
def list_(config: Path | None) -> None:
    """List the targets that can be used here, and the kinds of targets."""
    from edgeq.config.target_kinds import BUILT_IN, KINDS
    from edgeq.store import prune
    from edgeq.targets.parts import cache
    from edgeq.words.escape import wrapped

    spec = spec_of(config, needs_models=False)
    for name, entry in {**BUILT_IN, **spec.targets.declared}.items():
        use = "used by the gate" if name in spec.targets.use else "not used by the gate"
        say(f"{name:<16}{entry.kind:<14}{use}")
    say("Kinds:")
    stores: dict[str, list[str]] = {}
    for name, kind in KINDS:
        stores.setdefault(kind.store or name, []).append(name)
        head = f"  {name:<14}"
        text = f"{kind.summary}; measures {', '.join(sorted(kind.measures))}"
        for row in wrapped(text, width() - len(head)):
            say(head + row)
            head = " " * len(head)
    for store, kinds in stores.items():
        prepared = sum(entry.bytes for entry in prune.entries(cache(store)))
        if prepared:
            say(f"Prepared for {' and '.join(kinds)}: {words.size(prepared)} in the user's cache")
