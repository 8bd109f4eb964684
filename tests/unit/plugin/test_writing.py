from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.plugin.writing import portable

START = Path("/home/someone/project")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("/home/someone/project/tests", "tests"),
        ("/home/someone/project/tests/test_a.py::test_b[c]", "tests/test_a.py::test_b[c]"),
        ("/home/someone/other/tests", "tests"),
        ("--junitxml=/home/someone/project/out/junit.xml", "--junitxml=out/junit.xml"),
        ("--junitxml=/var/lib/junit.xml", "--junitxml=junit.xml"),
        ("--override-ini=cache_dir=/var/cache", "--override-ini=cache_dir=cache"),
        ("-c/etc/pytest.ini", "-cpytest.ini"),
        ("--benchmark-storage=file:///home/someone/marks", "--benchmark-storage=file://marks"),
        ("--benchmark-storage=file://./marks", "--benchmark-storage=file://./marks"),
        ("--cov-report=html:/home/someone/project/cov", "--cov-report=html:cov"),
        ("/home/someone/my models/net.toml", "net.toml"),
        ("tests/test_a.py", "tests/test_a.py"),
        ("not latency", "not latency"),
        ("-x", "-x"),
        ("https://host.example/a/b", "https://host.example/a/b"),
    ],
)
def test_paths_of_the_machine_are_left_out(word: str, said: str) -> None:
    assert portable(word, START) == said
