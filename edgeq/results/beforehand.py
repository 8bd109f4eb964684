"""Finding bad input before anything is made, so that it is reported once and stops its variants.

Only what needs no conversion and no model run is checked, so that a wrong path costs a second, not
minutes. An error that shows later is reported by the case that meets it.
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
    """Checks what the models of a spec need, each thing once.

    Attributes:
        spec: The spec.
    """

    spec: Spec
    _errors: dict[tuple[str, Role | None], EdgeqError | None] = field(default_factory=dict)

    def stopped(self, cases: Iterable[Case], *, reach: bool = True) -> dict[str, EdgeqError]:
        """Return the reason for each variant that can't be judged, by its name.

        An image set that none of the cases needs is not checked. ``reach`` says whether to check
        the targets too, which takes seconds for each.
        """
        by_variant: dict[VariantUnderTest, list[Case]] = {}
        for case in cases:
            by_variant.setdefault(case.variant, []).append(case)
        roles: dict[str, set[Role]] = {}
        for variant, own in by_variant.items():
            roles.setdefault(variant.model, set()).update(_roles(variant, own))
        errors = {each.name: self._error(each, roles[each.model]) for each in by_variant}
        if reach:
            errors |= {each.name: errors[each.name] or self._lack(each) for each in by_variant}
        return {name: error for name, error in errors.items() if error is not None}

    def _error(self, variant: VariantUnderTest, roles: set[Role]) -> EdgeqError | None:
        """Return what stops a variant; errors that stop its whole model come first."""
        needed: list[Role | None] = [None, *(role for role in ROLES if role in roles)]
        for what in needed:
            error = self._look(variant.model, what)
            if error is not None:
                return error
        try:
            tools_of(variant)
        except EdgeqError as error:
            return in_own_words(error, self.spec, variant.model)
        return lack_of_calibration(variant)

    def _lack(self, variant: VariantUnderTest) -> EdgeqError | None:
        """Return why a variant's target can't be used."""
        try:
            variant.run.reach()
        except EdgeqError as error:
            return in_own_words(error, self.spec)
        return None

    def _look(self, model: str, what: Role | None) -> EdgeqError | None:
        """Return the error in a model's source and weights, or in one of its image sets."""
        key = (model, what)
        if key not in self._errors:
            try:
                if what is None:
                    weights_of(self.spec, model)
                else:
                    images_of(self.spec, model, what)
                self._errors[key] = None
            except EdgeqError as error:
                self._errors[key] = in_own_words(error, self.spec, model)
        return self._errors[key]


def unjudged(case: Case, error: EdgeqError, spec: Spec) -> CaseRecord:
    """Return the record, MISSING, of a case whose variant is stopped by bad input."""
    judgement = not_measured(error, gate=case.gate.name, allow_missing=spec.allow_missing)
    return in_lines(case, recorded(case, judgement))


def without_baseline(run: Run, cases: Iterable[Case]) -> dict[str, EdgeqError]:
    """Return the reason for each variant whose baseline could not be made, by its name."""
    return {
        case.variant.name: in_own_words(error, run.spec)
        for case in cases
        if (error := case.variant.inputs.baseline_error) is not None
    }


def _roles(variant: VariantUnderTest, cases: list[Case]) -> Iterable[Role]:
    """Return the image sets that a variant needs for its selected cases."""
    if variant.is_calibrated:
        yield "calibration"
    if any(case.gate.needs_images for case in cases):
        yield "evaluation"
