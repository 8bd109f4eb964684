"""The main job: this project's own use of the gate, with no configuration."""

from edgeq.gate import *  # noqa: F403
