"""``edgeq accept``: makes a run's figures those that later runs are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import config_option, record_option, say, shown, spec_of

if TYPE_CHECKING:
    from edgeq.config.structs import Spec
    from edgeq.history.accept import Accepting
    from edgeq.record.structs import RunRecord


@click.command(short_help="Compare later runs with this run's figures.")
@click.option(
    "-k",
    "expression",
    metavar="EXPR",
    default="",
    help="Accept only the cases that EXPR selects, as with pytest's -k: 'int8 and not latency'.",
)
@click.option("--reason", metavar="TEXT", required=True, help="Reason, kept with the figures.")
@click.option(
    "--prune", is_flag=True, help="Remove accepted cases that the run does not declare any more."
)
@record_option("Accept this record (default: reports/latest/run.json).")
@config_option
def accept(
    expression: str, reason: str, record: Path | None, config: Path | None, *, prune: bool
) -> int:
    """Compare later runs with a run's figures.

    Writes one file per model into reports/accepted/, which belongs in git. Later runs fail
    if a figure is worse than accepted or an accepted case is gone. Cases that are not selected
    keep their accepted figures. A case that fails its own limit or was not run can't be accepted.
    """
    from datetime import UTC, datetime

    from edgeq.history import accepted
    from edgeq.history.accept import Signature, select
    from edgeq.history.accept import accept as merge
    from edgeq.history.commit import checked_out
    from edgeq.record import structs as records
    from edgeq.store.locks import alone_in

    spec = spec_of(config)
    reports = shown(spec.path(spec.reports))
    folder = reports / accepted.FOLDER
    selected = select(expression)
    with alone_in(reports):
        run = records.read(record or reports / "latest" / "run.json")
        _require_models(run, spec, record)
        known = {entry.model: entry for entry in accepted.read_all(folder)}
        signature = Signature(
            reason=reason,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=checked_out(spec.root),
        )
        declared = _declared(run, spec)
        done = merge(run, known, selected, signature, declared=declared, prune=prune)
        places = {model: accepted.path_of(folder, model) for model in done.records}
        for model, entry in done.records.items():
            if entry is None:
                places[model].unlink()
            else:
                accepted.write(entry, folder)
    _show(done, places)
    return 0


def _declared(run: RunRecord, spec: Spec) -> frozenset[str]:
    """Return the cases of the spec if the run was of another, or of what options left of it."""
    from edgeq.config.load import spec_sha256
    from edgeq.pipeline.run import Run

    if run.spec_sha256 == spec_sha256(spec):
        return frozenset()
    return frozenset(case.id for case in Run(spec).cases)


def _require_models(run: RunRecord, spec: Spec, record: Path | None) -> None:
    """Refuse the record of another project, whose models every later run would miss.

    Raises:
        RecordError: The spec has none of the record's models.
    """
    from edgeq.errors import RecordError
    from edgeq.words import names

    models = [model.name for model in run.models]
    if models and not set(models) & set(spec.models):
        raise RecordError(
            f"is of another project: its models are {names(models)}, those of the spec "
            f"{names(tuple(spec.models))}",
            where=record,
            remedy="Name a record of this project, or another spec with --config",
        )


def _show(done: Accepting, places: dict[str, Path]) -> None:
    from edgeq.words import names, plural

    say(f"Accepted: {plural(len(done.taken), 'case')}")
    for model, entry in done.records.items():
        say(f"  {places[model]}" + (" removed: it has no case left" * (entry is None)))
    if not done.vanished:
        return
    sentence = f"{plural(len(done.vanished), 'accepted case')} that the run does not declare"
    if done.pruned:
        say(f"Pruned: {sentence}: {names(done.vanished)}")
    else:
        say(f"Kept: {sentence}, and every run fails for: {names(done.vanished)}")
        say("  --prune removes them")
