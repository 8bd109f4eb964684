"""The shipped test cases.

A project's own suite takes them all with::
    from edgeq.gate import *
"""

from edgeq.gate import suite
from edgeq.gate.suite import *  # noqa: F403 - one test for each row of the table of gates

__all__ = list(suite.__all__)
