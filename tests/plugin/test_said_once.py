"""Bad input is found before anything is made, and said once: edgeq's own lines are counted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, Table, case, save_photographs, statuses, text_of

MAX_LINES = 5
FOUR = ["dynamic_range", "float16", "int8", "weight_only_int8"]
PYTESTS_OWN = ("=====", "platform ", "benchmark: ", "rootdir: ", "plugins: ", "collected ")


def wrong_model(project: Project) -> None:
    project.spec["models"]["tiny"]["source"] = "nowhere.tflite"


def wrong_keras_file(project: Project) -> None:
    project.spec["models"]["tiny"]["source"] = "nowhere.keras"


def wrong_weights(project: Project) -> None:
    model = {"source": "keras:EfficientNetV2B0", "weights": "nowhere.weights.h5"}
    project.spec["models"]["tiny"] = model


def wrong_folder(project: Project) -> None:
    project.spec["images"]["evaluation"] = "nowhere"


def empty_folder(project: Project) -> None:
    (project.root / "empty").mkdir()
    project.spec["images"]["calibration"] = "empty"
    project.spec["methods"] = [*project.spec["methods"], "int8_float_io"]


def wrong_labels(project: Project) -> None:
    project.spec["images"]["labels"] = "nowhere.csv"


def wrong_module(project: Project) -> None:
    project.spec["models"]["tiny"]["source"] = "nowhere.net:build"


def wrong_function(project: Project) -> None:
    (project.root / "net.py").write_text("def built(): ...\n", encoding="utf-8")
    project.spec["models"]["tiny"]["source"] = "net:build"


def lacking_import(project: Project) -> None:
    (project.root / "net.py").write_text("import no_such_library\ndef build(): ...\n", "utf-8")
    project.spec["models"]["tiny"]["source"] = "net:build"


def custom_layer(project: Project) -> None:
    save_keras(project.root / "net.keras", "Scale", module=None, registered_name="mine>Scale")
    project.spec["models"]["tiny"]["source"] = "net.keras"


def six_channels(project: Project) -> None:
    project.save_model("net.tflite", channels=6)


MISTAKES: dict[Callable[[Project], None], str] = {
    wrong_model: "nowhere.tflite: no such file. Correct `source` in [models.tiny]",
    wrong_keras_file: "nowhere.keras: no such file. Correct `source` in [models.tiny]",
    wrong_weights: "nowhere.weights.h5: no such weights file. Correct `weights` in [models.tiny]*",
    wrong_folder: "nowhere: the folder does not exist. Correct `evaluation` in [images]",
    empty_folder: "empty: holds no photograph: is empty. *",
    wrong_labels: "nowhere.csv: the labels file does not exist. Correct `labels` in [images]",
    wrong_module: "edgeq.toml: models.tiny.source: * no module named 'nowhere'. *module:function*",
    wrong_function: "*module 'net' has no function 'build'. Did you mean 'built'?*",
    lacking_import: "*net.py, line 1: no module named 'no_such_library'. Install no_such_library*",
    custom_layer: "net.keras: has a class that Keras can't locate*: Scale. *package.module:func*",
    six_channels: "net.tflite: its input * has 6 channels. *Name its images, as arrays*",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_is_one_line_before_anything_is_made(
    project: Project, mistake: Callable[[Project], None]
) -> None:
    project.spec["variants"] = {}
    mistake(project)
    lines = refused(project)
    assert len(lines) <= MAX_LINES
    one_line(lines, MISTAKES[mistake])
    record = project.record
    assert len(record.errors) == 1
    assert {one.status for one in record.cases} == {Verdict.MISSING}
    assert not record.summary.not_run


def test_nothing_is_converted_for_the_report_either(project: Project) -> None:
    (project.root / "net.py").write_text(
        "from pathlib import Path\nPath('imported').touch()\ndef build(): ...\n", "utf-8"
    )
    project.spec["variants"] = {}
    project.spec["models"]["tiny"] = {"source": "net:build"}
    project.spec["images"]["calibration"] = "evaluation"
    wrong_folder(project)
    one_line(refused(project), MISTAKES[wrong_folder])
    assert not (project.root / "imported").exists()


@pytest.mark.parametrize("methods", [FOUR[:1], FOUR])
@pytest.mark.parametrize("models", [1, 3])
def test_methods_and_models_add_no_lines(project: Project, methods: list[str], models: int) -> None:
    project.spec["variants"] = {}
    project.spec["default_gates"] = True
    project.spec["methods"] = methods
    project.spec["models"] = {f"net{n}": {"source": "nowhere.tflite"} for n in range(models)}
    lines = refused(project)
    assert len(lines) <= MAX_LINES
    for number in range(models):
        one_line(lines, f"nowhere.tflite: no such file. Correct `source` in [models.net{number}]")


def test_three_mistakes_are_three_lines(project: Project) -> None:
    project.spec["variants"] = {}
    sources = ("nowhere.tflite", "nowhere:build", "nowhere.keras")
    project.spec["models"] = {f"net{n}": {"source": source} for n, source in enumerate(sources)}
    lines = refused(project)
    assert len(lines) <= MAX_LINES
    assert len(project.record.errors) == len(sources)


def test_edgeq_gate_is_as_brief(project: Project) -> None:
    wrong_model(project)
    project.write()
    result = project.gate()
    assert result.ret == 2
    lines = edgeqs_lines(result)
    assert len(lines) <= MAX_LINES
    one_line(lines, MISTAKES[wrong_model])


def test_a_bad_model_does_not_stop_a_good_one(project: Project) -> None:
    project.spec["models"]["bad"] = {"source": "nowhere.tflite"}
    result = project.run("-m", "size or proof")
    assert result.ret == 2
    answers = statuses(project.record)
    good = [status for name, status in answers.items() if name.startswith("tiny/")]
    assert good
    assert set(good) == {Verdict.PASS}
    bad = [status for name, status in answers.items() if name.startswith("bad/")]
    assert bad
    assert set(bad) == {Verdict.MISSING}
    assert sum("nowhere.tflite" in line for line in result.outlines) == 1
    assert not any(line.startswith("bad   ") for line in result.outlines)


def test_images_that_no_selected_case_needs_stop_nothing(project: Project) -> None:
    wrong_folder(project)
    result = project.run("-m", "size")
    assert result.ret == 0
    assert set(statuses(project.record).values()) == {Verdict.PASS}


def test_tests_that_are_no_cases_run_all_the_same(project: Project) -> None:
    wrong_model(project)
    (project.root / "test_own.py").write_text("def test_own(): ...\n", encoding="utf-8")
    result = project.run()
    assert result.ret == 2
    result.assert_outcomes(passed=1)


def test_workers_of_xdist_say_it_once(project: Project) -> None:
    wrong_model(project)
    result = project.run("-n", "2")
    assert result.ret == 2
    assert sum("nowhere.tflite" in line for line in result.outlines) == 1
    assert set(statuses(project.record).values()) == {Verdict.MISSING}


def test_tables_are_named_as_the_users_file_has_them(project: Project) -> None:
    (project.root / "pyproject.toml").write_text(
        '[tool.edgeq]\nmethods = ["float16"]\n[tool.edgeq.models.net]\nsource = "none.tflite"\n',
        encoding="utf-8",
    )
    result = project.run("--edgeq-config", "pyproject.toml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["none.tflite: no such file. Correct `source` in [[]tool.edgeq.models.net]"]
    )


def test_a_variant_that_does_not_load_fails_once(project: Project) -> None:
    whole = (project.root / "vendor.tflite").read_bytes()
    (project.root / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    project.spec["variants"]["cut"] = {"model": "tiny", "file": "cut.tflite"}
    result = project.run("-k", "cut")
    assert result.ret == 2
    assert result.parseoutcomes()["failed"] == 1
    text = text_of(result)
    assert text.count("FAIL tiny/cut/made: for bad input, see below.") == 1
    assert text.count("cut.tflite: is damaged or truncated: it refers") == 1
    assert text.count("see tiny/cut/made") == 1
    assert "compare the sha256" not in text
    assert case(project.record, "tiny/cut/made").status is Verdict.FAIL


def test_what_shows_late_fails_one_test(project: Project) -> None:
    save_photographs(project.root / "broken")
    (project.root / "broken" / "11" / "text.png").write_text("no image", encoding="utf-8")
    project.spec["images"]["evaluation"] = "broken"
    result = project.run("-m", "not latency and not memory")
    assert result.ret == 2
    assert result.parseoutcomes()["failed"] == 1
    assert len(project.record.errors) == 1


def refused(project: Project) -> list[str]:
    """Run pytest and return edgeq's lines; nothing is made, and no test runs."""
    result = project.run()
    assert result.ret == 2
    text = text_of(result)
    assert "Traceback" not in text
    assert "no tests ran" in text
    return edgeqs_lines(result)


def edgeqs_lines(result: pytest.RunResult) -> list[str]:
    """Return what is not pytest's own, from the title of edgeq's section on."""
    edgeq = [line for line in result.outlines if "= edgeq" in line]
    other = [line for line in result.outlines if line and not line.startswith(PYTESTS_OWN)]
    return [*edgeq, *other]


def one_line(lines: list[str], pattern: str) -> None:
    matches = [line for line in lines if fnmatchcase(line, pattern.replace("[", "[[]"))]
    assert len(matches) == 1, (pattern, lines)


def save_keras(path: Path, name: str, **how: object) -> None:
    """Write a .keras file of an input and one layer; there are no weights in it."""
    image: Table = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 8, 8, 3], "name": "image"},
        "registered_name": None,
    }
    layer = {"class_name": name, "config": {"name": "layer"}, **how}
    model = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "layers": [image, layer]},
        "registered_name": None,
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("metadata.json", "{}")
