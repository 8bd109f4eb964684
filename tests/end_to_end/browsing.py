"""A real Chromium, driven by Playwright, and the checker axe-core in it."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = (360, 740)
DESK = (1280, 900)
WIDTHS = (360, 390, 768, 1280, 1920, 2560)

Scheme = Literal["light", "dark"]


def program() -> str:
    """Return a browser's path, or skip; in CI there has to be one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = os.environ.get("EDGEQ_NO_BROWSER")
        if os.environ.get("CI") and not reason:
            pytest.fail("CI has no browser: its script installs chromium")
        pytest.skip(reason or f"none of {', '.join(BROWSERS)} is installed")
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Yield a headless browser."""
    path = program()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Seen:
    """A page that is open, and what happened in it.

    Attributes:
        page: Playwright's.
        requests: Every address that was asked for.
        dialogs, errors: Texts; errors are exceptions and what the console calls errors.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", self._refuse)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)

    def _refuse(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _listen(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    @property
    def away(self) -> list[str]:
        """The requests for anything but the page and what it carries itself."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


@contextmanager
def opened(
    browser: Browser,
    file: Path,
    *,
    size: tuple[int, int] = DESK,
    scheme: Scheme = "light",
    javascript: bool = True,
    checked: bool = False,
) -> Iterator[Seen]:
    """Yield a file of the disk, open in a window of its own.

    Args:
        browser: From ``running_browser``.
        file: The page.
        size: Of the window, in CSS pixels.
        scheme: What the reader prefers.
        javascript: Whether scripts run.
        checked: Whether the checker is to be brought in, which the page's own policy forbids.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        java_script_enabled=javascript,
        bypass_csp=checked,
    )
    try:
        seen = Seen(context.new_page())
        seen.page.goto(file.as_uri())
        yield seen
    finally:
        context.close()


def pixels(screenshot: bytes) -> npt.NDArray[np.uint8]:
    """Return what a screenshot shows, shape ``(h, w, 3)``."""
    from PIL import Image

    return np.array(Image.open(io.BytesIO(screenshot)).convert("RGB"))


def unfold(seen: Seen) -> None:
    """Open all that is folded."""
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def violations(seen: Seen, *rules: str) -> list[str]:
    """Return what axe-core has against a page, one line each; every part of it is unfolded.

    Args:
        seen: Opened as ``checked``.
        rules: The rules to hold it against, all if none is named.
    """
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    unfold(seen)
    seen.page.evaluate(source)
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = seen.page.evaluate(
        "options => axe.run(document, options)", {"resultTypes": ["violations"], **only}
    )
    return [
        f"{one['id']}: {node['failureSummary']}: {node['html'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def cut(seen: Seen) -> list[str]:
    """Return what a reader can't see whole: texts beyond the window, a picture or a scrolled box.

    Boxes that scroll count from 1280 pixels on, at which everything has to fit.
    """
    lines: list[str] = seen.page.evaluate(
        """() => {
          const wide = innerWidth, lines = [];
          for (const mark of document.querySelectorAll(".mark")) {
            const box = mark.getBoundingClientRect();
            if (box.width && (box.left < 0 || box.right > wide + 0.5))
              lines.push(`mark ${mark.textContent} ends at ${box.right} of ${wide}`);
          }
          for (const text of document.querySelectorAll("svg text")) {
            const box = text.getBoundingClientRect();
            const frame = text.ownerSVGElement.getBoundingClientRect();
            if (box.width && (box.left < frame.left - 1 || box.right > frame.right + 1))
              lines.push(`text ${text.textContent} leaves its picture`);
          }
          if (wide >= 1280)
            for (const box of document.querySelectorAll(".scroll"))
              if (box.scrollWidth > box.clientWidth)
                lines.push(`${box.getAttribute("aria-label")} scrolls`);
          return lines;
        }"""
    )
    return lines


def sideways(seen: Seen) -> int:
    """Return by how many CSS pixels the page is wider than its window."""
    wider: int = seen.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wider
