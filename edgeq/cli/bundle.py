"""``edgeq bundle``: packs a run's cleared variants, or verifies a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import PATH, config_option, record_option, say, shown, spec_of

if TYPE_CHECKING:
    from edgeq.bundle import Attested, BundleResult


@click.command(short_help="Pack the cleared variants, or verify a package.")
@record_option("Pack from this record (default: reports/latest/run.json).")
@click.option(
    "--output",
    metavar="DIR",
    type=PATH,
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
    type=PATH,
    help="Instead, verify a package (folder or zip).",
)
@click.option(
    "--sign",
    metavar="KEY.pem",
    type=PATH,
    help="Sign the package's attestation with this private Ed25519 key.",
)
@click.option(
    "--key",
    metavar="KEY.pub",
    type=PATH,
    help="With --check: the attestation must be signed with this public key.",
)
@config_option
def bundle(
    *,
    record: Path | None,
    output: Path | None,
    package: Path | None,
    config: Path | None,
    sign: Path | None,
    key: Path | None,
    unproven: bool,
) -> int:
    """Pack the cleared variants as a folder and a reproducible zip.

    Every variant that is left out is listed with its answer and the reasons; rejected and not
    judged variants always are. attestation.json in the package is an in-toto statement about all
    of its files; --sign signs it. The exit code is 2 if nothing is packed, if a package does not
    contain what its manifest and attestation say, or if it is not signed with the --key.
    """
    if package is not None:
        if any(option is not None for option in (record, output, config, sign)) or unproven:
            raise click.UsageError("--check can't be combined with other options, apart from --key")
        return _check(package, key)
    if key is not None:
        raise click.UsageError("--key verifies a package: name it by --check; --sign signs one")

    from edgeq.record import structs as records
    from edgeq.results import bundling

    spec = spec_of(config)
    reports = shown(spec.path(spec.reports))
    run = records.read(record or reports / "latest" / "run.json")
    if bundling.is_outdated(run, spec):
        say(
            "Note: the spec has changed since this record; `edgeq gate` judges by the new one.",
            err=True,
        )
    target = output or reports / "bundle"
    _show(bundling.pack(run, target, spec, unproven=unproven, key=sign))
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


def _check(package: Path, key: Path | None) -> int:
    from edgeq.bundle import check
    from edgeq.words import plural, size

    manifest = check(package, key)
    say(
        f"{manifest.path} contains what its manifest says: {plural(manifest.files, 'file')}, "
        f"{size(manifest.bytes)}"
    )
    for name, answer in manifest.variants.items():
        say(f"  {name}" if answer is None else f"  {name}: {answer.value}")
    say(_attestation(manifest.attested))
    return 0


def _attestation(attested: Attested | None) -> str:
    if attested is None:
        return "It has no attestation: a version of edgeq before 0.2 packed it"
    about = f"Its attestation ({attested.result}) is about these files"
    if attested.verified:
        return f"{about} and signed with the key {attested.verified[:12]}"
    if attested.signed_by:
        ids = ", ".join(keyid[:12] for keyid in attested.signed_by)
        return f"{about}; its signature by {ids} is not verified: name the public key by --key"
    return f"{about}; it is not signed, so it does not prove who packed them"
