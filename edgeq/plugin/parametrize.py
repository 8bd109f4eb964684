"""Creates one test per case, with ids such as ``efficientnet-lite0-int8``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from edgeq.config.markers import OWN_MEASURES
from edgeq.errors import EdgeqError
from edgeq.plugin.latency import keep_benchmarks
from edgeq.plugin.state import state_of

if TYPE_CHECKING:
    from edgeq.pipeline.plan import Case

MARKER = "edgeq"
REFUSED = "edgeq_refused"
FIXTURES = {"edgeq_case", "edgeq_run", "edgeq_spec", "edgeq_subject"}
"""The base fixtures; each of the plugin's fixtures uses one of them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests of a gate by its cases, and tests that use variants by the variants."""
    if FIXTURES.isdisjoint(metafunc.fixturenames):
        return
    wants_case = "edgeq_case" in metafunc.fixturenames
    state = state_of(metafunc.config)
    try:
        if state.settle(metafunc.definition.path):
            keep_benchmarks(metafunc.config)
        if wants_case:
            gate = _gate_of(metafunc)
            chosen = [case for case in state.cases.values() if _is_of(case, gate)]
            metafunc.parametrize(
                "edgeq_case",
                [case.id for case in chosen],
                ids=[_test_id(case) for case in chosen],
                indirect=True,
            )
        elif "edgeq_subject" in metafunc.fixturenames:
            metafunc.parametrize(
                "edgeq_subject",
                [variant.name for variant in state.variants],
                ids=[variant_id(variant.name) for variant in state.variants],
                indirect=True,
            )
    except EdgeqError as error:
        # While a module is being collected, pytest would report an exit as an error in the module.
        state.refusal = state.refusal or error
        for name in ("edgeq_case", "edgeq_subject"):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, [])


def refuse(config: pytest.Config, error: EdgeqError) -> NoReturn:
    """End the session due to bad input; a worker of xdist leaves the reason to the controller."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[REFUSED] = str(error)
    pytest.exit(str(error), returncode=error.exit_code)


def variant_id(name: str) -> str:
    """Return a variant's name as written in a test's id."""
    return name.replace("/", "-")


def _is_of(case: Case, gate: str) -> bool:
    """Return whether a case belongs to the test of a gate, or of all own measures."""
    return case.gate.declared if gate == OWN_MEASURES else case.gate.name == gate


def _test_id(case: Case) -> str:
    subject = variant_id(case.variant.name)
    return f"{subject}-{case.gate.name}" if case.gate.declared else subject


def _gate_of(metafunc: pytest.Metafunc) -> str:
    from edgeq.config.gates import GATES

    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is None or len(marker.args) != 1:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} uses the fixture edgeq_case: mark it with the gate it "
            "answers, for example @pytest.mark.edgeq('top1_agreement')"
        )
    if marker.args[0] == OWN_MEASURES:
        return OWN_MEASURES
    return GATES.get(str(marker.args[0]), where=metafunc.definition.nodeid).name
