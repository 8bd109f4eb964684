"""One object stands for a variant, and one table says what can be asked of it."""

from __future__ import annotations

import pytest

from edgeq.errors import EdgeqError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.measurements import MEASUREMENTS
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import NotAloneError
from edgeq.pipeline.variant import Measured, VariantUnderTest
from edgeq.results.judging import judge
from tests.unit.pipeline.project import case, variant

MEASURED = [name for name, one in vars(VariantUnderTest).items() if isinstance(one, Measured)]


def test_every_measured_property_has_a_row_and_every_row_a_property() -> None:
    assert sorted(MEASUREMENTS.names()) == sorted(MEASURED)
    assert all(vars(VariantUnderTest)[name].__doc__ for name in MEASURED)


def test_what_is_kept_in_the_store_has_a_group_of_its_own() -> None:
    groups = [row.group or row.name for _, row in MEASUREMENTS if row.depends is not None]
    assert all(groups)
    assert len(set(groups)) == len(groups)
    assert all(row.struct is not None for _, row in MEASUREMENTS if row.depends is not None)


def test_a_run_has_one_object_for_each_variant_and_baseline(run: Run) -> None:
    same = variant(run, "same")
    assert same is run.variants[0]
    assert same.baseline is run.baseline("net")
    assert same.baseline.baseline is same.baseline
    assert (same.is_baseline, same.baseline.is_baseline) == (False, True)
    assert type(same.baseline) is type(same)
    assert (same.name, same.short_name, same.baseline.name) == ("net/same", "same", "net/baseline")
    assert all(one.variant in run.variants for one in run.cases)


@pytest.mark.parametrize("name", [name for name, row in MEASUREMENTS if row.compares])
def test_a_baseline_is_compared_with_nothing(run: Run, name: str) -> None:
    with pytest.raises(TypeError, match="is a baseline: it is compared with nothing"):
        getattr(run.baseline("net"), name)


def test_nothing_is_measured_to_tell_what_is_known(project: object, run: Run) -> None:
    fresh = Run(run.spec, say=pytest.fail)
    assert all(
        one.known(vars(VariantUnderTest)[name]) is None
        for one in (*fresh.variants, fresh.baseline("net"))
        for name in MEASURED
    )
    assert all(one.failure is None for one in fresh.variants)


def test_an_error_is_kept_and_told(run: Run) -> None:
    cut = variant(Run(run.spec), "cut")
    with pytest.raises(EdgeqError) as first:
        cut.size  # noqa: B018
    with pytest.raises(EdgeqError) as second:
        cut.agreement  # noqa: B018
    assert first.value is second.value is cut.failure


def test_what_must_be_measured_alone_is_not_measured_beside_other_work(run: Run) -> None:
    fresh = Run(run.spec)
    same = variant(fresh, "same")
    with fresh.measuring_side_by_side():
        for ask in (lambda: same.latency, lambda: same.memory):
            with pytest.raises(NotAloneError, match="must be measured alone"):
                ask()
    record, _ = judge(case(fresh, "net/same/max_peak_memory"))
    assert record.status is Verdict.PASS  # the refusal was not kept


def test_former_names_of_attributes_warn(run: Run) -> None:
    same = variant(run, "same")
    with pytest.warns(DeprecationWarning, match="ask for 'name'"):
        assert same.key == "net/same"
    with pytest.warns(DeprecationWarning, match="ask for 'short_name'"):
        assert same.variant == "same"


def test_an_unknown_variant_is_refused_with_the_closest(run: Run) -> None:
    with pytest.raises(EdgeqError, match="unknown variant 'net/sme'") as caught:
        run.variant("net/sme")
    assert "net/same" in str(caught.value.remedy)
