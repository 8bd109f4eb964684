"""How long a report takes to render, and how big it is.

``python -m benchmarks.report``, from the repository's root. The records are built as
``as_measured.py`` says: models by six methods with 500 images, 24 pictures of 4 kB a model at
most, 8 contact sheets, every gate, 50 past runs. Exit code 1 where a figure is beyond its limit.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from benchmarks import as_measured
from edgeq import report
from edgeq.history.past import Past, PastRun, past_run
from edgeq.io.files import sha256_bytes
from edgeq.record.structs import ModelRecord, RunRecord
from edgeq.record.thumbnails import Picture, Sheet
from edgeq.report.pictures import chosen, lean
from edgeq.report.trends import trends
from edgeq.results import contact_sheet

IMAGES = 500
PAST_RUNS = 50
PICTURE_SIDE = 112
REPEATS = 3


@dataclass(frozen=True)
class Size:
    """How much there is to show, and what it may cost."""

    name: str
    models: int
    most_s: float
    most_bytes: int


SIZES = (
    Size("2 models by 6 methods", 2, 2.0, 1_500_000),
    Size("ten times the cases", 20, 10.0, 6_000_000),
)


def main() -> int:
    """Measure, print a table, and return the exit code."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| record | cases | rendering, best of 3 | report.html | of it the record | index.html |")
    print("|---|--:|--:|--:|--:|--:|")
    kept = [_measure(size) for size in SIZES]
    return 0 if all(kept) else 1


def _measure(size: Size) -> bool:
    record, pictures = _illustrated(as_measured.run(size.models, IMAGES))
    past = _past(record)
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            history = trends((*past, past_run(record)))
            written = report.write(record, Path(folder), shown=pictures, history=history)
            times.append(time.perf_counter() - start)
        written_index = report.write_index(Past(past), Path(folder), history=history)
        index = written_index.stat().st_size
        page = written.html.stat().st_size
        embedded = written.html.read_text(encoding="utf-8").rpartition('id="record">')[2]
    kept = min(times) < size.most_s and page < size.most_bytes
    print(
        f"| {size.name} | {len(record.cases)} | {min(times):.2f} s (under {size.most_s:g} s) "
        f"| {page / 1e6:.2f} MB (under {size.most_bytes / 1e6:g} MB) "
        f"| {len(embedded) / 1e6:.2f} MB | {index / 1e6:.2f} MB |"
    )
    return kept


def _past(record: RunRecord) -> tuple[PastRun, ...]:
    """Return earlier runs whose values wander a little."""
    random = np.random.default_rng(0)
    end = datetime.fromisoformat(record.started).astimezone(UTC)
    runs = []
    for number in range(PAST_RUNS, 0, -1):
        cases = tuple(
            case
            if case.value is None
            else msgspec.structs.replace(case, value=case.value * random.uniform(0.98, 1.02))
            for case in record.cases
        )
        started = (end - timedelta(days=number)).isoformat(timespec="seconds")
        runs.append(past_run(msgspec.structs.replace(record, cases=cases, started=started)))
    return tuple(runs)


def _illustrated(record: RunRecord) -> tuple[RunRecord, dict[str, bytes]]:
    """Return the record with as many pictures as a report takes, and the pictures."""
    pictures: dict[str, bytes] = {}
    images_of = chosen(record)
    models = []
    for number, model in enumerate(record.models):
        named = []
        for image in images_of[model.name]:
            data = _picture(1000 * number + image)
            pictures[sha256_bytes(data)] = data
            named.append(Picture(image=image, sha256=sha256_bytes(data)))
        sheets = tuple(
            _sheet(2 * number + place, role, pictures)
            for place, role in enumerate(("calibration", "evaluation"))
            if number < contact_sheet.PER_RUN // 2
        )
        models.append(lean(_with(model, tuple(named), sheets)))
    return msgspec.structs.replace(record, models=tuple(models)), pictures


def _with(
    model: ModelRecord, pictures: tuple[Picture, ...], sheets: tuple[Sheet, ...]
) -> ModelRecord:
    return msgspec.structs.replace(model, pictures=pictures, sheets=sheets)


def _sheet(seed: int, role: str, pictures: dict[str, bytes]) -> Sheet:
    """Return a contact sheet of photographs that no other model sees alike."""
    coarse = np.random.default_rng(seed).integers(
        0, 256, (contact_sheet.MAX_IMAGES, 12, 12, 3), np.uint8
    )
    tile = (contact_sheet.SIDE, contact_sheet.SIDE)
    data = contact_sheet.drawn(coarse, contact_sheet.COLUMNS, tile)
    pictures[sha256_bytes(data)] = data
    return Sheet(
        role=role,
        images=IMAGES,
        places=contact_sheet.evenly(IMAGES),
        columns=contact_sheet.COLUMNS,
        tile=tile,
        sha256=sha256_bytes(data),
    )


def _picture(seed: int) -> bytes:
    """Return a picture of about 4 kB, as a photograph's thumbnail has."""
    coarse = np.random.default_rng(seed).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((PICTURE_SIDE, PICTURE_SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=60)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
