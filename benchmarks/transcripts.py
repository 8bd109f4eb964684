"""Transcripts: failed cases and causes, proofs without photographs, accept and compare, blind nets.

The one of a retrained float model needs the photographs of ``$EDGEQ_DATA`` and is left out without.

Run ``python -m benchmarks.transcripts``: it lays out a project with EfficientNet-Lite0 and the 20
built-in photographs, puts one faulty variant after the other into it, runs edgeq's own commands and
prints them with what they say. Only gates on answers are run; of the
output nothing is changed but the folder's name. ``--store`` keeps what is made.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeq.config.load import load_spec
from edgeq.config.presets import data_folder
from edgeq.errors import EdgeqError
from edgeq.faults.challenge import choose_good
from edgeq.faults.fault import Faulty, faults
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph
from edgeq.pipeline.run import Run
from edgeq.samples.sets import NamedSet, load_set
from edgeq.store.content import Store
from tests.unit.tiny_model import detector

MODEL = "efficientnet-lite0"
VARIANT = "vendor"
ANSWERS = ("gate", "-m", "agreement or accuracy", "-q", "--no-header", "-p", "no:cacheprovider")
CASES = {
    "Channel order": "channels_swapped",
    "Labels off by one": "classes_shifted",
    "A damaged layer": "layer_saturated",
    "Calibrated on noise": "calibrated_on_noise",
}
PROVEN = {
    "Another checkpoint of the same network": "checkpoint_noise_5",
    "A wrong normalization": "range_torch",
}
PROOFS = ("gate", "-m", "proof or agreement or accuracy", *ANSWERS[3:])
FOUR_BITS = 16
"""Of 255 steps every sixteenth is left."""
RETRAINED = 0.018
"""How far weights moved, in standard deviations of their layer."""
WORSE = "layer_zeroed"
"""INCONCLUSIVE by the default limits on 20 photographs."""
SELECTED = "agreement or cosine or accuracy"
WIDTH = "100"


def main() -> int:
    """Print every transcript; 1 where a command answers otherwise than it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    store = parser.parse_args().store.resolve()
    with tempfile.TemporaryDirectory(prefix="edgeq-transcripts-") as folder:
        project = Project(Path(folder), store)
        good = project.good()
        codes = []
        for title, name in CASES.items():
            print(f"## {title}\n")
            project.put(good, faults().get(name).make(good))
            codes.append(project.run(*ANSWERS) == 1)
        for title, name in PROVEN.items():
            print(f"## {title}\n")
            project.put(good, faults().get(name).make(good))
            codes.append(project.run(*PROOFS) == 1)
        print("## A lost activation\n")
        floats = project.good("float16")  # int8's ranges hold what RELU6 leaves, and no more
        project.put(floats, faults().get("activation_lost").make(floats), "float16")
        codes.append(project.run(*PROOFS) == 1)
        print("## One layer at 4 bits\n")
        project.put(good, Faulty(content=four_bits(good)))
        codes.append(project.run(*PROOFS) == 1)
        print("## Accept, a worse run, compare\n")
        project.put(good, Faulty())
        codes.append(project.run(*ANSWERS) == 0)
        codes.append(project.run("accept", "-k", SELECTED, "--reason", "First release") == 0)
        project.keep("before.json")
        project.put(good, faults().get(WORSE).make(good))
        codes.append(project.run(*ANSWERS) == 1)
        codes.append(project.run("compare", "before.json", "reports/latest/run.json") == 1)
        if data_folder() is not None:
            print("## A retrained float model after accept\n")
            project.release()
            codes.append(project.run(*ANSWERS) == 0)
            release = ("accept", "-k", SELECTED, "--reason", "First release")
            codes.append(project.run(*release) == 0)
            project.retrain()
            codes.append(project.run(*ANSWERS) == 1)
        print("## A baseline that guesses\n")
        project.guess()
        codes.append(project.run(*ANSWERS) == 1)
        print("## A detector whose score heads are dead\n")
        project.blind()
        codes.append(project.run("gate", "-m", "proof or agreement", "-rf", *ANSWERS[3:]) == 1)
    return 0 if all(codes) else 1


