from __future__ import annotations

from pathlib import Path

from edgeq.results.joining import sources_sha256


def test_the_sources_of_a_test_are_its_file_and_the_conftest_files_above(tmp_path: Path) -> None:
    root = tmp_path / "project"
    folder = root / "tests"
    folder.mkdir(parents=True)
    test = folder / "test_it.py"
    test.write_text("one", encoding="utf-8")
    hashes = [sources_sha256(test, root)]
    (tmp_path / "conftest.py").write_text("elsewhere", encoding="utf-8")
    assert sources_sha256(test, root) == hashes[0]
    for file, text in (
        (test, "two"),
        (folder / "conftest.py", "a"),
        (root / "conftest.py", "b"),
        (root / "conftest.py", "c"),
    ):
        file.write_text(text, encoding="utf-8")
        hashes.append(sources_sha256(test, root))
    assert len(set(hashes)) == len(hashes)
