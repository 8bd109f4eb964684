"""Labels files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import ImageError
from edgeq.samples.label_table import parse_table, read_table
from edgeq.samples.labels import LabelSet

HERE = Path("set/labels.csv")
TWO = LabelSet("two", ("cat", "dog"), ("n00000001", "n00000002"))

# What a csv can hold as a path: no blanks at the ends, not a path that stands for another.
file_names = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="\\/."), min_size=1
)
files = st.lists(file_names, min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(files, st.integers(0, 10**6)), st.booleans(), st.booleans())
def test_what_is_written_is_read(labels: dict[str, int], quoted: bool, reverse: bool) -> None:
    text = io.StringIO()
    columns = ["class_index", "file"] if reverse else ["file", "class_index"]
    writer = csv.DictWriter(text, columns, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writeheader()
    writer.writerows({"file": file, "class_index": label} for file, label in labels.items())

    table = parse_table(text.getvalue(), HERE, {"evaluation"}, None)

    assert table.labels == labels
    assert not table.has_split


@given(st.text())
def test_any_text_is_a_table_or_refused_with_its_place(text: str) -> None:
    try:
        table = parse_table(f"file,class_index\n{text}", HERE, {"evaluation"}, TWO)
    except ImageError as error:
        answer = (error.where, bool(error.remedy))
    else:
        answer = (str(HERE), set(table.labels.values()) <= {0, 1})
    assert answer == (str(HERE), True)


def test_rows_of_other_splits_are_left_out() -> None:
    text = "split,file,class_index\ncalibration,a.png,0\nevaluation,b.png,1\nval,c.png,0\n"

    table = parse_table(text, HERE, {"evaluation", "val"}, TWO)

    assert table.has_split
    assert table.labels == {"b.png": 1, "c.png": 0}


def test_a_wrong_label_of_another_split_does_not_matter() -> None:
    text = "split,file,class_index\ntrain,a.png,17\nevaluation,b.png,1\n"

    assert parse_table(text, HERE, {"evaluation"}, TWO).labels == {"b.png": 1}


def test_groups_are_read_and_may_be_left_out() -> None:
    text = "file,class_index,group\na.png,0,cat-1\nb.png,0,cat-1\nc.png,1,\n"
    table = parse_table(text, HERE, {"evaluation"}, TWO)
    assert table.labels == {"a.png": 0, "b.png": 0, "c.png": 1}
    assert table.groups == {"a.png": "cat-1", "b.png": "cat-1"}


def test_groups_alone_make_a_table_without_classes() -> None:
    table = parse_table("file,group\na.png,1\nb.png,1\n", HERE, {"evaluation"}, TWO)
    assert table.labels == {"a.png": None, "b.png": None}
    assert table.groups == {"a.png": "1", "b.png": "1"}


def test_wordnet_ids() -> None:
    table = parse_table("file,wordnet_id\na.png,n00000002\n", HERE, (), TWO)

    assert table.labels == {"a.png": 1}


def test_wordnet_ids_are_those_of_imagenet_where_no_label_set_is_known() -> None:
    table = parse_table("file,wordnet_id\na.png,n15075141\n", HERE, (), None)

    assert table.labels == {"a.png": 999}


def test_class_index_is_read_first_and_other_columns_are_ignored() -> None:
    text = "author,WordNet_ID, File ,class_index\nme,n99999999,./a\\b.png, 1\n\n"

    assert parse_table(text, HERE, (), TWO).labels == {"a/b.png": 1}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", r"names the columns \(none\)"),
        ("a.png,0\n", "names the columns a.png, 0"),
        ("file,label\na.png,0\n", "names the columns file, label"),
        ("file,class_index\na.png\n", "line 2 has 1 cells, the first line 2"),
        ("file,class_index\na.png,0,x\n", "line 2 has 3 cells"),
        ("file,class_index\n,0\n", "line 2 names no file"),
        ("file,class_index\na.png,\n", "line 2 has no label"),
        ("file,class_index\na.png,cat\n", "line 2: 'cat' is not a class index"),
        ("file,class_index\na.png,-1\n", "line 2: '-1' is not a class index"),
        ("file,class_index\na.png,1.0\n", "line 2: '1.0' is not a class index"),
        ("file,class_index\na.png,²\n", "is not a class index"),
        ("file,class_index\na.png,2\n", "line 2: class index 2 is out of range"),
        ("file,class_index\na.png,0\n./a.png,0\n", "line 3: 'a.png' appears twice"),
        ("file,wordnet_id\na.png,n00000003\n", "have no WordNet id 'n00000003'"),
        ('file,class_index\n"a.png,0\n', "is not a CSV file"),
    ],
)
def test_tables_that_are_refused(text: str, what: str) -> None:
    with pytest.raises(ImageError, match=what) as caught:
        parse_table(text, HERE, (), TWO)

    assert caught.value.where == str(HERE)
    assert caught.value.remedy


def test_file_with_a_byte_order_mark_and_dos_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbffile,class_index\r\na.png,1\r\n")

    assert read_table(path, (), TWO).labels == {"a.png": 1}


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_table(tmp_path / "labels.csv", (), None)
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(ImageError, match="can't be read as a labels file"):
        read_table(tmp_path / "labels.csv", (), None)
