"""Examines what is available for the spec and on this machine. Nothing is made or measured."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from edgeq.cluster.cluster import Cluster
from edgeq.config.load import find_spec_file, load_spec
from edgeq.config.presets import DATA_VARIABLE, data_folder
from edgeq.config.structs import Spec
from edgeq.errors import (
    EdgeqError,
    ImageError,
    MissingExtraError,
    ModelError,
    SpecError,
    how_to_install,
)
from edgeq.models import lite0, sources
from edgeq.models.applications import WEIGHTS_SUFFIX
from edgeq.pipeline.ahead import lacks, require_apart, require_comparable
from edgeq.pipeline.needs import (
    images_of,
    lack_of_calibration,
    notes_of,
    reading_of,
    tools_of,
    variant_of,
    weights_of,
)
from edgeq.pipeline.run import Run
from edgeq.results.judging import in_own_words
from edgeq.results.recording import this_machine, tool_versions
from edgeq.run.probe import probe
from edgeq.run.targets import local_target
from edgeq.samples.sets import ROLES, NamedSet, Role, count_photos
from edgeq.samples.sources import SAMPLES
from edgeq.store.content import Store
from edgeq.store.prune import entries
from edgeq.words import plural, size

NO_SPEC = "no edgeq.toml here or in a parent folder; `edgeq init` writes one"
State = Literal["ok", "absent", "bad"]
EXTRAS = {
    **sources.EXTRAS,
    "samples": (lite0.PACKAGE, "foolbox"),
}


@dataclass(frozen=True)
class Finding:
    """The result of looking for one thing.

    Findings of one area are consecutive. A ``"bad"`` one stops the gate or leaves cases MISSING
    undeclared; ``"absent"`` means that the spec does not need it.
    """

    area: str
    state: State
    text: str


def examine(start: Path, *, file: Path | None = None) -> tuple[Finding, ...]:
    """Look for everything that a run needs, and for what else is available.

    The search for the spec starts at ``start``, unless its file is given.
    """
    try:
        if file is None and find_spec_file(start) is None:
            return (Finding("spec", "absent", NO_SPEC), *_machine(None))
        spec = load_spec(start, file=file)
        run = Run(spec)
        declared = run.cases
    except SpecError as error:
        return (Finding("spec", "bad", str(error)), *_machine(None))
    summary = f"{spec.origin}: {len(declared)} cases"
    return (Finding("spec", "ok", summary), *_needs(run), *_machine(spec))


def _needs(run: Run) -> Iterator[Finding]:
    spec = run.spec
    for name in spec.models:
        own = run.variants_of(name)
        names = ", ".join(variant.short_name for variant in own)
        yield Finding("models", "ok", f"{name}: {names or 'no variant'}")
        needed = [_tried(spec, partial(weights_of, spec, name), "weights: ")]
        needed += [_tried(spec, partial(images_of, spec, name, role)) for role in ROLES]
        yield from needed
        if all(finding.state == "ok" for finding in needed):
            yield from _understood(run, name)
        if any(variant.is_calibrated for variant in own):
            yield from _refused(spec, "models", partial(require_apart, spec, name))
    for name in spec.variants:
        described = _tried(spec, partial(variant_of, spec, name), f"{name}: ", area="variants")
        yield described
        if described.state == "ok":
            yield from _refused(spec, "variants", partial(require_comparable, spec, name), name)
    for variant in run.variants:
        try:
            tools_of(variant)
        except EdgeqError as error:
            yield Finding("engines", "bad", f"{variant.name}: {in_own_words(error, spec)}")
        lack = lack_of_calibration(variant)
        if lack is not None:
            yield Finding("variants", "bad", f"{variant.name}: {lack}")


def _refused(spec: Spec, area: str, look: Callable[[], None], name: str = "") -> Iterator[Finding]:
    """Yield what a check refuses; nothing if all is well or the error was already reported."""
    try:
        look()
    except (ImageError, ModelError) as error:
        head = f"{name}: " if name else ""
        yield Finding(area, "bad", f"{head}{in_own_words(error, spec)}")
    except EdgeqError:
        return


def _understood(run: Run, name: str) -> Iterator[Finding]:
    """Yield how a model's outputs are read, what is assumed, and which cases will lack something.

    The assumptions are about its input and its labels.
    """
    spec = run.spec
    try:
        reading = reading_of(spec, name)
        notes = notes_of(spec, name, 0 if reading is None else reading.classes)
        lacking = tuple(lacks(run, name, reading))
    except EdgeqError as error:
        yield Finding("models", "bad", f"outputs: {in_own_words(error, spec)}")
        return
    if reading is not None:
        yield Finding("models", "ok", f"judged as {reading.task}: {reading.evidence}")
    yield from (Finding("models", "ok", f"note: {note}") for note in notes)
    for lack in lacking:
        state: State = "absent" if lack.declared else "bad"
        step = f". {lack.step}" if lack.step else ""
        yield Finding("models", state, f"{', '.join(lack.gates)}: {lack.reason}{step}")


def _machine(spec: Spec | None) -> Iterator[Finding]:
    machine = this_machine()
    memory = size(machine.memory_bytes or 0)
    yield Finding(
        "machine",
        "ok",
        f"{machine.processor}, {machine.cores} cores, {memory}, {machine.system} "
        f"{machine.architecture}",
    )
    tools = ", ".join(f"{name} {release}" for name, release in tool_versions().items())
    yield Finding("tools", "ok", tools)
    yield from (_extra(name, packages) for name, packages in EXTRAS.items())
    yield from _data()
    yield from _samples()
    yield _tried(spec, _kernels, area="kernels")
    if spec is not None:
        for there in Run(spec).elsewhere:
            yield _tried(spec, partial(_target, there), area="targets")
    if spec is not None and spec.run.cluster is not None:
        yield from _cluster(spec, spec.run.cluster)
    if spec is not None:
        yield _tried(spec, partial(_store, spec), area="store")


def _tried(
    spec: Spec | None, look: Callable[[], str], head: str = "", *, area: str = "models"
) -> Finding:
    try:
        return Finding(area, "ok", f"{head}{look()}")
    except EdgeqError as error:
        problem = error if spec is None else in_own_words(error, spec)
        return Finding(area, "bad", f"{head}{problem}")


def _extra(name: str, packages: tuple[str, ...]) -> Finding:
    present, absent = [], []
    for package in packages:
        try:
            present.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            absent.append(package)
    if absent:
        text = f"{name}: {', '.join(absent)} not installed; {how_to_install(name)}"
        return Finding("extras", "absent", text)
    return Finding("extras", "ok", f"{name}: {', '.join(present)}")


def _data() -> Iterator[Finding]:
    folder = data_folder()
    if folder is None:
        value = os.environ.get(DATA_VARIABLE)
        problem = f"${DATA_VARIABLE} " + (f"is not a folder: {value}" if value else "is not set")
        yield Finding("data", "absent", problem)
        return
    yield Finding("data", "ok", f"${DATA_VARIABLE}: {folder}")
    weights = sorted((folder / "weights").glob(f"*{WEIGHTS_SUFFIX}"))
    if weights:
        yield Finding("data", "ok", f"weights: {', '.join(path.name for path in weights)}")
    for path in sorted(folder.iterdir()):
        for role in ROLES:
            if (path / role).is_dir():
                yield Finding("data", *_count(f"data:{path.name}", role))


def _samples() -> Iterator[Finding]:
    absent: dict[str, list[str]] = {}
    for name in SAMPLES.names():
        source = f"sample:{name}"
        try:
            for role in ROLES:
                yield Finding("samples", *_count(source, role))
        except MissingExtraError as error:
            absent.setdefault(error.extra, []).append(source)
    for extra, names in absent.items():
        yield Finding("samples", "absent", f"{', '.join(names)}: {how_to_install(extra)}")


def _count(source: str, role: Role) -> tuple[State, str]:
    try:
        counted = count_photos(NamedSet(source, role, Path()))
    except ImageError as error:
        return "absent", str(error)
    labelled = ", labelled" if counted.labelled else ""
    return "ok", f"{source}, {role}: {counted.photographs}{labelled}"


def _kernels() -> str:
    facts = probe(local_target())
    versions = facts.facts.versions
    xnnpack = "XNNPACK, built-in, reference" if facts.xnnpack else "built-in, reference; no XNNPACK"
    return (
        f"target local: {xnnpack} (ai-edge-litert {versions['ai-edge-litert']}, "
        f"numpy {versions['numpy']}, python {versions['python']}, {versions['machine']})"
    )


def _target(run: Run) -> str:
    """Return what a target is, once it is known that it can be used."""
    place, checked = run.place, run.reach()
    if checked is None:
        return f"{place.name}: {place.kind.summary}"
    facts = checked.facts
    machine = facts.versions.get("machine", "unknown")
    return f"{place.name}: {place.kind.summary}; {facts.processor or 'unknown'} ({machine})"


def _cluster(spec: Spec, address: str) -> Iterator[Finding]:
    """Yield the machines of the spec's cluster, and whether each may stand in for this one."""
    cluster = Cluster(address, threads=spec.run.threads, say=lambda _: None)
    try:
        nodes = cluster.settled()
        like, unlike, lacking = nodes.facts(), nodes.unlike(), nodes.lacking()
        reason = nodes.why_none()
    except EdgeqError as error:
        yield Finding("cluster", "bad", str(in_own_words(error, spec)))
        return
    finally:
        cluster.leave()
    if not like:
        yield Finding("cluster", "bad", reason)
    for host, count in Counter(facts.host for facts in like.values()).items():
        facts = next(facts for facts in like.values() if facts.host == host)
        versions = ", ".join(f"{name} {release}" for name, release in facts.software.items())
        text = f"{host}: {plural(count, 'worker')}, {facts.runtime['processor']}, {versions}"
        if host in lacking:
            text += f"; makes no models: {'; '.join(lacking[host])}"
        yield Finding("cluster", "ok", text)
    for host, reasons in unlike.items():
        yield Finding("cluster", "absent", f"{host} is left out: {'; '.join(reasons)}")


def _store(spec: Spec) -> str:
    stored = entries(Store(spec.path(spec.store)))
    if not stored:
        return f"{spec.store}: empty"
    count = plural(len(stored), "entry", "entries")
    return f"{spec.store}: {count}, {size(sum(entry.bytes for entry in stored))}"
