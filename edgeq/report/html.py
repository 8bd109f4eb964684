"""The report as one HTML file that needs nothing else: no network, no JavaScript. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from edgeq.record import RunRecord, to_json
from edgeq.report.cells import HEADINGS
from edgeq.report.view import view

if TYPE_CHECKING:
    from jinja2 import Template

_UNSAFE_IN_SCRIPT = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def render(record: RunRecord) -> str:
    """Return the page.

    Raises:
        RecordError: A number of the record is not finite.
    """
    from markupsafe import Markup

    embedded = script_safe(to_json(record).decode())
    return _template().render(
        view=view(record),
        columns=tuple(HEADINGS),
        headings=HEADINGS,
        record_json=Markup(embedded),  # noqa: S704 - escaped for exactly this place
    )


def script_safe(json: str) -> str:
    """Return JSON that no HTML parser can see an end of script or a comment in."""
    for sign, escaped in _UNSAFE_IN_SCRIPT.items():
        json = json.replace(sign, escaped)
    return json


@cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgeq.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
