"""The hash of a spec."""

from __future__ import annotations

import msgspec

from edgeq.config.structs import Spec
from edgeq.io.files import sha256_bytes


def spec_sha256(spec: Spec) -> str:
    """Return the hash of what a spec says, regardless of the folder that it is in."""
    fields = msgspec.structs.asdict(spec)
    for place in ("root", "origin", "report", "reports", "store", "history", "make", "suite"):
        del fields[place]
    return sha256_bytes(msgspec.json.encode(fields, order="sorted"))
