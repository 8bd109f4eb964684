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
from edgeq.record.ship_decision import answered
from edgeq.record.structs import RunRecord, from_json
from edgeq.report.trends import trends
from edgeq.words import size, typeset
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
            record = answered(KINDS[kind]())
            folder = tmp_path_factory.mktemp(kind)
            written = report.write(record, folder, history=trends(runs_of(record)))
            done[kind] = written.html, record
        return done[kind]

    return page


def runs_of(record: RunRecord) -> tuple[PastRun, ...]:
    """Return the past run of a record, after two earlier ones."""
    earlier = (
        msgspec.structs.replace(record, started=f"2026-11-{day}T00:00:00+00:00") for day in (20, 21)
    )
    return tuple(past_run(run) for run in (*earlier, record))


# The parts of two models are those of one, and take the checker long.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "two_models"])
def test_the_checker_has_nothing_against_it(browser: Browser, pages: Pages, kind: str) -> None:
    file, _ = pages(kind)
    with opened(browser, file, checked=True) as seen:
        assert browsing.violations(seen) == []
        seen.page.emulate_media(color_scheme="dark")
        assert browsing.violations(seen, "color-contrast", "link-in-text-block") == []
    if kind == "many_models":
        return  # its parts are those of the others, and it takes the checker long
    with opened(browser, file, size=browsing.PHONE, scheme="dark", checked=True) as seen:
        assert browsing.violations(seen) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_asked_for_nothing_breaks_and_nothing_is_cut_at_any_width(
    browser: Browser, pages: Pages, kind: str
) -> None:
    with opened(browser, pages(kind)[0]) as seen:
        for folded in (True, False):
            if not folded:
                browsing.unfold(seen)
            for width in browsing.WIDTHS:
                seen.page.set_viewport_size({"width": width, "height": 900})
                assert browsing.sideways(seen) <= 0, width
                assert browsing.cut(seen) == [], width
        seen.page.wait_for_load_state("networkidle")
        assert seen.away == []
        assert seen.errors == []
        assert len(seen.page.title()) > len("edgeq")


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
        rows = seen.page.locator("#variants-table tbody tr")
        names = rows.evaluate_all("rows => rows.map(row => row.dataset.name)")
        texts = dict(zip(names, rows.all_inner_texts(), strict=True))
    for model in record.models:
        for variant in model.variants:
            text = texts[f"{model.name} {variant.name}"]
            assert typeset(size(variant.bytes)) in text
            if variant.agreement is not None:
                share = variant.agreement.top1
                shares = [float(one) for one in re.findall(r"([\d.]+)\xa0%", text)]
                assert any(abs(one - 100 * share) < 0.06 for one in shares), text
            else:
                assert "not measured" in text


def test_the_table_is_sorted_and_filtered(browser: Browser, pages: Pages) -> None:
    file, record = pages("all_pass")
    sizes = {one.name: one.bytes for one in record.models[0].variants}
    sizes["baseline"] = record.models[0].baseline.bytes
    with opened(browser, file) as seen:
        rows = seen.page.locator("#variants-table tbody tr:visible")

        def order() -> list[str]:
            names: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.name)")
            return [name.split()[1] for name in names]

        declared = order()
        heads = seen.page.locator("#variants-table thead button")
        size = heads.get_by_text("Size", exact=True)
        size.click()
        assert [sizes[name] for name in order()] == sorted(sizes.values())
        size.click()
        assert [sizes[name] for name in order()] == sorted(sizes.values(), reverse=True)
        heads.get_by_text("Variant", exact=True).press("Enter")
        assert order() == sorted(declared)
        box = seen.page.get_by_role("searchbox")
        box.fill("int8")
        assert set(order()) == {name for name in sizes if "int8" in name}
        box.fill("no such variant")
        assert order() == []
        assert "0 of 7 rows" in (seen.page.locator("#variants-filter").text_content() or "")
        box.fill("")
        assert sorted(order()) == sorted(declared)
        assert seen.errors == []


