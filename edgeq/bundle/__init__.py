"""The deployment package: the cleared variants, and everything a device needs to run them."""

from __future__ import annotations

from edgeq.bundle.check import Attested, Checked, check
from edgeq.bundle.pack import BundleResult, pack
from edgeq.bundle.select import Refusal

__all__ = ["Attested", "BundleResult", "Checked", "Refusal", "check", "pack"]
