from __future__ import annotations

from edgeq.models.export_request import signature_name


def test_names_are_those_of_a_signature() -> None:
    assert [signature_name(name) for name in ("probs", "/head/Softmax:0", "758", "::")] == [
        "probs",
        "head_Softmax_0",
        "758",
        "output",
    ]
