"""This project's own use of the gate, under the edgeq.toml beside it."""

from edgeq.gate import *  # noqa: F403
