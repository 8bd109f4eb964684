from __future__ import annotations

from edgeq.pipeline.dependencies import processor_name, runtime_facts


def test_what_numbers_depend_on_is_named() -> None:
    facts = runtime_facts()
    assert facts["processor"] == processor_name()
    assert all(facts.values())
    assert set(facts) == {"ai-edge-litert", "architecture", "processor", "extensions"}