def test_a_link_opens_the_details_of_a_variant(browser: Browser, pages: Pages) -> None:
    with opened(browser, pages("failures")[0]) as seen:
        link = seen.page.locator("#variants-table a").nth(1)
        link.click()
        place = seen.page.locator(link.get_attribute("href") or "")
        assert place.is_visible()
        folded = place.locator("details:not([open]) > summary").first
        folded.focus()
        folded.press("Enter")
        assert place.locator("details[open]").count() >= 1
        assert seen.errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_complete_without_javascript(browser: Browser, pages: Pages, kind: str) -> None:
    file, record = pages(kind)
    with opened(browser, file, javascript=False) as seen:
        text = seen.page.locator("body").text_content() or ""
        for case in record.cases:
            assert case.gate in text
            assert case.reason in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contact_sheets_are_seen_and_described(
    browser: Browser, tmp_path: Path, scheme: browsing.Scheme
) -> None:
    record, shown = report_records.with_sheets(report_records.run(2, ("int8",)))
    file = report.write(record, tmp_path, shown=shown).html
    with opened(browser, file, size=browsing.PHONE, scheme=scheme, checked=True) as seen:
        assert browsing.violations(seen) == []
        assert (seen.away, seen.errors) == ([], [])
        sheets = seen.page.get_by_role("img", name="20 of 100 calibration images, evenly spread")
        boxes = [one.bounding_box() for one in sheets.all()]
        assert len(boxes) == 1
        assert len(record.models) == 2, "both have the same sheet"
        for box in boxes:
            assert box is not None
            assert 200 < box["width"] < browsing.PHONE[0]
            assert box["width"] / box["height"] == pytest.approx(8 / 3, rel=0.01)
        colours = {
            tuple(pixel)
            for pixel in browsing.pixels(sheets.first.screenshot()).reshape(-1, 3)[::7].tolist()
        }
        assert len(colours) > 100, "a sheet of noise has many colours; an absent one has few"
        assert "must hold the photographs of data:imagenet and" in seen.page.inner_text("main")


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_others_run_nothing(browser: Browser, tmp_path: Path, text: str) -> None:
    record = report_records.hostile(text)
    runs = Past(runs_of(record), (text,))
    history = trends(runs.runs)
    written = report.write(record, tmp_path, history=history)
    for file in (written.html, report.write_index(runs, tmp_path, history=history)):
        with opened(browser, file) as seen:
            browsing.unfold(seen)
            seen.page.mouse.move(300, 300)
            seen.page.wait_for_load_state("networkidle")
            assert seen.dialogs == []
            assert seen.away == []
            assert seen.errors == []
            foreign = "[onerror], [onload], img[src=x], [href^='javascript']"
            assert seen.page.locator(foreign).count() == 0
            assert text.split(maxsplit=1)[0] in (seen.page.locator("body").text_content() or "")


def test_the_list_of_runs_is_as_good_a_page(browser: Browser, tmp_path: Path) -> None:
    record = report_records.all_pass()
    runs = Past(runs_of(record), ("one file is damaged",))
    file = report.write_index(runs, tmp_path, history=trends(runs.runs), latest=True)
    with opened(browser, file, checked=True) as seen:
        assert browsing.violations(seen) == []
        assert seen.page.get_by_role("row").count() > len(runs.runs)
    with opened(browser, file, scheme="dark", size=browsing.PHONE, checked=True) as seen:
        assert browsing.violations(seen) == []
        assert browsing.sideways(seen) <= 0
        assert seen.away == []


@pytest.mark.parametrize(
    ("kind", "tone", "headline"),
    [
        ("all_pass", "good", "All 6 variants are cleared and may ship"),
        ("few_images", "warn", "0 of 2 variants are cleared"),
        ("missing_weights", "none", "0 of 2 variants are cleared"),
        ("failures", "bad", "The run fails; 1 of 5 variants is cleared"),
    ],
)
def test_the_head_says_what_was_proven_and_is_green_only_when_all_is(
    browser: Browser, pages: Pages, kind: str, tone: str, headline: str
) -> None:
    file, record = pages(kind)
    with opened(browser, file) as seen:
        assert seen.page.locator("h1").inner_text() == headline
        assert seen.page.locator(f"section.answer.{tone}").count() == 1
        said = " ".join(seen.page.locator("ul.findings").inner_text().split())
        assert said.startswith(f"{record.models[0].name}: ")
        assert (seen.page.locator(".eyebrow .mark").inner_text()[0] == "\u2713") is (tone == "good")


def test_a_case_that_leans_to_failing_looks_and_reads_otherwise(
    browser: Browser, pages: Pages
) -> None:
    with opened(browser, pages("few_images")[0]) as seen:
        for tone, sign, word in (("doubt", "!", "FAIL"), ("warn", "?", "PASS")):
            mark = seen.page.locator(f".cases .mark.{tone}").first
            text = mark.text_content()
            assert text is not None
            assert text.split() == f"{sign}INCONCLUSIVE, leans to {word}".split()
