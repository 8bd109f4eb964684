from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.errors import ModelError
from edgeq.models.function_source import check_function

WHERE = "edgeq.toml: models.net.source"


def write(folder: Path, text: str) -> None:
    (folder / "net.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "def build(): ...\n",
        "build = lambda: None\n",
        "from json import loads as build\n",
        "if True:\n    def build(): ...\n",
        "from json import *\n",
        "globals()['build'] = None\n",
        "def __getattr__(name): ...\n",
        "try:\n    import no_such_library\nexcept ImportError: ...\ndef build(): ...\n",
        "import sys\nsys.path.append('lib')\nimport no_such_library\ndef build(): ...\n",
        "from . import other\ndef build(): ...\n",
        "# -*- coding: latin-1 -*-\ndef build(): ...  # é\n".encode("latin-1").decode("latin-1"),
    ],
)
def test_what_may_work_is_left_to_the_export(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    check_function("net:build", tmp_path, WHERE)


@pytest.mark.parametrize(
    ("source", "text", "message"),
    [
        ("nowhere:build", "", "no module named 'nowhere'"),
        ("net.inner:build", "", r"no module named 'net\.inner'"),
        ("net:build", "def biuld(): ...\n", r"has no function 'build'. Did you mean 'biuld'\?"),
        ("net:build", "def build(:\n", r"net\.py, line 1: invalid syntax"),
        ("net:build", "import no_such_library\ndef build(): ...\n", "line 1: .*'no_such_library'"),
        ("net:build", "x = 1\nfrom no_such import y\ndef build(): ...\n", "line 2: .*'no_such'"),
    ],
)
def test_what_is_sure_to_fail_is_refused(
    tmp_path: Path, source: str, text: str, message: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(ModelError, match=f"^{WHERE}: .*{message}"):
        check_function(source, tmp_path, WHERE)


def test_packages_are_found_and_not_imported(tmp_path: Path) -> None:
    (tmp_path / "pack" / "inner").mkdir(parents=True)
    (tmp_path / "pack" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "pack" / "inner" / "net.py").write_text("def build(): ...\n")
    check_function("pack.inner.net:build", tmp_path, WHERE)
    check_function("msgspec.json:decode", tmp_path, WHERE)
