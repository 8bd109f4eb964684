"""Bad input that is found before anything is made: it stops variants, and is said once.

Only what needs no conversion and no model run is looked at, so that a wrong path costs a second
and no minutes. What shows later is the case's that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edgeq.config.structs import Spec
from edgeq.errors import EdgeqError
from edgeq.judge.missing import not_measured
from edgeq.pipeline.needs import images_of, lack_of_calibration, tools_of, weights_of
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import in_lines, in_own_words, recorded
from edgeq.samples.sets import ROLES, Role


@dataclass(frozen=True)
class Beforehand:
    """A look at what the models of a spec need; each thing is looked at once.

    Attributes:
        spec: The spec.
    """

    spec: Spec
    _errors: dict[tuple[str, Role | None], EdgeqError | None] = field(default_factory=dict)

    def stopped(self, cases: Iterable[Case]) -> dict[str, EdgeqError]:
        """Return the variants that can't be judged, by their names, with the reason.

        Args:
            cases: The selected ones: a set of images that none of them needs stops nothing.
        """
        by_variant: dict[VariantUnderTest, list[Case]] = {}
        for case in cases:
            by_variant.setdefault(case.variant, []).append(case)
        roles: dict[str, set[Role]] = {}
        for variant, own in by_variant.items():
            roles.setdefault(variant.model, set()).update(_roles(variant, own))
        errors = {each.name: self._error(each, roles[each.model]) for each in by_variant}
        return {name: error for name, error in errors.items() if error is not None}

    def _error(self, variant: VariantUnderTest, roles: set[Role]) -> EdgeqError | None:
        """Return what stops a variant: what stops its whole model comes first."""
        needed: list[Role | None] = [None, *(role for role in ROLES if role in roles)]
        for what in needed:
            error = self._look(variant.model, what)
            if error is not None:
                return error
        try:
            tools_of(variant)
        except EdgeqError as error:
            return in_own_words(error, self.spec)
        return lack_of_calibration(variant)

    def _look(self, model: str, what: Role | None) -> EdgeqError | None:
        """Return what is wrong with a model's source and weights, or with a set of its images."""
        key = (model, what)
        if key not in self._errors:
            try:
                if what is None:
                    weights_of(self.spec, model)
                else:
                    images_of(self.spec, model, what)
                self._errors[key] = None
            except EdgeqError as error:
                self._errors[key] = in_own_words(error, self.spec)
        return self._errors[key]


def unjudged(case: Case, error: EdgeqError, spec: Spec) -> CaseRecord:
    """Return the record of a case of a variant that bad input stops: MISSING, with the reason."""
    judgement = not_measured(error, gate=case.gate.name, allow_missing=spec.allow_missing)
    return in_lines(recorded(case, judgement))


def without_baseline(run: Run, cases: Iterable[Case]) -> dict[str, EdgeqError]:
    """Return the variants whose baseline could not be made, by their names, with the reason."""
    return {
        case.variant.name: in_own_words(error, run.spec)
        for case in cases
        if (error := case.variant.inputs.baseline_error) is not None
    }


def _roles(variant: VariantUnderTest, cases: list[Case]) -> Iterable[Role]:
    """Return the sets that a variant needs for its selected cases."""
    if variant.is_calibrated:
        yield "calibration"
    if any(case.gate.needs_images for case in cases):
        yield "evaluation"
