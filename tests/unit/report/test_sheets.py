from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.io.files import sha256_bytes
from edgeq.record.structs import RunRecord
from edgeq.record.thumbnails import Sheet
from edgeq.report import HTML_FILE, RECORD_FILE, html, pictures, write
from edgeq.report.view import view
from tests.unit.report import records
from tests.unit.report.test_pictures import NAME, WEBP


def sheet(count: int = 20, images: int = 100, role: str = "calibration") -> Sheet:
    return Sheet(
        role=role,
        images=images,
        places=tuple(range(count)),
        columns=8,
        tile=(48, 36),
        sha256=NAME,
    )


def record(*models: tuple[Sheet, ...]) -> RunRecord:
    base = records.full_record()
    return msgspec.structs.replace(
        base,
        models=tuple(msgspec.structs.replace(base.models[0], sheets=one) for one in models),
    )


def test_a_sheet_says_how_many_of_how_many() -> None:
    [one] = pictures.sheets(record((sheet(),)).models[0], {NAME: WEBP})
    assert one.caption == "20 of 100 calibration images, evenly spread, as the model sees them"
    assert one.description == (
        f"Contact sheet of {records.MODEL}: 20 of 100 calibration images, evenly spread"
    )
    assert (one.width, one.height) == (384, 108)
    assert one.blank == (192, 72, 192, 36)
    whole = sheet(24, 24, role="evaluation")
    [one] = pictures.sheets(record((whole,)).models[0], {NAME: WEBP})
    assert one.caption == "All 24 evaluation images, as the model sees them"
    assert one.blank is None
    own = msgspec.structs.replace(sheet(), variant="board")
    [one] = pictures.sheets(record((own,)).models[0], {NAME: WEBP})
    assert one.caption == "20 of 100 own samples, evenly spread, as board sees them"
    assert one.description.startswith(f"Contact sheet of {records.MODEL}/board: 20 of 100 own")


def test_two_models_share_one_picture() -> None:
    two = record((sheet(),), (sheet(),))
    page = html.render(two, view(two, {NAME: WEBP}))
    assert page.count("data:image/webp;base64,") == 1
    assert f'<symbol id="p-{NAME[:12]}" viewBox="0 0 384 108">' in page
    assert page.count(f'<use href="#p-{NAME[:12]}" width="384" height="108"/>') == 1
    caption = "20 of 100 calibration images, evenly spread, as the model sees them"
    assert page.count(f"<figcaption>{caption}</figcaption>") == 1
    assert page.count(f"<dd>{caption}: with the data of {records.MODEL}</dd>") == 1


def test_a_sheet_is_kept_beside_the_record_and_in_the_page(tmp_path: Path) -> None:
    told = record((sheet(),))
    write(told, tmp_path, shown={NAME: WEBP})
    assert pictures.read(told, tmp_path / RECORD_FILE) == {NAME: WEBP}
    assert pictures.read(told, tmp_path / HTML_FILE) == {NAME: WEBP}


def test_a_sheet_that_is_gone_is_said_to_be_gone() -> None:
    page = html.render(record((sheet(),)))
    assert "<dt>contact sheets</dt><dd>1 no longer beside the record</dd>" in page
    assert "evenly spread" not in page
    assert "contact sheets" not in html.render(record(()))


@pytest.mark.parametrize(
    "changes",
    [{"columns": 0}, {"tile": (0, 48)}, {"places": ()}, {"sha256": sha256_bytes(b"<svg>")}],
    ids=str,
)
def test_a_sheet_that_cant_be_is_not_shown(changes: dict[str, object]) -> None:
    odd = record((msgspec.structs.replace(sheet(), **changes),))
    data = {NAME: WEBP, sha256_bytes(b"<svg>"): b"<svg>"}
    assert pictures.sheets(odd.models[0], data) == ()
    assert 'class="sheet"' not in html.render(odd, view(odd, data))


def test_what_the_run_took_from_edgeq_data_is_said_before_the_commands() -> None:
    taken = ("the photographs of data:imagenet", "the weights of <b>")
    page = html.render(msgspec.structs.replace(records.full_record(), data=taken))
    said = page.partition("<h2>Run it again</h2>")[2].partition("<pre>")[0]
    assert "Set EDGEQ_DATA first: the folder that it names must hold" in said
    assert "the photographs of data:imagenet and the weights of &lt;b&gt;." in said
    assert "EDGEQ_DATA" not in html.render(records.full_record())
