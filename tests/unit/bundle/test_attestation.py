"""Attestations of packages, with and without a signature, and what may be wrong with them."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeq.bundle import BundleResult, check
from edgeq.bundle.attestation import Envelope, signed_bytes
from edgeq.errors import BundleError
from edgeq.io.files import sha256_file
from tests.unit.bundle import packages
from tests.unit.report import records

MODEL = f"{records.MODEL}/int8/model.tflite"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> BundleResult:
    root = tmp_path_factory.mktemp("packed")
    return packages.make(root / "project").pack(root / "bundle")


@pytest.fixture
def folder(packed: BundleResult, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed.folder, tmp_path / "bundle"))


def statement(folder: Path) -> dict[str, Any]:
    envelope = json.loads((folder / "attestation.json").read_bytes())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    content: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return content


def keys(folder: Path, name: str = "key", passphrase: bytes | None = None) -> tuple[Path, Path]:
    """Write a private and a public key."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    how = pem.BestAvailableEncryption(passphrase) if passphrase else pem.NoEncryption()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, how))
    public.write_bytes(
        key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def test_every_file_is_a_subject_of_an_in_toto_statement(packed: BundleResult) -> None:
    content = statement(packed.folder)
    assert content["_type"] == "https://in-toto.io/Statement/v1"
    assert content["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    subjects = {entry["name"]: entry["digest"]["sha256"] for entry in content["subject"]}
    files = (path for path in packed.folder.rglob("*") if path.is_file())
    assert subjects == {
        path.relative_to(packed.folder).as_posix(): sha256_file(path)
        for path in files
        if path.name != "attestation.json"
    }
    predicate = content["predicate"]
    assert predicate["result"] == "PASSED"
    assert f"{records.MODEL}/int8/top1_agreement" in predicate["passedTests"]
    assert predicate["warnedTests"] == predicate["failedTests"] == []
    assert len(predicate["configuration"][0]["digest"]["sha256"]) == 64


def test_an_unsigned_attestation_is_told_as_such(packed: BundleResult, tmp_path: Path) -> None:
    for path in (packed.folder, packed.zip):
        attested = check(path).attested
        assert attested is not None
        assert attested.result == "PASSED"
        assert attested.signed_by == ()
        assert attested.verified == ""
    _, public = keys(tmp_path)
    with pytest.raises(BundleError, match="its attestation is not signed"):
        check(packed.folder, public)


def test_the_encoding_that_is_signed_is_that_of_the_standard() -> None:
    payload = base64.b64encode(b"hello world").decode()
    envelope = Envelope(payload=payload, payload_type="http://example.com/HelloWorld")
    assert signed_bytes(envelope) == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_signed_package_is_verified_offline(tmp_path: Path) -> None:
    private, public = keys(tmp_path)
    signed = packages.make(tmp_path / "project").pack(tmp_path / "bundle", key=private)
    again = packages.make(tmp_path / "project").pack(tmp_path / "again", key=private)
    assert signed.zip_sha256 == again.zip_sha256, "the same key gives the same bytes"
    for path in (signed.folder, signed.zip):
        attested = check(path, public).attested
        assert attested is not None
        assert attested.signed_by == (attested.verified,)
        unverified = check(path).attested
        assert unverified is not None
        assert unverified.verified == ""


def test_another_key_and_a_changed_statement_are_refused(tmp_path: Path) -> None:
    private, public = keys(tmp_path)
    _, other = keys(tmp_path, "other")
    signed = packages.make(tmp_path / "project").pack(tmp_path / "bundle", key=private).folder
    with pytest.raises(BundleError, match="signed with another key"):
        check(signed, other)
    file = signed / "attestation.json"
    envelope = json.loads(file.read_bytes())
    content = statement(signed)
    content["predicate"]["warnedTests"] = ["net/int8/accuracy_drop"]
    envelope["payload"] = base64.b64encode(json.dumps(content).encode()).decode()
    file.write_text(json.dumps(envelope), "utf-8")
    assert check(signed).attested is not None, "its files are the same"
    with pytest.raises(BundleError, match="was changed after it was signed"):
        check(signed, public)
    envelope["signatures"][0]["sig"] = "?"
    file.write_text(json.dumps(envelope), "utf-8")
    with pytest.raises(BundleError, match="does not fit"):
        check(signed, public)


def changed_with_its_manifest(folder: Path) -> None:
    """Change a file, and let the manifest say so, as somebody who wants to deceive does."""
    data = bytearray((folder / MODEL).read_bytes())
    data[100] ^= 1
    (folder / MODEL).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][MODEL]["sha256"] = sha256_file(folder / MODEL)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def envelope_of(folder: Path, **changes: Any) -> None:
    file = folder / "attestation.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes), "utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (changed_with_its_manifest, f"is about other files: {MODEL}, manifest.json"),
        (lambda folder: (folder / "attestation.json").write_text("{"), "can't be read"),
        (lambda folder: envelope_of(folder, payload="?"), "its payload is not base64"),
        (lambda folder: envelope_of(folder, payloadType="text/plain"), "its payload is 'text"),
        (
            lambda folder: envelope_of(
                folder,
                payload=base64.b64encode(
                    json.dumps(statement(folder) | {"predicateType": "x"}).encode()
                ).decode(),
            ),
            "it is a 'x'",
        ),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(BundleError) as caught:
        check(folder)
    assert message in caught.value.what


def test_a_package_of_the_first_schema_has_none(folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "attestation.json").unlink()
    with pytest.raises(BundleError, match=r"missing: attestation\.json"):
        check(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema": "edgeq.bundle/1"}))
    assert check(folder).attested is None
    with pytest.raises(BundleError, match="has no attestation"):
        check(folder, tmp_path / "key.pub")


def test_keys_that_can_not_sign_or_verify(
    packed: BundleResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = packages.make(tmp_path / "project")
    private, public = keys(tmp_path, passphrase=b"secret")
    with pytest.raises(BundleError, match="can't be used to sign") as caught:
        made.pack(tmp_path / "bundle", key=private)
    assert "EDGEQ_KEY_PASSPHRASE" in str(caught.value)
    assert not (tmp_path / "bundle").exists()
    monkeypatch.setenv("EDGEQ_KEY_PASSPHRASE", "secret")
    signed = made.pack(tmp_path / "bundle", key=private)
    assert check(signed.folder, public).attested
    with pytest.raises(BundleError, match="can't be used to sign"):
        made.pack(tmp_path / "bundle", key=public)
    with pytest.raises(BundleError, match="is not a public key"):
        check(signed.folder, private)
    with pytest.raises(BundleError, match="can't be read"):
        check(signed.folder, tmp_path / "away.pub")
