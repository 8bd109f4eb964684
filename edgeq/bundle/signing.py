"""Signs attestations with a key of the user's, and verifies them, with Ed25519."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from edgeq.bundle.attestation import Envelope, Signature, signed_bytes
from edgeq.errors import BundleError, MissingExtraError, reason_of
from edgeq.io.files import read_whole

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
