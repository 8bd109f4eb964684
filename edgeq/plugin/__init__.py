"""pytest integration: options, fixtures, parametrization, and collecting cases into a record.

Importing this package costs next to nothing. The packages below it in the import order are imported
only when a test needs them.
"""

from edgeq.plugin.as_installed import import_as_installed

import_as_installed()  # before the first import that pytest would rewrite

from edgeq.plugin.fixtures import (
    edgeq_baseline,
    edgeq_case,
    edgeq_evaluation,
    edgeq_outputs,
    edgeq_run,
    edgeq_spec,
    edgeq_subject,
    edgeq_variant,
)
from edgeq.plugin.options import pytest_addoption, pytest_configure
from edgeq.plugin.outcomes import pytest_report_teststatus, pytest_runtest_makereport
from edgeq.plugin.parametrize import pytest_generate_tests
from edgeq.plugin.terminal import (
    pytest_report_collectionfinish,
    pytest_report_header,
    pytest_terminal_summary,
)

__all__ = [
    "edgeq_baseline",
    "edgeq_case",
    "edgeq_evaluation",
    "edgeq_outputs",
    "edgeq_run",
    "edgeq_spec",
    "edgeq_subject",
    "edgeq_variant",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_collectionfinish",
    "pytest_report_header",
    "pytest_report_teststatus",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
]
