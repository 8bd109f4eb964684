"""The attestation of a package: an in-toto statement in a DSSE envelope, and its signatures.

The statement names every file of the package with its sha256 and says which cases they passed. Both
are as https://github.com/in-toto/attestation (the predicate ``test-result``) and
https://github.com/secure-systems-lab/dsse describe them, so that other tools can read the file. It
is signed with a key of the user's, with Ed25519.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from edgeq.bundle.archive import FileEntry, to_json
from edgeq.bundle.select import Chosen
from edgeq.errors import BundleError, MissingExtraError, reason_of
from edgeq.io import structs
from edgeq.io.files import read_whole
from edgeq.judge.verdict import ShipDecision, Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

Result = Literal["PASSED", "WARNED", "FAILED"]


class Digest(msgspec.Struct, frozen=True):
    """The hash of a file or a spec."""

    sha256: str


class Subject(msgspec.Struct, frozen=True):
    """A file that the statement is about, by its path in the package."""

    name: str
    digest: Digest


class Predicate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the tests of the files gave.

    Attributes:
        result: ``"PASSED"`` if every packed variant is cleared, ``"WARNED"`` if one is unproven.
        configuration: The spec that they were judged by.
        passed_tests: Ids of the cases with the verdict PASS.
        warned_tests: Ids of the cases that are INCONCLUSIVE, or MISSING as declared.
        failed_tests: Ids of the others, of which a package has none.
    """

    result: Result
    configuration: tuple[Subject, ...]
    passed_tests: tuple[str, ...] = ()
    warned_tests: tuple[str, ...] = ()
    failed_tests: tuple[str, ...] = ()


class Statement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"type_": "_type", "predicate_type": "predicateType"},
):
    """An in-toto statement."""

    type_: str = STATEMENT
    subject: tuple[Subject, ...]
    predicate_type: str = TEST_RESULT
    predicate: Predicate


class Signature(msgspec.Struct, frozen=True):
    """A signature in base64, and the id of the key that it was made with."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A statement in base64 with its signatures; none if no key was named."""

    payload: str
    payload_type: str = PAYLOAD_TYPE
    signatures: tuple[Signature, ...] = ()


def statement(
    chosen: Sequence[Chosen], files: Mapping[str, FileEntry], spec_sha256: str
) -> Statement:
    """Return what a package says of its files."""
    cases = [case for variant in chosen for case in variant.cases]
    cleared = all(variant.answer is ShipDecision.CLEARED for variant in chosen)
    open_ = {case.id for case in cases if case.status is Verdict.INCONCLUSIVE}
    open_ |= {case.id for case in cases if case.declared_missing}
    passed = {case.id for case in cases if case.status is Verdict.PASS}
    return Statement(
        subject=tuple(Subject(name, Digest(files[name].sha256)) for name in sorted(files)),
        predicate=Predicate(
            result="PASSED" if cleared else "WARNED",
            configuration=(Subject("spec", Digest(spec_sha256)),),
            passed_tests=tuple(sorted(passed)),
            warned_tests=tuple(sorted(open_)),
            failed_tests=tuple(sorted({case.id for case in cases} - passed - open_)),
        ),
    )


def enveloped(of: Statement) -> Envelope:
    """Return a statement in an envelope without a signature."""
    return Envelope(payload=base64.b64encode(to_json(of)).decode())


def signed_bytes(envelope: Envelope) -> bytes:
    """Return the bytes that a signature is about, DSSE's pre-authentication encoding.

    Raises:
        ValueError: The payload is not base64.
    """
    kind, payload = envelope.payload_type.encode(), _payload(envelope)
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read_envelope(data: bytes) -> tuple[Envelope, Statement]:
    """Read an attestation.

    Raises:
        ValueError: It is damaged, or of a type that edgeq does not write.
    """
    envelope = structs.from_json(data, Envelope)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ValueError(f"its payload is {envelope.payload_type!r}, not {PAYLOAD_TYPE!r}")
    within = structs.from_json(_payload(envelope), Statement)
    if (within.type_, within.predicate_type) != (STATEMENT, TEST_RESULT):
        raise ValueError(f"it is a {within.predicate_type!r}, not {TEST_RESULT!r}")
    return envelope, within


