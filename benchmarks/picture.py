"""The picture at the top of the project's README: the top of a run's report.

``python -m benchmarks.picture reports/efficientnetv2-b0/latest/report.html docs/report.png``, from
the repository's root. Take it from a run on an idle machine; needs Chromium and the dependency
group ``tests``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.end_to_end.browsing import DESK, opened, running_browser

END = "#tradeoff"
"""The last section in the picture."""
MARGIN = 16


def main(page: str, picture: str) -> None:
    """Write the picture of a page's top, down to the end of the trade-off."""
    with running_browser() as browser, opened(browser, Path(page).resolve()) as seen:
        box = seen.page.locator(END).bounding_box()
        if box is None:
            raise SystemExit(f"{page}: has no section {END}")
        bottom = box["y"] + box["height"] + MARGIN
        seen.page.screenshot(
            path=picture,
            full_page=True,
            clip={"x": 0, "y": 0, "width": DESK[0], "height": bottom},
        )
    print(f"{picture}: {Path(picture).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:3])
