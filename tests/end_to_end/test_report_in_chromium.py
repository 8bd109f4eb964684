"""Reports of runs of every kind, opened by a real browser from the disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from edgeq import report
from edgeq.history.past import Past, PastRun, past_run
from edgeq.record import RunRecord, from_json
from tests.end_to_end import browsing, report_records
from tests.end_to_end.browsing import opened
from tests.end_to_end.report_records import KINDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "'\"><svg onload=alert(3)>",
    "javascript:alert(4)",
    "{{ 7 * 7 }} & © \u202e",
)

Pages = Callable[[str], tuple[Path, RunRecord]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.running_browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Return the page of a kind of run, written once, and its record."""
    done: dict[str, tuple[Path, RunRecord]] = {}

    def page(kind: str) -> tuple[Path, RunRecord]:
        if kind not in done:
            record = KINDS[kind]()
            written = report.write(record, tmp_path_factory.mktemp(kind), past=earlier(record))
            done[kind] = written.html, record
        return done[kind]

    return page


def earlier(record: RunRecord) -> list[PastRun]:
    """Return the run before, and the one before that."""
    return [
        past_run(msgspec.structs.replace(record, started=f"2026-11-{day}T00:00:00+00:00"))
        for day in (20, 21)
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_checker_has_nothing_against_it(
    browser: Browser, pages: Pages, kind: str, scheme: browsing.Scheme
) -> None:
    with opened(browser, pages(kind)[0], scheme=scheme, checked=True) as seen:
        assert browsing.violations(seen) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_asked_for_and_nothing_breaks(browser: Browser, pages: Pages, kind: str) -> None:
    with opened(browser, pages(kind)[0]) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        seen.page.wait_for_load_state("networkidle")
        assert seen.away == []
        assert seen.errors == []
        assert len(seen.page.title()) > len("edgeq")


@pytest.mark.parametrize("size", [browsing.PHONE, browsing.WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_never_scrolls_sideways(
    browser: Browser, pages: Pages, kind: str, size: tuple[int, int]
) -> None:
    with opened(browser, pages(kind)[0], size=size) as seen:
        for unfolded in (False, True):
            if unfolded:
                seen.page.evaluate(
                    "document.querySelectorAll('details').forEach(one => one.open = true)"
                )
            widths = seen.page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert widths[0] <= widths[1] == size[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_can_be_read_back(browser: Browser, pages: Pages, kind: str) -> None:
    file, record = pages(kind)
    with opened(browser, file) as seen:
        held = seen.page.evaluate("document.getElementById('record').textContent")
        assert from_json(held.encode()) == record


@pytest.mark.parametrize("kind", ["all_pass", "missing_weights", "many_models"])
def test_the_numbers_shown_are_those_of_the_record(
    browser: Browser, pages: Pages, kind: str
) -> None:
    file, record = pages(kind)
    with opened(browser, file) as seen:
        texts = [one.inner_text() for one in seen.page.get_by_role("row").all()]
    rows = {text.split()[0]: text for text in texts if "\xa0kB" in text and "latency" not in text}
    for model in report_records.models(record)[-1:]:
        for variant in model.variants:
            text = rows[variant.name]
            sizes = [float(one.replace(",", "")) for one in re.findall(r"([\d,.]+)\xa0kB", text)]
            assert round(variant.bytes / 1000, 1) in sizes, text
            share = variant.agreement.get("top1")
            if isinstance(share, float):
                shares = [float(one) for one in re.findall(r"([\d.]+)\xa0%", text)]
                assert any(abs(one - 100 * share) <= 0.1 for one in shares), text
            else:
                assert "not measured" in text


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_complete_without_javascript(browser: Browser, pages: Pages, kind: str) -> None:
    file, record = pages(kind)
    with opened(browser, file, javascript=False) as seen:
        text = seen.page.locator("body").text_content() or ""
        for case in record.cases:
            assert case.gate in text
            assert case.reason in text


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_others_run_nothing(browser: Browser, tmp_path: Path, text: str) -> None:
    record = report_records.hostile(text)
    written = report.write(record, tmp_path, past=earlier(record))
    runs = Past((*earlier(record), past_run(record)), (text,))
    for file in (written.html, report.write_index(runs, tmp_path)):
        with opened(browser, file) as seen:
            seen.page.evaluate(
                "document.querySelectorAll('details').forEach(one => one.open = true)"
            )
            seen.page.mouse.move(300, 300)
            seen.page.wait_for_load_state("networkidle")
            assert seen.dialogs == []
            assert seen.away == []
            assert seen.errors == []
            foreign = "[onerror], [onload], img[src=x], [href^='javascript']"
            assert seen.page.locator(foreign).count() == 0
            assert text.split(maxsplit=1)[0] in (seen.page.locator("body").text_content() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_of_runs_is_as_good_a_page(
    browser: Browser, tmp_path: Path, scheme: browsing.Scheme
) -> None:
    record = report_records.all_pass()
    runs = Past((*earlier(record), past_run(record)), ("one file is damaged",))
    file = report.write_index(runs, tmp_path, latest=True)
    with opened(browser, file, scheme=scheme, checked=True, size=browsing.PHONE) as seen:
        assert browsing.violations(seen) == []
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= browsing.PHONE[0]
        assert seen.away == []
        assert seen.page.get_by_role("row").count() > len(runs.runs)