def four_bits(good: Good) -> bytes:
    """Return the variant with the weights of one layer in the middle at 4 bits."""
    graph = good.graph()
    layers = graph.layers()
    values = graph.values(layers[len(layers) // 2].weights)
    values[...] = np.clip(np.rint(values / FOUR_BITS) * FOUR_BITS, -112, 112)
    return graph.patched()


class Project:
    """A project whose one variant is a file.

    Args:
        root: Its folder.
        store: Where what is made is kept.
    """

    def __init__(self, root: Path, store: Path) -> None:
        self._root, self._store = root, store
        self._write("")

    def good(self, method: str = "int8") -> Good:
        """Return the variant of a method, to be made faulty."""
        self._write("", methods=f'["{method}"]')
        run = Run(load_spec(self._root), store=Store(self._store))
        return choose_good(run, MODEL, method, self._root)

    def put(self, good: Good, faulty: Faulty, method: str = "int8") -> None:
        """Make a faulty variant the project's own."""
        content = good.content if faulty.content is None else faulty.content
        (self._root / f"{VARIANT}.tflite").write_bytes(content)
        how = ""
        if faulty.preprocessing is not None:
            how = f'preprocessing = {{ channels = "{faulty.preprocessing.channels}", '
            own = faulty.preprocessing
            how += f'mean = {list(own.mean)}, std = {list(own.std)}, resize = "{own.resize}", '
            how += f'filter = "{own.filter}", crop_fraction = {own.crop_fraction} }}\n'
        self._write(
            f'[variants.{VARIANT}]\nmodel = "{MODEL}"\nfile = "{VARIANT}.tflite"\n'
            f'method = "{method}"\n{how}'
        )

    def release(self) -> None:
        """Make a project whose float model is a file, with the photographs of ``$EDGEQ_DATA``."""
        shutil.rmtree(self._root / "reports")  # what was accepted is another project's
        self._write("")
        baseline = Run(load_spec(self._root), store=Store(self._store)).inputs(MODEL).baseline
        how = baseline.preprocessing
        (self._root / "net.tflite").write_bytes(baseline.path.read_bytes())
        (self._root / "edgeq.toml").write_text(
            f'methods = ["float16", "dynamic_range"]\nstore = "{self._store}"\n\n'
            f'[models.net]\nsource = "net.tflite"\nlabels = "{baseline.labels}"\n'
            f"preprocessing = {{ mean = {list(how.mean)}, std = {list(how.std)}, "
            f'resize = "{how.resize}", filter = "{how.filter}" }}\n\n'
            '[images]\nevaluation = "data:imagenet"\n\n[gates]\nmin_accuracy = 0.75\n',
            encoding="utf-8",
        )

    def retrain(self) -> None:
        """Put weights that a later training might have left in the place of the float model's."""
        path = self._root / "net.tflite"
        graph, generator = Graph(path.read_bytes(), path), np.random.default_rng(0)
        for layer in graph.layers():
            values = graph.values(layer.weights)
            values[...] += generator.normal(0, RETRAINED * values.std(), values.shape)
        path.write_bytes(graph.patched())

    def guess(self) -> None:
        """Make a project of the built-in photographs, whose labels are all off by one."""
        shutil.rmtree(self._root / "reports")  # what was accepted is another project's
        folder = self._root / "photographs"
        folder.mkdir()
        rows = ["file,class_index"]
        for photo in load_set(NamedSet("sample:imagenet", "evaluation", self._root)).photos:
            name = photo.path.name
            (folder / name).write_bytes(photo.path.read_bytes())
            rows.append(f"{name},{((photo.label or 0) + 1) % 1000}")
        (folder / "labels.csv").write_text("\n".join(rows), "utf-8")
        self._write("", methods='["float16", "int8"]', evaluation="photographs")

    def blind(self) -> None:
        """Make a project of a small detector, with a variant whose score heads are dead."""
        (self._root / "detector.tflite").write_bytes(detector())
        (self._root / "blind.tflite").write_bytes(detector(gain=0.0))
        (self._root / "edgeq.toml").write_text(
            f'methods = []\nstore = "{self._store}"\n\n[models.detector]\n'
            'source = "detector.tflite"\npreprocessing = "keras-0-255"\n\n[images]\n'
            'evaluation = "photographs"\n\n[variants.blind]\nmodel = "detector"\n'
            'file = "blind.tflite"\n',
            encoding="utf-8",
        )

    def keep(self, name: str) -> None:
        """Keep the last run's record under another name."""
        record = self._root / "reports" / "latest" / "run.json"
        (self._root / name).write_bytes(record.read_bytes())

    def run(self, *arguments: str) -> int:
        """Run one of edgeq's commands, print it with what it says, return its exit code."""
        environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "edgeq.cli", *arguments],
            cwd=self._root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout.replace(f"{self._root}{os.sep}", "").rstrip()
        print(f"```console\n$ edgeq {shlex.join(arguments)}\n{said}\n$ echo $?\n{done.returncode}")
        print("```\n", flush=True)
        return done.returncode

    def _write(
        self, variant: str, methods: str = '["int8"]', evaluation: str = "sample:imagenet"
    ) -> None:
        methods = "[]" if variant else methods
        (self._root / "edgeq.toml").write_text(
            f'methods = {methods}\nstore = "{self._store}"\n\n[models.{MODEL}]\n'
            f'source = "{MODEL}"\n\n[images]\ncalibration = "sample:imagenet"\n'
            f'evaluation = "{evaluation}"\n\n{variant}',
            encoding="utf-8",
        )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"transcripts: {error}")
