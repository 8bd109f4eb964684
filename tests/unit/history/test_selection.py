from __future__ import annotations

import pytest

from edgeq.errors import RecordError
from edgeq.history.selection import select

IDS = (
    "lite0/int8/max_latency_ms",
    "lite0/int8/top1_agreement",
    "lite0/int8@tensorflow/latency_ratio",
    "lite0/float16/top1_agreement",
    "resnet/int8/size_reduction",
)


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("", {0, 1, 2, 3, 4}),
        ("  ", {0, 1, 2, 3, 4}),
        ("int8", {0, 1, 2, 4}),
        ("INT8", {0, 1, 2, 4}),
        ("int8 and not latency", {1, 4}),
        ("not int8", {3}),
        ("not not float16", {3}),
        ("float16 or resnet", {3, 4}),
        ("resnet or float16 and lite0", {3, 4}),
        ("(resnet or float16) and lite0", {3}),
        ("not (resnet or float16)", {0, 1, 2}),
        ("int8@tensorflow", {2}),
        ("lite0/int8/top1_agreement", {1}),
        ("test_top1_agreement[lite0-int8]", {1}),
        ("agreement AND lite0", {1, 3}),
        ("size", {4}),
        ("nothing", set()),
    ],
)
def test_an_expression_chooses_as_pytest_does(expression: str, chosen: set[int]) -> None:
    selected = select(expression)
    assert {index for index, case_id in enumerate(IDS) if selected(case_id)} == chosen


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("int8 and", "a word is missing at the end"),
        ("and int8", "a word is missing before 'and'"),
        ("int8 float16", "'float16' is not expected there"),
        ("(int8", "a bracket is not closed"),
        ("int8)", "')' is not expected there"),
        ("()", "a word is missing before ')'"),
        ("not", "a word is missing at the end"),
    ],
)
def test_what_is_no_expression_is_refused(expression: str, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        select(expression)
    assert said in caught.value.what
    assert caught.value.remedy is not None
