from __future__ import annotations

import math

from edgeq.repair.calibrating import Change, Halves


def test_a_change_helps_only_if_the_error_is_clearly_smaller() -> None:
    assert Change("Ranges", 0.2, 0.1).helps
    assert not Change("Ranges", 0.2, 0.195).helps
    assert Change("Ranges", 0.2, 0.1).sentence == "Ranges: error 0.200 -> 0.100, which helps"
    assert Change("Ranges", 0.2, 0.3).sentence.endswith("which does not help")


def test_a_file_that_does_not_run_has_no_error() -> None:
    change = Change("int8 in place of theirs", math.inf, 0.1)
    assert change.helps
    assert change.sentence == "int8 in place of theirs, which does not run here: error 0.100"


def test_more_samples_may_help_if_ranges_depend_on_which_are_taken() -> None:
    steady = Halves(100, 0.2, (0.19, 0.205))
    assert steady.sentence == (
        "Ranges of either half of the 100 calibration samples: error 0.190 and 0.205 in place of "
        "0.200, so more samples would hardly help"
    )
    assert Halves(8, 0.2, (0.19, 0.3)).sentence.endswith("so more samples may help")
    assert Halves(8, math.inf, (math.inf, math.inf)).sentence.endswith("so more samples may help")
