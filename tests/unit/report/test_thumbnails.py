from __future__ import annotations

import msgspec

from edgeq.measure.flips import FlipKind
from edgeq.record.measured import RecordedAgreement
from edgeq.record.structs import RunRecord
from edgeq.record.thumbnails import Picture
from edgeq.report import thumbnails
from tests.unit.report import records


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
    assert [flip.image for flip in thumbnails.ordered(agreement.flips)] == [3, 2, 1]


def test_variants_take_turns_and_the_worst_images_come_last() -> None:
    collapsed = flips(*((image, "right_to_wrong", 0.9) for image in range(100)))
    good = flips((300, "right_to_wrong", 0.2))
    [chosen] = thumbnails.chosen(record_of(collapsed, good)).values()
    assert chosen[:3] == (0, 300, 1)
    assert len(chosen) == thumbnails.PER_MODEL
    [few] = thumbnails.chosen(record_of(good, good)).values()
    assert few == (300, 400)


def test_many_models_share_the_room() -> None:
    one = record_of(flips(*((image, "right_to_wrong", 0.9) for image in range(100))))
    models = tuple(msgspec.structs.replace(one.models[0], name=f"m{n}") for n in range(12))
    found = thumbnails.chosen(msgspec.structs.replace(one, models=models))
    assert sum(map(len, found.values())) == thumbnails.PER_RUN


def test_nothing_measured_needs_no_picture() -> None:
    assert thumbnails.chosen(record_of()) == {records.MODEL: ()}
    assert thumbnails.chosen(msgspec.structs.replace(record_of(), models=())) == {}


def test_flips_that_are_not_shown_lose_their_best_classes_alone() -> None:
    record = record_of(flips(*((image, "right_to_wrong", 0.9) for image in range(100))))
    model = msgspec.structs.replace(
        record.models[0], pictures=(Picture(image=99, sha256="ab" * 32),)
    )
    [lean] = thumbnails.lean(model).variants
    assert lean.agreement is not None
    rows = lean.agreement.flips
    assert len(rows) == 100
    full = [flip.image for flip in rows if flip.baseline_best is not None]
    assert full == [*range(thumbnails.PER_MODEL), 99]
    assert {"image", "kind", "baseline_class", "variant_class"} <= msgspec.to_builtins(
        rows[50]
    ).keys()
    assert "baseline_best" not in msgspec.to_builtins(rows[50])
    bare = record_of(None).models[0]
    assert thumbnails.lean(bare) == bare
