"""Damaged packages, records, label files, metadata and frames through everything that reads them.

``python -m benchmarks.robustness.documents``: a sound one of each kind with bytes, keys and values
changed. Every outcome must be one error of the kind that its reader promises, in one line, or
something that was read, within ten seconds. A damaged package that is called whole must hold what
the sound one holds. Prints a table; the exit code is 1 if something else happened.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import struct
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from benchmarks.robustness import configurations, mutations
from edgeq.bundle.check import check
from edgeq.errors import EdgeqError
from edgeq.history import accepted, past
from edgeq.history.accept import Signature, accept, select
from edgeq.record import structs as records
from edgeq.run.protocol import Decoder, Frame, FrameError, encode
from edgeq.samples.label_table import read_table
from edgeq.samples.labels import label_set
from edgeq.tflite.metadata import read_metadata
from tests.unit import tiny_metadata, tiny_model
from tests.unit.bundle import packages
from tests.unit.history import figures

MAX_S = 10
MAX_PIECE = 999
LABELS = "0 tench\n1 goldfish\n2 great white shark\n3 tiger shark\n4 hammerhead\n"
TABLE = "file,class_index,split,group\n" + "".join(
    f"{number:03}.png,{number % 5},{'train' if number % 2 else 'test'},g{number // 3}\n"
    for number in range(20)
)
ENTRY, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
SIZES = (0, 1, 2, 2**16 - 1, 2**31 - 1, 2**32 - 1)
DEEP = 5_000


@dataclass(frozen=True)
class Kind:
    """Something that somebody else may have written.

    Attributes:
        name: What it is.
        file: Name of its file.
        sound: Whole ones.
        damage: Damages one.
        read: Reads a file and returns what came of it.
        refusal: What the reader may raise.
        count: How many are tried.
    """

    name: str
    file: str
    sound: tuple[bytes, ...]
    damage: Callable[[bytes, random.Random], bytes]
    read: Callable[[Path], str]
    refusal: type[Exception] = EdgeqError
    count: int = 2_000


def damaged_text(content: bytes, draw: random.Random) -> bytes:
    """Return a text with bytes, lines or its encoding changed."""
    lines = content.splitlines(keepends=True)
    match draw.randrange(6):
        case 0:
            return content.decode().encode(draw.choice(("utf-16", "utf-32", "cp500")))
        case 1:
            draw.shuffle(lines)
            return b"".join(lines * draw.choice((1, 2, 1000)))
        case 2:
            value = str(draw.choice(configurations.VALUES[:13])).encode()
            lines[draw.randrange(len(lines))] = value[:10_000] + b"\n"
            return b"".join(lines)
        case 3:
            signs = (
                b"\x00",
                b"\r",
                b'"',
                b",",
                b"\x1b[31m",
                b"\xe2\x80\xae",
                b"\xff",
                b"\n" * 1000,
            )
            at = draw.randrange(len(content))
            return content[:at] + draw.choice(signs) * draw.randint(1, 3) + content[at:]
        case _:
            return draw.choice(mutations.MUTATIONS[:5])(content, draw)


def damaged_json(content: bytes, draw: random.Random) -> bytes:
    """Return JSON with one to three keys or values changed, or with its bytes changed."""
    kind = draw.randrange(10)
    if kind == 0:
        return damaged_text(content, draw)
    if kind == 1:
        return b"[" * DEEP + content + b"]" * DEEP
    table = json.loads(content)
    for _ in range(draw.randint(1, 3)):
        _change(table, draw)
    return json.dumps(table).encode("utf-8", "surrogatepass")


def _change(table: Any, draw: random.Random) -> None:
    holder = table
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = draw.choice(keys)
        if not (isinstance(holder[key], dict | list) and draw.random() < 0.8):
            break
        holder = holder[key]
    value = draw.choice(configurations.VALUES)
    match draw.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[draw.choice(configurations.KEYS)] = holder.pop(key)
        case _:
            holder[key] = value


def damaged_zip(content: bytes, draw: random.Random) -> bytes:
    """Return a zip with its files, headers or directory changed."""
    data, directory = bytearray(content), content.find(ENTRY)
    for _ in range(draw.randint(1, 4)):
        match draw.randrange(6):
            case 0:
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            case 1:
                data[draw.randrange(min(directory, len(data) - 1), len(data))] = draw.randrange(256)
            case 2:
                at = draw.randrange(min(directory, len(data) - 5), len(data) - 4)
                struct.pack_into("<I", data, at, draw.choice((*SIZES, len(data), at)))
            case 3:
                del data[draw.randrange(64, len(data)) :]
                data += content[directory:] if draw.random() < 0.5 else b""
            case 4:
                at = draw.randrange(len(data))
                data[at:at] = draw.randbytes(draw.randint(1, 64))
            case _:
                at = data.find(LOCAL, draw.randrange(len(data)))
                if 0 <= at < len(data) - 30:
                    data[at + draw.randrange(30)] = draw.randrange(256)
    return bytes(data)


def _content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _read_package(path: Path, whole: dict[str, bytes]) -> str:
    check(path)
    if _content(path) != whole:
        raise AssertionError("a damaged package is called whole")
    return "holds what the sound one holds"


def _read_frames(path: Path) -> str:
    decoder, data, number = Decoder(), path.read_bytes(), 0
    draw = random.Random(len(data))  # noqa: S311
    while data:
        size = draw.randint(1, MAX_PIECE)
        decoder.feed(data[:size])
        data = data[size:]
        while (frame := decoder.next()) is not None:
            number += 1
            if sum(blob.nbytes for blob in frame.blobs) > decoder.most:
                raise AssertionError("a frame is larger than expected")
    return f"{min(number, 2)} frames" + (", another is not finished" if decoder.pending else "")


def _read_history(path: Path) -> str:
    damaged = past.read_all(path.parent).damaged
    if any("\n" in why or "Traceback" in why for why in damaged):
        raise AssertionError(f"a reason of several lines: {damaged}")
    return "named as damaged" if damaged else "a run"


def _read_labels(path: Path) -> str:
    names = label_set(path.name, path.parent).names
    return "labels" if all(isinstance(name, str) for name in names) else "no labels"


def _read_metadata(path: Path) -> str:
    found = read_metadata(path)
    if any(sign in note for note in found.notes for sign in ("\n", "Traceback")):
        raise AssertionError(f"a note of several lines: {found.notes}")
    return "metadata with a note" if found.notes else "metadata"


def _frames() -> bytes:
    blobs = (np.arange(12, dtype=np.float32).reshape(3, 4), np.zeros((2, 2), np.uint8))
    first = encode(Frame({"ok": True, "text": "sound"}, blobs))
    return first + encode(Frame({"progress": 3})) + first


def kinds(folder: Path) -> tuple[Kind, ...]:
    """Return all kinds.

    Args:
        folder: Where the sound ones are made.
    """
    package = packages.make(folder / "project").pack(folder / "bundle").zip
    whole = _content(package)
    record = figures.run(figures.case("made"), figures.case("max_bytes", value=10.0))
    signature = Signature(reason="so", date="2026-01-01", commit=None)
    known = [one for one in accept(record, {}, select(""), signature).records.values() if one]
    kept = past.keep(past.past_run(record), folder / "history", max_runs=1)
    with_labels = tiny_metadata.with_metadata(
        tiny_model.classifier(), mean=(127.5,), std=(127.5,), labels="a\nb\nc\nd\ne\n"
    )
    without = tiny_metadata.with_metadata(tiny_model.classifier(), mean=(1, 2, 3), std=(1, 1, 1))
    return (
        Kind(
            "packages",
            "package.zip",
            (package.read_bytes(),),
            damaged_zip,
            lambda path: _read_package(path, whole),
            count=3_000,
        ),
        Kind(
            "accepted records",
            f"{figures.MODEL}.json",
            tuple(map(accepted.to_json, known)),
            damaged_json,
            lambda path: f"{len(accepted.read_all(path.parent))} records",
        ),
        Kind(
            "runs of history",
            kept.name if kept is not None else "",
            () if kept is None else (kept.read_bytes(),),
            damaged_json,
            _read_history,
        ),
        Kind(
            "records of runs",
            "run.json",
            (records.to_json(record),),
            damaged_json,
            lambda path: f"passes: {records.read(path).summary.passes}",
        ),
        Kind("label files", "labels.txt", (LABELS.encode(),), damaged_text, _read_labels),
        Kind(
            "tables of labels",
            "labels.csv",
            (TABLE.encode(),),
            damaged_text,
            lambda path: f"{min(len(read_table(path, ('test',), None).labels), 1)} or more rows",
        ),
        Kind(
            "metadata of models",
            "model.tflite",
            (with_labels, without),
            lambda content, draw: draw.choice(mutations.MUTATIONS[:6])(content, draw),
            _read_metadata,
        ),
        Kind(
            "frames",
            "frames",
            (_frames(),),
            lambda content, draw: draw.choice(mutations.MUTATIONS[:6])(content, draw),
            _read_frames,
            refusal=FrameError,
        ),
    )


def fuzz(kind: Kind, count: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Read damaged ones of a kind.

    Args:
        kind: The kind.
        count: How many.
        folder: An empty folder.

    Returns:
        How often each outcome, and what must not happen.
    """
    outcomes: Counter[str] = Counter()
    faults = []
    path = folder / kind.file
    before = signal.signal(signal.SIGALRM, _too_long)
    for number in range(count):
        draw = random.Random(number)  # noqa: S311
        path.write_bytes(kind.damage(kind.sound[number % len(kind.sound)], draw))
        signal.alarm(MAX_S)
        try:
            outcome = kind.read(path)
        except kind.refusal as error:
            outcome = type(error).__name__
            if "\n" in str(error) or "Traceback" in str(error):
                faults.append(f"{kind.name} {number}: {error}")
        except Exception:  # noqa: BLE001 - that is what is looked for
            outcome = "a fault of edgeq"
            faults.append(f"{kind.name} {number}: {traceback.format_exc(limit=-3)}")
        finally:
            signal.alarm(0)
        outcomes[outcome] += 1
    signal.signal(signal.SIGALRM, before)
    return outcomes, faults


def _too_long(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"not read within {MAX_S} s")


def main() -> int:
    """Print the tables; 1 if something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of each kind")
    arguments = parser.parse_args()
    bad = False
    print("| kind | number | seconds | faults | outcomes |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="edgeq-documents-") as name:
        for number, kind in enumerate(kinds(Path(name))):
            folder = Path(name) / f"{number}"
            folder.mkdir()
            start, count = time.monotonic(), round(kind.count * arguments.share)
            outcomes, faults = fuzz(kind, count, folder)
            said = ", ".join(f"{times:,} {outcome}" for outcome, times in outcomes.most_common())
            seconds = time.monotonic() - start
            print(f"| {kind.name} | {count:,} | {seconds:.0f} | {len(faults)} | {said} |")
            for fault in faults[:10]:
                print(f"FAULT {fault}")
            bad = bad or bool(faults)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
