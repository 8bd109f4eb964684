"""``edgeq bundle``: packs a run's cleared variants, or verifies a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import config_option
from edgeq.cli.paths import shown
from edgeq.cli.say import say

if TYPE_CHECKING:
    from edgeq.bundle import BundleResult


@click.command(short_help="Pack the cleared variants, or verify a package.")
@click.option(
    "--record",
    metavar="RUN.json",
    type=click.Path(path_type=Path),
    help="Pack from this record (default: reports/latest/run.json).",
)
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the package into DIR and DIR.zip (default: reports/bundle).",
)
@click.option(
    "--unproven",
    is_flag=True,
    help="Also pack unproven variants, marked as such.",
)
@click.option(
    "--check",
    "package",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Instead, verify a package (folder or zip).",
)
@config_option
def bundle(
    record: Path | None,
    output: Path | None,
    package: Path | None,
    config: Path | None,
    *,
    unproven: bool,
) -> int:
    """Pack the cleared variants as a folder and a reproducible zip.

    Every variant that is left out is listed with its answer and the reasons; rejected and not
    judged variants always are. The exit code is 2 if nothing is packed, or if a package does not
    contain what its manifest says.
    """
    if package is not None:
        if record is not None or output is not None or config is not None or unproven:
            raise click.UsageError("--check can't be combined with other options")
        return _check(package)

    from edgeq.config.load import load_spec
    from edgeq.record import structs as records
    from edgeq.results import bundling

    spec = load_spec(Path(), file=config)
    reports = shown(spec.path(spec.reports))
    run = records.read(record or reports / "latest" / "run.json")
    if bundling.is_outdated(run, spec):
        say(
            "Note: the spec has changed since this record; `edgeq gate` judges by the new one.",
            err=True,
        )
    _show(bundling.pack(run, output or reports / "bundle", spec, unproven=unproven))
    return 0


def _show(result: BundleResult) -> None:
    say(f"Packed: {len(result.packed)} of {len(result.packed) + len(result.refused)}")
    for key, answer in result.packed.items():
        say(f"  {key}: {answer.value}")
    if result.refused:
        say("Not packed:")
    for refusal in result.refused:
        say(f"  {refusal.model}/{refusal.variant}: {refusal.answer.value}")
        for reason in refusal.reasons:
            say(f"    {reason}")
    say(f"Package: {result.folder}")
    say(f"Zip: {result.zip} (sha256 {result.zip_sha256})")


def _check(package: Path) -> int:
    from edgeq.bundle import check
    from edgeq.words import plural, size

    manifest = check(package)
    say(
        f"{manifest.path} contains what its manifest says: {plural(manifest.files, 'file')}, "
        f"{size(manifest.bytes)}"
    )
    for key, answer in manifest.variants.items():
        say(f"  {key}" if answer is None else f"  {key}: {answer.value}")
    return 0
