"""The report, opened by a real browser from the disk."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.browsing import program
from tests.end_to_end.projects import gate
from tests.patience import PATIENCE_S

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


@pytest.mark.keras
@pytest.mark.samples
def test_the_report_says_in_a_browser_what_the_record_says(tmp_path: Path) -> None:
    browser = program()
    spec = (
        'methods = ["int8", "weight_only_int4"]\n[models.lite0]\nsource = "efficientnet-lite0"\n'
        '[images]\ncalibration = "sample:imagenet"\nevaluation = "sample:imagenet"\n'
    )
    ran = gate(tmp_path, "-m", "not latency", spec=spec)
    page = tmp_path / "reports" / "latest" / "report.html"
    shown = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    ).stdout
    text = re.sub(r"<script\b.*?</script>", "", shown, flags=re.DOTALL)
    for case in ran.record.cases:
        assert case.gate in text
    assert text.count("FAIL") >= ran.record.summary.failed > 0
    source = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", source)
