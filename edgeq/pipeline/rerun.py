"""Reruns models to check their stored outputs, as hashes can't show which model made them.

An entry may be complete and yet wrong, if its files were written by hand with matching hashes or by
a version that ran a file replaced meanwhile. Two photographs of each portion reveal it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing, Run
from edgeq.errors import EdgeqError
from edgeq.io import structs
from edgeq.io.arrays import map_array
from edgeq.pipeline.dependencies import runtime_facts
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.samples.decode import FILE as PIXELS
from edgeq.store.content import EntryFile, Store, description_in, key_of
from edgeq.store.rows import ROWS
from edgeq.tflite.edits import outputs_edits

ANSWERS, MODEL = "answers", "model.tflite"
TOLERANCE = 1e-3
"""Difference allowed between runs of the same file, as a fraction of an output's largest value."""


def poisoned(store: Store) -> Iterator[tuple[Path, str]]:
    """Yield entries with outputs that their model does not give, and the entries based on them.

    Only outputs of this machine and runtime are checked, if model and pixels are available.
    """
    entries = [(folder, entry) for folder in store.folders() if (entry := description_in(folder))]
    models = {
        entry.files[MODEL]: folder / MODEL for folder, entry in entries if MODEL in entry.files
    }
    pixels = {
        (key_of("pixels", _besides(entry)), name): (folder / PIXELS, row)
        for folder, entry in entries
        if folder.parent.name.startswith("pixels-")
        for row, name in enumerate(_rows(entry))
    }
    wrong: set[str] = set()
    for folder, entry in entries:
        facts = entry.facts
        known = {**runtime_facts(), "target": local_target().name}
        path = models.get(str(facts.get("model")))
        if not folder.parent.name.startswith(f"{ANSWERS}-") or path is None:
            continue
        if any(facts.get(name) != value for name, value in known.items()):
            continue
        if _differs(folder, entry, path, pixels):
            wrong |= {str(facts["model"]), key_of(ANSWERS, _besides(entry))}
            yield folder, "its model answers otherwise when it is asked again"
    for folder, entry in entries:
        text = msgspec.json.encode(entry.facts).decode()
        mine = folder.parent.name.startswith(f"{ANSWERS}-") or MODEL in entry.files
        if not mine and any(address in text for address in wrong):
            yield folder, "rests on answers that its model does not give"


def _differs(
    folder: Path,
    entry: EntryFile,
    path: Path,
    pixels: Mapping[tuple[str, str], tuple[Path, int]],
) -> bool:
    """Return whether a model's outputs differ for the first or last photograph of a portion."""
    rows, facts, run = _rows(entry), entry.facts, Run()
    preprocessing = structs.converted(facts["preprocessing"], Preprocessing)
    inside = structs.converted(facts["inside"], tuple[int, ...])
    paths = sorted(folder.glob("output-*.npy"), key=lambda file: int(file.stem.split("-")[1]))
    try:
        with Session(
            local_target(), timeout_s=run.timeout_s, memory_limit=run.memory_limit
        ) as session:
            loaded = session.load(
                path,
                threads=structs.converted(facts["threads"], int),
                kernels=structs.converted(facts["kernels"], Kernels),
                edits=outputs_edits(path, inside),
            )
            for row in sorted({0, len(rows) - 1}):
                place = pixels.get((str(facts["pixels"]), rows[row]))
                if place is None:
                    continue
                image = map_array(place[0])[place[1] : place[1] + 1]
                outputs = session.infer(loaded.handle, np.array(image), preprocessing).outputs
                if not _alike(outputs, [map_array(file)[row : row + 1] for file in paths]):
                    return True
    except (EdgeqError, OSError, ValueError):
        return False  # it can't be run, and damage is detected by the hash
    return False


def _alike(
    outputs: tuple[npt.NDArray[np.float32], ...], stored: list[npt.NDArray[np.float32]]
) -> bool:
    return len(outputs) == len(stored) and all(
        a.shape == b.shape
        and np.allclose(
            a, b, rtol=0, atol=TOLERANCE * float(np.abs(a).max(initial=0)), equal_nan=True
        )
        for a, b in zip(outputs, stored, strict=True)
    )


def _besides(entry: EntryFile) -> dict[str, object]:
    return {name: fact for name, fact in entry.facts.items() if name != ROWS}


def _rows(entry: EntryFile) -> list[str]:
    rows = entry.facts.get(ROWS)
    return [str(row) for row in rows] if isinstance(rows, list) else []
