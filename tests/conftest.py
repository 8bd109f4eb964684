"""Which examples the property tests draw."""

from __future__ import annotations

import os
from importlib.util import find_spec

EXPLORED = 1000
"""Examples of each property test that `tox -e explore` draws, in place of 100."""


def choose_examples() -> None:
    """Register the profiles of Hypothesis and load the one that CI or a developer needs."""
    from hypothesis import HealthCheck, Phase, settings

    # No test is timed, neither in running nor in drawing its examples: a busy machine is not a bug.
    untimed = settings(
        settings.get_profile("default"),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.register_profile("local", untimed)

    # In CI a change is judged by the same examples as the one before it.
    settings.register_profile("ci", untimed, derandomize=True, database=None, print_blob=True)

    # Chosen with --hypothesis-profile: other examples each time, and more of them.
    settings.register_profile("explore", untimed, max_examples=EXPLORED, print_blob=True)

    # Chosen by `tox -e mutation`: the examples of CI. A mutant is killed by the first example that
    # fails; nobody reads it, so that it need not be made small.
    settings.register_profile(
        "mutation", settings.get_profile("ci"), phases=(Phase.explicit, Phase.generate)
    )

    settings.load_profile("ci" if os.environ.get("CI") else "local")


# pytest-benchmark's command loads this file too, where Hypothesis need not be installed. Property
# tests import it by themselves: without it they fail.
if find_spec("hypothesis") is not None:
    choose_examples()
