"""Models, variants and images that can't be used: one line each, and the rest goes on."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, Table, case, save_photographs, statuses, text_of
from tests.unit import tiny_model

MODEL = {"source": "net.tflite", "preprocessing": {"filter": "bilinear"}}
NO_TIMES = ("-m", "not latency and not memory")
VARIANT = "tiny/vendor/"


def test_every_bad_model_is_one_line_and_the_others_get_their_verdicts(project: Project) -> None:
    whole = (project.root / "net.tflite").read_bytes()
    (project.root / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    (project.root / "flex.tflite").write_bytes(flex_model())
    sources = {
        "absent": ("nowhere.tflite", "nowhere.tflite: no such file. *"),
        "cut": ("cut.tflite", "cut.tflite: is damaged or truncated: *"),
        "flex": ("flex.tflite", "flex.tflite: has TensorFlow (Flex) operators, *: FLEX:Erf. *"),
        "quantized": ("vendor.tflite", "vendor.tflite: is not a float model: *"),
    }
    bad = {name: {"source": source} for name, (source, _) in sources.items()}
    project.spec["models"] = {**bad, **project.spec["models"]}
    check(project, {name: said for name, (_, said) in sources.items()})
    assert all(
        status is Verdict.MISSING
        for case_id, status in statuses(project.record).items()
        if not case_id.startswith("tiny/")
    )


def test_every_bad_set_of_images_is_one_line(project: Project) -> None:
    (project.root / "empty").mkdir()
    save_photographs(project.root / "broken")
    (project.root / "broken" / "11" / "text.png").write_text("no image", encoding="utf-8")
    save_photographs(project.root / "labels")
    (project.root / "labels" / "34").rename(project.root / "labels" / "99")
    save_photographs(project.root / "flat", flat=True)
    sets = {
        "absent": "nowhere: the folder does not exist. *",
        "empty": "empty: holds no photograph: is empty. *",
        "broken": "broken/11/text.png: is not an image of a format that is read (*). *",
        "labels": "labels: the label of '99/008.png' is 99, but there are 40 classes (0 to 39). *",
        "flat": "edgeq.toml: gates: accuracy_drop is asked for, but * have no labels. *",
    }
    folders = {name: name for name in sets} | {"absent": "nowhere"}
    bad: Table = {name: {**MODEL, "images": {"evaluation": folders[name]}} for name in sets}
    shared = {"evaluation": "evaluation", "calibration": "evaluation"}
    bad["shared"] = {**MODEL, "images": shared, "methods": ["int8"]}
    sets["shared"] = "edgeq.toml: images of 'shared': 12 of 12 calibration images are *"
    project.spec["models"] = {**bad, **project.spec["models"]}
    check(project, sets)
    answers = statuses(project.record)
    for name in folders:
        # What is not there at all stops its model; what shows late costs what needs it.
        stopped = name in {"absent", "empty"}
        expected = Verdict.MISSING if stopped else Verdict.PASS
        assert answers[f"{name}/float16/made"] is expected
        assert answers[f"{name}/float16/size_reduction"] is expected
        assert answers[f"{name}/float16/accuracy_drop"] is Verdict.MISSING


def test_every_bad_ready_made_variant_is_one_line_and_fails(project: Project) -> None:
    whole = (project.root / "vendor.tflite").read_bytes()
    (project.root / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    (project.root / "flex.tflite").write_bytes(flex_model())
    project.save_model("small.tflite", size=(4, 4))
    files = {
        "absent": "absent.tflite: no such file. *",
        "cut": "cut.tflite: is damaged or truncated: *",
        "flex": "flex.tflite: has TensorFlow (Flex) operators, *",
        "small": "small.tflite: takes images of [[]4, 4], its baseline [[]8, 8]. *",
    }
    bad = {name: {"model": "tiny", "file": f"{name}.tflite"} for name in files}
    project.spec["variants"] |= bad
    check(project, files)
    for name in files:
        first, *others = (one for one in project.record.cases if one.variant == name)
        assert (first.id, first.status) == (f"tiny/{name}/made", Verdict.FAIL)
        assert len(others) == 10
        assert {one.status for one in others} == {Verdict.MISSING}
        assert {one.reason for one in others} == {f"not judged: see {first.id}"}
    absent = case(project.record, "tiny/absent/made")
    assert absent.reason == "the variant can't be judged: absent.tflite: no such file"
    assert absent.next_step == "Correct `file` in [variants.absent]"


def test_a_store_that_cant_be_written_is_one_line(project: Project) -> None:
    (project.root / "file").write_text("not a folder", encoding="utf-8")
    project.spec["store"] = "file/store"
    result = project.run("-m", "size")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["file/store/locks: can't be locked: Not a directory. Make it writable*"]
    )
    assert "Traceback" not in text_of(result)
    assert len(project.record.errors) == 1


def test_reports_that_cant_be_written_are_one_line(project: Project) -> None:
    (project.root / "file").write_text("not a folder", encoding="utf-8")
    project.spec["reports"] = "file/reports"
    result = project.run("-m", "size")
    assert result.ret == 2
    assert "Traceback" not in text_of(result)
    assert "edgeq: bad input" in text_of(result)
    assert not any(line.startswith("Report:") for line in result.outlines)


def check(project: Project, said: dict[str, str]) -> None:
    """Run the gate; the named models or variants are bad, and ``tiny/vendor`` is good."""
    result = project.run(*NO_TIMES)
    assert result.ret == 2
    text = text_of(result)
    assert "Traceback" not in text
    section = next(i for i, line in enumerate(result.outlines) if "edgeq: bad input" in line)
    ends = ("short test summary", "Report: ")
    end = next(i for i, one in enumerate(result.outlines) if any(end in one for end in ends))
    lines = result.outlines[section + 1 : end]
    assert len(lines) == len(said)
    for pattern in said.values():
        result.stdout.fnmatch_lines([pattern])
    record = project.record
    assert list(record.errors) == lines
    assert not record.summary.passes
    assert (
        str(project.root) not in text.partition("short test summary")[0].partition("collected")[2]
    )
    good = {k: v for k, v in statuses(record).items() if k.startswith(VARIANT)}
    assert len(good) == 11
    assert set(good.values()) == {Verdict.PASS}


def flex_model() -> bytes:
    """Return a model with an operator that only TensorFlow has."""
    return tiny_model.build(
        [tiny_model.Tensor("image", (1, 8, 8, 3)), tiny_model.Tensor("scores", (1, 40))],
        [tiny_model.Op("CUSTOM", ("image",), ("scores",), custom="FlexErf")],
        ["image"],
        ["scores"],
    )
