"""``edgeq target``: the places where models run."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli.say import say

WRONG = 1
_config = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="Read the spec from FILE."
)


@click.group(short_help="Prepare, check, list and remove the places where models run.")
def target() -> None:
    """Prepare, check, list and remove the places where models run.

    Targets are declared in the spec, `[targets.NAME]` with a `kind`.
    """


@target.command(short_help="Say what a target is and whether it runs models as it should.")
@click.argument("name")
@_config
@click.option(
    "--model",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Try this .tflite file there, too.",
)
def check(name: str, config: Path | None, model: Path | None) -> int:
    """Say what the target NAME is and whether it runs models as it should.

    Starts the worker there and runs two tiny models whose answers are known. With --model, the
    file's answers there are compared with those on this machine; a target that only looks at files
    says what it finds in it. The exit code is 1 if something is wrong there.
    """
    from edgeq.config.load import load_spec
    from edgeq.config.target_kinds import function
    from edgeq.errors import EdgeqError
    from edgeq.targets import check as checking
    from edgeq.targets.starting import declared, kind_of, start

    entry = declared(name, load_spec(Path(), file=config))
    kind = kind_of(entry)
    say(f"{name}: {kind.summary} (kind {kind.name}); measures {', '.join(sorted(kind.measures))}")
    if kind.start is None and model is None:
        raise EdgeqError("only looks at files", where=name, remedy="Name one with --model FILE")
    wrong: tuple[str, ...] = ()
    if kind.start is not None:
        started = start(name, entry)
        checked = checking.check(kind, started)
        wrong = checked.problems
        for line in checking.lines(checked):
            say(line)
        for line in checked.warnings:
            say(f"warning    {line}")
        if model is not None:
            for line in checking.beside_lines(checking.beside_local(started, model)):
                say(line)
    if kind.examine is not None and model is not None:
        findings = function(kind.examine)(entry.settings, model)
        for line in findings.lines:
            say(line)
        wrong += findings.problems
    for line in wrong:
        say(f"wrong      {line}")
    return WRONG if wrong else 0


@target.command("list", short_help="List the targets that the spec declares, and the kinds.")
@_config
def list_(config: Path | None) -> None:
    """List the targets that can be used here, and the kinds of targets."""
    from edgeq.config.load import load_spec
    from edgeq.config.target_kinds import KINDS
    from edgeq.config.target_tables import BUILT_IN

    spec = load_spec(Path(), file=config)
    for name, entry in {**BUILT_IN, **spec.targets.declared}.items():
        use = "used by the gate" if name in spec.targets.use else "not used by the gate"
        say(f"{name:<16}{entry.kind:<14}{use}")
    say("Kinds:")
    for name, kind in KINDS:
        say(f"  {name:<14}{kind.summary}; measures {', '.join(sorted(kind.measures))}")
