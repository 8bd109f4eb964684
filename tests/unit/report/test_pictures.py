from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.io.files import sha256_bytes
from edgeq.measure.agreement import FlipKind
from edgeq.record.feeding import Feeding, OwnSamples
from edgeq.record.measured import RecordedAgreement
from edgeq.record.structs import RunRecord
from edgeq.record.thumbnails import Picture
from edgeq.report import HTML_FILE, RECORD_FILE, html, pictures, write
from edgeq.report.view import view
from tests.unit.report import records

WEBP = b"RIFF\x0a\x00\x00\x00WEBPVP8 "
NAME = sha256_bytes(WEBP)


def pictured(*hashes: str) -> RunRecord:
    record = records.full_record()
    named = tuple(Picture(image=place, sha256=one) for place, one in enumerate(hashes))
    model = msgspec.structs.replace(record.models[0], pictures=named)
    return msgspec.structs.replace(record, models=(model,))


def test_pictures_are_there_again_for_the_record_and_for_the_page(tmp_path: Path) -> None:
    record = pictured(NAME)
    write(record, tmp_path, shown={NAME: WEBP})
    assert pictures.read(record, tmp_path / RECORD_FILE) == {NAME: WEBP}
    (tmp_path / pictures.FOLDER / f"{NAME}.webp").unlink()
    assert pictures.read(record, tmp_path / RECORD_FILE) == {}
    assert pictures.read(record, tmp_path / HTML_FILE) == {NAME: WEBP}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (NAME, WEBP + b"changed"),
        (sha256_bytes(b"<svg onload=alert(1)>"), b"<svg onload=alert(1)>"),
        (NAME, b""),
    ],
)
def test_a_changed_or_foreign_file_is_not_shown(tmp_path: Path, name: str, data: bytes) -> None:
    folder = tmp_path / pictures.FOLDER
    folder.mkdir()
    (folder / f"{name}.webp").write_bytes(data)
    assert pictures.read(pictured(name), tmp_path / RECORD_FILE) == {}


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.webp").write_bytes(WEBP)
    assert pictures.named(pictured("../secret", NAME, NAME)) == (NAME,)
    assert pictures.read(pictured("../secret"), tmp_path / RECORD_FILE) == {}


def test_only_pictures_of_ours_make_room(tmp_path: Path) -> None:
    pictures.write({NAME: WEBP}, tmp_path)
    own = tmp_path / pictures.FOLDER / "holiday.webp"
    own.write_bytes(b"mine")
    pictures.write({}, tmp_path)
    assert [path.name for path in own.parent.iterdir()] == ["holiday.webp"]
    own.unlink()
    pictures.write({}, tmp_path)
    assert not own.parent.exists()


def test_a_picture_is_in_the_page_once_and_shown_by_every_variant() -> None:
    record = pictured(NAME)
    page = html.render(record, view(record, {NAME: WEBP}))
    assert page.count("data:image/webp;base64,") == 1
    assert page.count(f'<use href="#p-{NAME[:12]}"/>') == 3
    assert "longer beside the record" not in page


def test_what_is_gone_is_said_to_be_gone() -> None:
    record = pictured(NAME, "ab" * 32)
    assert pictures.note(record.models[0], {NAME: WEBP}).startswith("1 picture is no longer")
    assert "2 pictures are no longer beside the record" in html.render(record)
    assert pictures.anchors(record.models[0], {NAME: WEBP}) == {0: f"p-{NAME[:12]}"}


def test_a_record_without_pictures_says_so() -> None:
    assert "No pictures of photographs were kept with this record" in html.render(
        records.full_record()
    )


def test_pictures_of_a_variant_with_samples_of_its_own_say_whose_they_are() -> None:
    said = "Pictures show the baseline's photographs"
    record = pictured(*[NAME] * 100)
    assert "Photographs whose answer changed" in html.render(record, view(record, {NAME: WEBP}))
    assert said not in html.render(record, view(record, {NAME: WEBP}))
    feeding = Feeding(samples=OwnSamples(source="camera", count=9, sha256="ab"))
    model = record.models[0]
    variants = tuple(msgspec.structs.replace(one, feeding=feeding) for one in model.variants)
    fed = msgspec.structs.replace(
        record, models=(msgspec.structs.replace(model, variants=variants),)
    )
    assert said in html.render(fed, view(fed, {NAME: WEBP}))


def flips(*rows: tuple[int, FlipKind, float]) -> RecordedAgreement:
    agreement = records.agreement_of(500 - len(rows))
    [worst] = agreement.worst_images
    return msgspec.structs.replace(
        agreement,
        flips=tuple(
            msgspec.structs.replace(flip, image=image, kind=kind, baseline_confidence=sure)
            for flip, (image, kind, sure) in zip(agreement.flips, rows, strict=True)
        ),
        worst_images=(msgspec.structs.replace(worst, image=400),),
    )


def record_of(*agreements: RecordedAgreement | None) -> RunRecord:
    made = [records.variant(f"v{place}", 10, agreement=one) for place, one in enumerate(agreements)]
    return records.record(made, ())


def test_the_surest_wrong_answers_come_first() -> None:
    agreement = flips(
        (1, "wrong_to_wrong", 0.99), (2, "right_to_wrong", 0.5), (3, "right_to_wrong", 0.9)
    )
    assert [flip.image for flip in pictures.ordered(agreement.flips)] == [3, 2, 1]


def test_variants_take_turns_and_the_worst_images_come_last() -> None:
    collapsed = flips(*((image, "right_to_wrong", 0.9) for image in range(100)))
    good = flips((300, "right_to_wrong", 0.2))
    [chosen] = pictures.chosen(record_of(collapsed, good)).values()
    assert chosen[:3] == (0, 300, 1)
    assert len(chosen) == pictures.PER_MODEL
    [few] = pictures.chosen(record_of(good, good)).values()
    assert few == (300, 400)


def test_many_models_share_the_room() -> None:
    one = record_of(flips(*((image, "right_to_wrong", 0.9) for image in range(100))))
    models = tuple(msgspec.structs.replace(one.models[0], name=f"m{n}") for n in range(12))
    found = pictures.chosen(msgspec.structs.replace(one, models=models))
    assert sum(map(len, found.values())) == pictures.PER_RUN


def test_nothing_measured_needs_no_picture() -> None:
    assert pictures.chosen(record_of()) == {records.MODEL: ()}
    assert pictures.chosen(msgspec.structs.replace(record_of(), models=())) == {}


def test_flips_that_are_not_shown_lose_their_best_classes_alone() -> None:
    record = record_of(flips(*((image, "right_to_wrong", 0.9) for image in range(100))))
    model = msgspec.structs.replace(
        record.models[0], pictures=(Picture(image=99, sha256="ab" * 32),)
    )
    [lean] = pictures.lean(model).variants
    assert lean.agreement is not None
    rows = lean.agreement.flips
    assert len(rows) == 100
    full = [flip.image for flip in rows if flip.baseline_best is not None]
    assert full == [*range(pictures.PER_MODEL), 99]
    assert {"image", "kind", "baseline_class", "variant_class"} <= msgspec.to_builtins(
        rows[50]
    ).keys()
    assert "baseline_best" not in msgspec.to_builtins(rows[50])
    bare = record_of(None).models[0]
    assert pictures.lean(bare) == bare