def differences(of: Statement, files: Mapping[str, FileEntry]) -> list[str]:
    """Return how a package's files differ from those that its statement lists."""
    known = {subject.name: subject.digest.sha256 for subject in of.subject}
    names = sorted(known.keys() | files.keys())
    return [
        name
        for name in names
        if name not in known or name not in files or known[name] != files[name].sha256
    ]


def _payload(envelope: Envelope) -> bytes:
    try:
        return base64.b64decode(envelope.payload, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its payload is not base64: {error}") from error


PASSPHRASE = "EDGEQ_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Environment variable with the passphrase of an encrypted key."""

_MAX_BYTES = 100_000
_PRIVATE = "Make one with: openssl genpkey -algorithm ed25519 -out key.pem"
_PUBLIC = "Make it with: openssl pkey -in key.pem -pubout -out key.pub"


def sign(envelope: Envelope, key: Path) -> Envelope:
    """Return an envelope with a signature.

    Args:
        envelope: The envelope.
        key: A private Ed25519 key as a PEM file; ``$EDGEQ_KEY_PASSPHRASE`` if it is encrypted.

    Raises:
        BundleError: The key can't be used.
        MissingExtraError: cryptography is not installed.
    """
    serialization, ed25519 = _libraries()
    passphrase = os.environ.get(PASSPHRASE)
    try:
        private = serialization.load_pem_private_key(
            _read(key), None if passphrase is None else passphrase.encode()
        )
    except (ValueError, TypeError) as error:  # the latter without a passphrase
        encrypted = isinstance(error, TypeError) and passphrase is None
        remedy = f"Set {PASSPHRASE}" if encrypted else _PRIVATE
        raise BundleError(f"can't be used to sign: {error}", where=key, remedy=remedy) from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise BundleError("is not an Ed25519 key", where=key, remedy=_PRIVATE)
    signature = Signature(
        keyid=_id(private.public_key()),
        sig=base64.b64encode(private.sign(signed_bytes(envelope))).decode(),
    )
    return msgspec.structs.replace(envelope, signatures=(*envelope.signatures, signature))


def verify(envelope: Envelope, key: Path, where: Path) -> str:
    """Return the id of the key that signed an envelope.

    ``key`` is a public Ed25519 key as a PEM file.

    Raises:
        BundleError: The key can't be used; the envelope is not signed, is signed by another key
            only, or was changed after it was signed.
        MissingExtraError: cryptography is not installed.
    """
    serialization, ed25519 = _libraries()
    try:
        public = serialization.load_pem_public_key(_read(key))
    except ValueError as error:
        raise BundleError(f"is not a public key: {error}", where=key, remedy=_PUBLIC) from error
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise BundleError("is not an Ed25519 key", where=key, remedy=_PUBLIC)
    own = _id(public)
    if not envelope.signatures:
        raise BundleError(
            "its attestation is not signed", where=where, remedy="Sign it: edgeq bundle --sign KEY"
        )
    signatures = [signature.sig for signature in envelope.signatures if signature.keyid == own]
    if not signatures:
        others = ", ".join(signature.keyid[:12] for signature in envelope.signatures)
        raise BundleError(
            f"its attestation is signed with another key ({others}) than {key} ({own[:12]})",
            where=where,
            remedy="Use the public key of whoever is meant to have packed it",
        )
    from cryptography.exceptions import InvalidSignature

    for text in signatures:
        try:
            public.verify(base64.b64decode(text, validate=True), signed_bytes(envelope))
        except (InvalidSignature, binascii.Error) as error:
            raise BundleError(
                f"the signature by key {own[:12]} does not fit: the attestation was changed after "
                "it was signed",
                where=where,
                remedy="Get the package again from a source that you trust",
            ) from error
    return own


def _id(public: Any) -> str:
    """Return the id of a public key: the sha256 of its DER encoding."""
    serialization, _ = _libraries()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def _read(key: Path) -> bytes:
    try:
        return read_whole(key, _MAX_BYTES)
    except OSError as error:
        raise BundleError(f"can't be read: {reason_of(error)}", where=key) from error


def _libraries() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtraError("cryptography", extra="sign", needed_for="a signature") from error
    return serialization, ed25519
