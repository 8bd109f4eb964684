"""The report, opened by a real browser from the disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.projects import gate

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
)


def browser() -> str:
    """Return a browser's path, or skip; in CI there has to be one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("CI has no browser: its script installs chromium")
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    return found


@pytest.mark.keras
@pytest.mark.samples
def test_the_report_says_in_a_browser_what_the_record_says(tmp_path: Path) -> None:
    program = browser()
    spec = (
        'methods = ["int8", "weight_only_int4"]\n[models.lite0]\nsource = "efficientnet-lite0"\n'
        '[images]\ncalibration = "sample:imagenet"\nevaluation = "sample:imagenet"\n'
    )
    ran = gate(tmp_path, "-m", "not latency", spec=spec)
    page = tmp_path / "reports" / "latest" / "report.html"
    shown = subprocess.run(
        [program, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    text = re.sub(r"<script\b.*?</script>", "", shown, flags=re.DOTALL)
    for case in ran.record.cases:
        assert case.gate in text
    assert text.count("FAIL") >= ran.record.summary.failed > 0
    source = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", source)
