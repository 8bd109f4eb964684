"""The numbers that a spec sets for the measures of a model's task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeq.config.structs import TaskOptions
from edgeq.config.tables import key_text
from edgeq.errors import SpecError
from edgeq.tasks.kinds import KINDS

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest


def options_of(variant: VariantUnderTest) -> TaskOptions:
    """Return the numbers that the spec sets for the measures of a model's task.

    Raises:
        SpecError: The task does not read one of them.
    """
    options = variant.spec.models[variant.model].task_options
    if options is None:
        return TaskOptions()
    kind = variant.reading.kind
    reads = frozenset[str]() if kind is None else kind.options
    for name in TaskOptions.__struct_fields__:
        if getattr(options, name) is not None and name not in reads:
            readers = [row.name for _, row in KINDS if name in row.options]
            raise SpecError(
                f"{name} is set, but {variant.model!r} is judged as {variant.reading.task}",
                where=f"{variant.spec.origin}: {key_text('models', variant.model, 'task_options')}",
                remedy=f"Remove it, or set `task`: {', '.join(readers)}",
            )
    return options
