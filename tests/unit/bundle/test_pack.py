from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.bundle import check, pack
from edgeq.bundle.pack import notice, variant_readme
from edgeq.bundle.select import Refusal, select
from edgeq.errors import BundleError
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.feeding import Feeding, OwnSamples
from edgeq.record.structs import RunRecord, VariantRecord
from tests.unit.bundle import packages
from tests.unit.report import records


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_layout(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    result = made.pack(tmp_path / "bundle")
    per_variant = ["README.md", "labels.txt", "metadata.json", "model.tflite"]
    assert tree(result.folder) == sorted(
        [
            "LICENSES/NOTICE.md",
            "attestation.json",
            "example.py",
            "manifest.json",
            *(
                f"{records.MODEL}/{variant}/{name}"
                for variant in packages.KINDS
                for name in per_variant
            ),
        ]
    )
    with zipfile.ZipFile(result.zip) as opened:
        assert opened.namelist() == tree(result.folder)
    assert result.packed == {
        f"{records.MODEL}/{name}": ShipDecision.CLEARED for name in packages.KINDS
    }
    assert [one.variant for one in result.refused] == ["broken"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bundle",
        "bundle.zip",
        "project",
    ]


def test_the_package_verifies(tmp_path: Path) -> None:
    result = packages.make(tmp_path / "project").pack(tmp_path / "bundle")
    for path in (result.folder, result.zip):
        assert check(path).variants == result.packed
        assert check(path).files == len(tree(result.folder))


def test_same_input_same_bytes(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    first = made.pack(tmp_path / "one")
    other = shutil.copytree(tmp_path / "project", tmp_path / "elsewhere" / "project")
    later = msgspec.structs.replace(
        made.record, started="2027-01-01T00:00:00+00:00", duration_s=1.0, commands=()
    )
    files = {key: other / path.relative_to(made.root) for key, path in made.files.items()}
    again = made.pack(tmp_path / "two", record=later, files=files)
    assert first.zip.read_bytes() == again.zip.read_bytes()
    assert first.zip_sha256 == again.zip_sha256


def test_the_manifest_says_what_was_left_out(tmp_path: Path) -> None:
    result = packages.make(tmp_path / "project").pack(tmp_path / "bundle")
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest["refused"] == [
        {
            "model": records.MODEL,
            "variant": "broken",
            "answer": "rejected",
            "reasons": [
                "it could not be made, run or compared: ended by SIGSEGV",
                "made: FAIL; ended by SIGSEGV",
            ],
        }
    ]
    assert "manifest.json" not in manifest["files"]


def test_labels_with_a_background(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project", classes=6)
    folder = made.pack(tmp_path / "bundle").folder / records.MODEL / "int8"
    assert (folder / "labels.txt").read_text().splitlines() == ["background", *packages.LABELS]
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["labels"]["first_is_background"] is True
    assert metadata["labels"]["count"] == 6


def test_without_labels_there_is_no_file_of_them(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    folder = made.pack(tmp_path / "bundle", labels={}).folder / records.MODEL / "int8"
    assert not (folder / "labels.txt").exists()
    assert json.loads((folder / "metadata.json").read_text())["labels"] is None


def test_a_variants_own_labels_come_first(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    own = {**made.labels, f"{records.MODEL}/int8": ("1", "2", "3", "4", "5")}
    folder = made.pack(tmp_path / "bundle", labels=own).folder / records.MODEL
    assert (folder / "int8" / "labels.txt").read_text() == "1\n2\n3\n4\n5\n"
    assert (folder / "uint8" / "labels.txt").read_text().startswith("cat\n")


def test_a_file_that_changed_since_it_was_judged_is_left_out(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    key = f"{records.MODEL}/int8"
    made.files[key].write_bytes(made.files[f"{records.MODEL}/uint8"].read_bytes())
    result = made.pack(tmp_path / "bundle")
    refused = {one.variant: str(one) for one in result.refused}
    assert "its file changed since it was judged" in refused["int8"]
    assert key not in result.packed
    assert not (result.folder / records.MODEL / "int8").exists()


def test_a_file_that_is_gone_or_damaged_is_left_out(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    made.files[f"{records.MODEL}/int8"].unlink()
    made.files[f"{records.MODEL}/uint8"].write_bytes(b"nonsense")
    files = dict(made.files)
    refused = {one.variant: str(one) for one in made.pack(tmp_path / "b", files=files).refused}
    assert "no such file" in refused["int8"]
    assert "is not a .tflite model" in refused["uint8"]
    del files[f"{records.MODEL}/int8"]
    refused = {one.variant: str(one) for one in made.pack(tmp_path / "b", files=files).refused}
    assert "its file is not available" in refused["int8"]


def unanswered(record: RunRecord) -> list[VariantRecord]:
    """Return the variants of a record without their answers, for other cases."""
    return [msgspec.structs.replace(one, answer=None) for one in record.models[0].variants]


def failed(record: RunRecord) -> RunRecord:
    """Return the record as if nothing had looked at the predictions of what passed."""
    cases = tuple(one for one in record.cases if one.gate != "top1_agreement")
    return records.record(unanswered(record), cases)


def test_nothing_passes_nothing_is_written(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    with pytest.raises(
        BundleError, match=r"nothing to pack \(1 rejected, 3 not judged\): .*broken"
    ) as caught:
        made.pack(tmp_path / "out" / "bundle", record=failed(made.record))
    assert caught.value.remedy
    assert list((tmp_path / "out").iterdir()) == []


def open_(made: packages.Made) -> RunRecord:
    """Return the record with an open case of int8, and nothing proved about uint8."""
    cases = [
        *(one for one in made.record.cases if one.id != f"{records.MODEL}/uint8/top1_agreement"),
        records.case(
            "int8",
            "accuracy_drop",
            Verdict.INCONCLUSIVE,
            value=0.05,
            limit=0.03,
            reason="either side",
        ),
    ]
    return records.record(unanswered(made.record), cases)


def test_the_unproven_are_packed_only_when_asked_for_and_marked_as_such(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    record = open_(made)
    plain = made.pack(tmp_path / "plain", record=record)
    assert plain.packed == {f"{records.MODEL}/float16": ShipDecision.CLEARED}
    assert {one.variant: one.answer for one in plain.refused} == {
        "int8": ShipDecision.UNPROVEN,
        "uint8": ShipDecision.NOT_JUDGED,
        "broken": ShipDecision.REJECTED,
    }

    asked = made.pack(tmp_path / "asked", record=record, unproven=True)
    assert asked.packed == {
        f"{records.MODEL}/int8": ShipDecision.UNPROVEN,
        f"{records.MODEL}/float16": ShipDecision.CLEARED,
    }
    assert {one.variant for one in asked.refused} == {"uint8", "broken"}
    for path in (asked.folder, asked.zip):
        assert check(path).variants == asked.packed
    folder = asked.folder / records.MODEL
    said = {
        name: json.loads((folder / name / "metadata.json").read_text())
        for name in ("int8", "float16")
    }
    assert said["int8"]["answer"] == "unproven"
    assert said["int8"]["unproven"] == ["accuracy_drop: INCONCLUSIVE, leans to FAIL; either side"]
    assert (said["float16"]["answer"], said["float16"]["unproven"]) == ("cleared", [])
    assert "**Unproven:**" in (folder / "int8" / "README.md").read_text()
    assert "Unproven" not in (folder / "float16" / "README.md").read_text()


def test_with_nothing_but_unproven_variants_the_way_to_pack_them_is_named(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    cases = [one for one in open_(made).cases if one.variant == "int8"]
    record = records.record(unanswered(made.record)[:1], cases)
    with pytest.raises(BundleError, match=r"nothing to pack \(1 unproven\)") as caught:
        made.pack(tmp_path / "bundle", record=record)
    assert "--unproven packs" in str(caught.value.remedy)
    assert caught.value.exit_code == 2
    with pytest.raises(BundleError) as rejected:
        made.pack(tmp_path / "bundle", record=failed(made.record), unproven=True)
    assert "--unproven" not in str(rejected.value.remedy)


def test_a_package_of_before_there_were_answers_is_checked(tmp_path: Path) -> None:
    result = packages.make(tmp_path / "project").pack(tmp_path / "bundle")
    file = result.folder / "manifest.json"
    manifest = json.loads(file.read_text())
    for one in (*manifest["variants"], *manifest["refused"]):
        del one["answer"]
    file.write_text(json.dumps(manifest | {"schema": "edgeq.bundle/1"}))
    (result.folder / "attestation.json").unlink()
    assert check(result.folder).variants == dict.fromkeys(result.packed)


def test_an_earlier_package_stays_when_nothing_passes(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    first = made.pack(tmp_path / "bundle")
    before = first.zip.read_bytes()
    with pytest.raises(BundleError):
        made.pack(tmp_path / "bundle", record=failed(made.record))
    assert first.zip.read_bytes() == before
    assert check(first.folder).variants == first.packed


def test_an_earlier_package_is_replaced_as_a_whole(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    made.pack(tmp_path / "bundle")
    (tmp_path / "bundle" / "stale").write_text("of the earlier one")
    result = made.pack(tmp_path / "bundle")
    assert "stale" not in tree(result.folder)
    assert check(result.folder).variants == result.packed


@pytest.mark.parametrize("what", ["folder", "file", "zip"])
def test_what_is_not_ours_is_not_replaced(tmp_path: Path, what: str) -> None:
    made = packages.make(tmp_path / "project")
    target = tmp_path / "bundle"
    theirs = {"folder": target / "thesis.txt", "file": target, "zip": tmp_path / "bundle.zip"}[what]
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("years of work")
    with pytest.raises(BundleError, match="is not an edgeq package"):
        made.pack(target)
    assert theirs.read_text() == "years of work"


def test_hostile_names_stay_below_the_folder(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    variant = msgspec.structs.replace(made.record.models[0].variants[0], name="../../int8")
    hostile = records.record((variant,), (records.case("../../int8", "top1_agreement"),))
    files = {f"{records.MODEL}/../../int8": made.files[f"{records.MODEL}/int8"]}
    result = made.pack(tmp_path / "out" / "bundle", record=hostile, files=files)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bundle", "bundle.zip"]
    assert check(result.zip).variants == {f"{records.MODEL}/../../int8": ShipDecision.CLEARED}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    made = packages.make(tmp_path / "project")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BundleError, match="can't be written"):
        made.pack(tmp_path / "file" / "bundle")


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = packages.make(tmp_path / "project")

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(BundleError, match="No space left on device"):
        pack(
            made.record,
            tmp_path / "out" / "bundle",
            root=made.root,
            files=made.files,
            labels=made.labels,
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_notice_names_licence_and_maker() -> None:
    record = records.full_record()
    text = notice(
        record,
        record.models,
        (Refusal("m", records.HOSTILE, ShipDecision.REJECTED, ("FAIL: <b>",)),),
    )
    assert "- Licence: Apache-2.0" in text
    assert "- Attribution: Google" in text
    assert "&lt;img src=x" in text
    assert "<b>" not in text


def test_notice_does_not_invent_a_licence() -> None:
    record = records.record((), (), licence=None, attribution=None)
    text = notice(record, record.models, ())
    assert text.count("not recorded") == 2
    assert "Not packed" not in text


def test_readme_says_what_is_not_proved() -> None:
    record = records.record(records.full_record().models[0].variants, records.passing("float16"))
    chosen = select(record)[0][0]
    text = variant_readme(chosen, "m/float16", ["accuracy_drop: INCONCLUSIVE; <x>"])
    assert "14.4 MB" in text
    assert "python example.py m/float16 photograph.jpg" in text
    assert "## Not proved" in text
    assert "<x>" not in text
    assert "## Not proved" not in variant_readme(chosen, "m/float16", [])


def test_readme_says_that_weights_are_random() -> None:
    record = records.record(
        records.full_record().models[0].variants,
        records.passing("float16"),
        notes=("random weights: answers mean nothing",),
    )
    text = variant_readme(select(record)[0][0], "m/float16", [])
    assert "- random weights: answers mean nothing" in text


def test_readme_says_what_a_variant_was_judged_on() -> None:
    feeding = Feeding(samples=OwnSamples(source="camera", count=9, sha256="ab"))
    variants = tuple(
        msgspec.structs.replace(one, feeding=feeding)
        for one in records.full_record().models[0].variants
    )
    record = records.record(variants, records.passing("float16"))
    text = variant_readme(select(record)[0][0], "m/float16", [])
    assert "- Judged on samples of its own: 9 photographs of camera" in text


def test_readme_of_a_model_that_takes_arrays_asks_for_no_photograph() -> None:
    full = records.full_record()
    record = records.record(full.models[0].variants, records.passing("float16"), arrays=True)
    text = variant_readme(select(record)[0][0], "m/float16", [])
    assert "python example.py m/float16 sample.npy" in text
    assert "photograph" not in text
