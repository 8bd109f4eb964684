"""The picture at the top of the project's README: the first screen of a run's report.

``python -m benchmarks.picture reports/latest/report.html docs/report.png``, from the repository's
root. Take it from a run on an idle machine; needs Chromium and the dependency group ``tests``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.end_to_end.browsing import opened, running_browser

SIZE = (1280, 1190)
"""In CSS pixels: the answer, and the trade-off with its key."""


def main(page: str, picture: str) -> None:
    """Write the picture of a page's first screen."""
    with running_browser() as browser, opened(browser, Path(page).resolve(), size=SIZE) as seen:
        seen.page.screenshot(path=picture)
    print(f"{picture}: {Path(picture).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:3])
