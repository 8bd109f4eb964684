"""The kinds of targets: what each can measure, which keys its table takes, and how it is reached.

A kind is one row. Its functions are named rather than imported, so that reading a spec stays cheap.
Other packages add kinds by entry points of the group ``edgeq.targets``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from edgeq.config.structs import DeclaredTarget, Kernels, Targets
from edgeq.config.tables import build, header, key_text
from edgeq.errors import SpecError
from edgeq.registry import Extensible, unknown

if TYPE_CHECKING:
    from pathlib import Path

    from edgeq.run.targets import Target
    from edgeq.targets.findings import Findings
    from edgeq.targets.parts import Supply

Measured = Literal[
    "predictions",
    "sameness",
    "kernels",
    "time",
    "memory",
    "arena",
    "placement",
    "npu_operators",
    "npu_ms",
    "sram",
]
"""What a target can measure: ``sameness`` is whether its outputs are those of the same kind of
kernels on this machine, ``kernels`` what XNNPACK takes over and whether other kernels give the same
outputs, ``arena`` an interpreter's bytes for tensors, ``placement`` whether the file can run there,
found without running it. The last three are ``figures`` of an examination: the share of the
operators that the NPU takes, its time in ms, and its SRAM in bytes."""

Settings = Any
"""An instance of a kind's struct of settings."""

Machine = Literal["aarch64", "x86_64"]
"""Architectures for which there is a bundle."""

LOCAL = "local"
"""Name and kind of this machine."""


class NoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a kind that has none."""


class Ssh(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that is reached with the system's ``ssh``.

    Attributes:
        host: ``HOST``, ``USER@HOST``, or a name in ssh's own configuration.
        port: Port, or None for ssh's own.
        python: The Python there, 3.9 or newer, with numpy and ai-edge-litert.
        identity: File with the private key, or None for ssh's own.
        config: Configuration file for ssh, used instead of the user's.
        bundle: Whether a Python with LiteRT is sent there once, which is then used.
        machine: Architecture of the machine, for the bundle.
        folder: Folder there for the bundle.
    """

    host: str
    port: int | None = None
    python: str = "python3"
    identity: str | None = None
    config: str | None = None
    bundle: bool = False
    machine: Machine = "aarch64"
    folder: str = "~/.cache/edgeq"

    def __post_init__(self) -> None:
        """Refuse text that ssh would read as an option, and invalid ports."""
        if not re.fullmatch(r"[^-\s][^\s]*", self.host):
            raise ValueError(f"host = {self.host!r} is not the name of a host")
        if not self.python or self.python.startswith("-"):
            raise ValueError(f"python = {self.python!r} is not a command")
        if self.port is not None and not 0 < self.port < 2**16:
            raise ValueError(f"port = {self.port} is outside its range, 1 to 65535")
        _require_folder(self.folder)


class Adb(msgspec.Struct, frozen=True, kw_only=True):
    """A phone or board with Android, reached with ``adb``.

    Attributes:
        serial: Its serial number or address as ``adb devices`` lists it, None if there is one only.
        machine: Architecture of its processor.
        folder: Folder there for the bundle, from which programs may be started.
        adb: The program ``adb`` on this machine.
    """

    serial: str | None = None
    machine: Machine = "aarch64"
    folder: str = "/data/local/tmp"
    adb: str = "adb"

    def __post_init__(self) -> None:
        """Refuse text that adb or a shell would read as something else."""
        if self.serial is not None and not re.fullmatch(r"[^-\s][^\s]*", self.serial):
            raise ValueError(f"serial = {self.serial!r} is not the serial number of a phone")
        if not self.adb or self.adb.startswith("-"):
            raise ValueError(f"adb = {self.adb!r} is not a program")
        _require_folder(self.folder)


def _require_folder(folder: str) -> None:
    if not re.fullmatch(r"~?/[\w./@+-]+", folder):
        raise ValueError(f"folder = {folder!r} is not a plain path from / or ~/")


class Emulated(msgspec.Struct, frozen=True, kw_only=True):
    """Another processor, emulated on this machine by qemu.

    Attributes:
        machine: Architecture of the processor.
        cpu: Model of the processor, as qemu names it.
    """

    machine: Literal["aarch64"] = "aarch64"
    cpu: str = "cortex-a76"

    def __post_init__(self) -> None:
        """Refuse text that qemu would read as something else."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.,=+-]*", self.cpu):
            raise ValueError(f"cpu = {self.cpu!r} is not the name of a processor")


Accelerator = Literal[
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
    "ethos-u85-128",
    "ethos-u85-256",
    "ethos-u85-512",
    "ethos-u85-1024",
    "ethos-u85-2048",
]


class EthosU(msgspec.Struct, frozen=True, kw_only=True):
    """Arm's Ethos-U NPU, as Arm's compiler Vela estimates it.

    Attributes:
        accelerator: The NPU and its multipliers.
        system_config: A section of Vela's configuration that says how fast clock and memories
            are; None takes the high-end one of the accelerator's family.
        memory_mode: The section that says which memory holds what; None takes the usual one of
            the accelerator's family.
        timeout_s: Seconds that the compiler may take.
    """

    accelerator: Accelerator
    system_config: str | None = None
    memory_mode: str | None = None
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what Vela would take for an option, and a time that is none."""
        for key in ("system_config", "memory_mode"):
            name = getattr(self, key)
            if name is not None and not re.fullmatch(r"\w+", name):
                raise ValueError(f"{key} = {name!r} is not the name of a section")
        if not 0 < self.timeout_s < 7 * 86_400:
            raise ValueError(f"timeout_s = {self.timeout_s:g} is outside its range")


class Aot(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's NPU, as LiteRT's compiler plugin for it compiles ahead of time.

    Attributes:
        vendor: Vendor of the NPU.
        soc: Model of the chip, as LiteRT names it, such as ``SM8650``.
        timeout_s: Seconds that the compiler may take.
    """

    vendor: Literal["qualcomm", "mediatek", "google-tensor", "samsung", "intel"]
    soc: str
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        """Refuse text that is not the name of a chip, and a time that is none."""
        if not re.fullmatch(r"\w+", self.soc):
            raise ValueError(f"soc = {self.soc!r} is not the name of a chip")
        if not 0 < self.timeout_s < 7 * 86_400:
            raise ValueError(f"timeout_s = {self.timeout_s:g} is outside its range")


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU, by LiteRT's accelerator for it.

    Attributes:
        driver: ``"installed"`` for this machine's own Vulkan driver; ``"lavapipe"`` for the one
            of Mesa that runs shaders on the CPU and needs no GPU.
        precision: Arithmetic of the shaders; LiteRT's own choice is float16.
    """

    driver: Literal["installed", "lavapipe"] = "installed"
    precision: Literal["float16", "float32"] = "float16"


@dataclass(frozen=True, kw_only=True)
class TargetKind:
    """One kind of target.

    A kind runs models (``start``), inspects files (``examine``), or both.

    Attributes:
        name: The value of ``kind`` in a target's table.
        summary: What it is, in a few words.
        settings: A frozen ``msgspec.Struct`` of the other keys of its table. A ``ValueError`` from
            its ``__post_init__`` becomes the table's error.
        paths: Names of the settings that are paths, which start from the spec's folder.
        address: Name of the setting that tells boards apart. A list of its values declares several
            boards, which share evaluations. None if there can be only one.
        measures: What a target of this kind can measure. The rest is not applicable there.
        estimates: Whether it only estimates or checks. Such a target can reject a variant but
            never clears one.
        kernels: Kernels that run models there. It is a failure if they are XNNPACK's and take over
            nothing.
        comparable: Whether these are the same kind of kernels as on this machine, so that outputs
            can be compared value by value.
        arithmetics: Types of the tiny models with known outputs that ``edgeq target check`` runs.
        start: Function of the target's name and settings that returns the ``Target``, whose
            command line starts the worker there, or ``"module:function"``. None if it runs no
            models.
        examine: Function of the settings and a ``.tflite`` file that returns ``Findings``, or
            ``"module:function"``.
        prepare: Function of the name, the settings and a ``Supply`` that puts what the target needs
            into the user's cache and yields lines for people, or ``"module:function"``. None if it
            needs nothing.
        store: Name of the folder in the user's cache for what is prepared, if it is not the kind's
            own, because several kinds share it.
    """

    name: str
    summary: str
    settings: type[msgspec.Struct] = NoSettings
    paths: tuple[str, ...] = ()
    address: str | None = None
    measures: frozenset[Measured]
    estimates: bool = False
    kernels: Kernels = "xnnpack"
    comparable: bool = True
    arithmetics: tuple[Literal["float32", "int8"], ...] = ("float32", "int8")
    start: Callable[[str, Settings], Target] | str | None = None
    examine: Callable[[Settings, Path], Findings] | str | None = None
    prepare: Callable[[str, Settings, Supply], Iterable[str]] | str | None = None
    store: str | None = None

    @property
    def clears(self) -> bool:
        """Whether a variant must be cleared there to ship; other targets can only reject it."""
        return "predictions" in self.measures and not self.estimates

    def can_measure(self, what: str) -> bool:
        """Return whether a target of this kind can measure what a gate needs."""
        runs = "predictions" in self.measures
        if what == "placement":
            return self.examine is not None
        if what == "kernels":
            return runs and self.kernels == "xnnpack"
        return runs and self.comparable if what == "sameness" else what in self.measures


def function(named: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return a row's function, importing it if it is given by name."""
    if not isinstance(named, str):
        return named
    module, _, name = named.partition(":")
    imported: Callable[..., Any] = getattr(import_module(module), name)
    return imported


class TargetKinds(Extensible[TargetKind]):
    """The kinds. Those of other packages must do something and say what they measure."""

    def check(self, row: TargetKind, where: str) -> None:
        """Refuse a kind that does nothing or measures nothing, or has a setting called ``kind``.

        Raises:
            SpecError: The kind is one of these, or its address is not one of its settings.
        """
        if row.start is None and row.examine is None:
            raise SpecError(
                f"the target kind {row.name!r} neither runs a model nor inspects one",
                where=where,
                remedy="Set start = ... or examine = ...",
            )
        if not row.measures:
            raise SpecError(
                f"the target kind {row.name!r} measures nothing",
                where=where,
                remedy='Set measures = frozenset({"predictions", ...})',
            )
        settings = {field.name for field in msgspec.structs.fields(row.settings)}
        if row.address is not None and row.address not in settings:
            raise SpecError(
                f"the target kind {row.name!r} has no setting called {row.address}",
                where=where,
                remedy="Set address to the setting that tells its boards apart",
            )
        if "kind" in settings:
            raise SpecError(
                f"the target kind {row.name!r} has a setting called kind",
                where=where,
                remedy="Choose another name: `kind` names the kind itself",
            )


KINDS = TargetKinds(
    "target kind",
    TargetKind,
    "edgeq.targets",
    [
        TargetKind(
            name=LOCAL,
            summary="this machine, with the Python that runs edgeq",
            measures=frozenset({"predictions", "time", "memory"}),
            start="edgeq.targets.starting:start_here",
        ),
        TargetKind(
            name="ssh",
            summary="another machine, over ssh",
            settings=Ssh,
            paths=("identity", "config"),
            address="host",
            measures=frozenset({"predictions", "time", "memory"}),
            start="edgeq.targets.ssh:start",
            prepare="edgeq.targets.ssh:prepare",
            store="bundle",
        ),
        TargetKind(
            name="adb",
            summary="a phone or board with Android, over adb",
            settings=Adb,
            address="serial",
            measures=frozenset({"predictions", "time", "memory"}),
            start="edgeq.targets.adb:start",
            prepare="edgeq.targets.adb:prepare",
            store="bundle",
        ),
        TargetKind(
            name="emulated",
            summary="arm64 (aarch64) on this machine, emulated by qemu",
            settings=Emulated,
            measures=frozenset({"predictions"}),
            start="edgeq.targets.emulated:start",
            prepare="edgeq.targets.emulated:prepare",
        ),
        TargetKind(
            name="gpu",
            summary="a GPU, or its shaders on the CPU, by LiteRT's accelerator",
            settings=Gpu,
            measures=frozenset({"predictions", "placement"}),
            kernels="builtin",  # what a GPU is compared with here; XNNPACK has no part in it
            comparable=False,
            start="edgeq.targets.gpu:start",
            prepare="edgeq.targets.gpu:prepare",
        ),
        TargetKind(
            name="tflite-micro",
            summary="TensorFlow Lite Micro's own kernels, on this machine",
            measures=frozenset({"predictions", "arena"}),
            kernels="reference",
            start="edgeq.targets.micro:start",
        ),
        TargetKind(
            name="ethos-u",
            summary="Arm's Ethos-U NPU, as Arm's compiler Vela estimates it",
            settings=EthosU,
            measures=frozenset({"placement", "npu_operators", "npu_ms", "sram"}),
            estimates=True,
            examine="edgeq.targets.ethos_u:examine",
        ),
        TargetKind(
            name="aot",
            summary="a vendor's NPU, as LiteRT's compiler for it takes a file",
            settings=Aot,
            measures=frozenset({"placement"}),
            estimates=True,
            examine="edgeq.targets.aot:examine",
        ),
        TargetKind(
            name="edge-tpu",
            summary="Google's Edge TPU, by the published rules of its operators",
            measures=frozenset({"placement", "npu_operators"}),
            estimates=True,
            examine="edgeq.targets.edge_tpu:examine",
        ),
    ],
)


BUILT_IN: Mapping[str, DeclaredTarget] = {
    LOCAL: DeclaredTarget(kind=LOCAL, settings=NoSettings()),
    "arm64": DeclaredTarget(kind="emulated", settings=Emulated()),
    "gpu": DeclaredTarget(kind="gpu", settings=Gpu()),
    "tflite-micro": DeclaredTarget(kind="tflite-micro", settings=NoSettings()),
    "edge-tpu": DeclaredTarget(kind="edge-tpu", settings=NoSettings()),
}
"""Targets that need no table; a table of the same name replaces one."""

_USE = "use"


def target_named(
    name: str, declared: Mapping[str, DeclaredTarget], *, where: str
) -> DeclaredTarget:
    """Return a declared target, or one that needs no table.

    Raises:
        SpecError: There is no target with that name.
    """
    targets = {**BUILT_IN, **declared}
    if name in targets:
        return targets[name]
    if name in _kinds():
        raise SpecError(
            f"{name!r} is a kind of target that needs a table",
            where=where,
            remedy=f'Declare {header(where, "targets", "NAME")} with kind = "{name}"',
        )
    raise unknown("target", name, targets, where=where)


def parse_targets(value: Any, *, where: str) -> Targets:
    """Parse the targets of a spec.

    ``targets = ["local"]`` names targets that need no table. With tables, ``[targets.NAME]``, the
    same list is called ``use``, because TOML has one value per key.

    Raises:
        SpecError: A kind or a key is unknown, or a value is not valid.
    """
    place = f"{where}: targets"
    if isinstance(value, list):
        return build(Targets, {_USE: value}, where=place)
    if not isinstance(value, dict):
        raise SpecError(
            "is not a table", where=place, remedy=f"Write {header(where, 'targets', 'NAME')}"
        )
    declared = {name: _target(name, entry, where) for name, entry in value.items() if name != _USE}
    used = {_USE: value[_USE]} if _USE in value else {}
    return build(Targets, used, where=place, declared=declared)


def _target(name: str, table: Any, where: str) -> DeclaredTarget:
    place = f"{where}: {key_text('targets', name)}"
    if not isinstance(table, dict):
        raise SpecError(
            "is not a table", where=place, remedy=f"Write {header(where, 'targets', name)}"
        )
    kind = table.get("kind")
    if not isinstance(kind, str):
        problem = "kind is missing" if kind is None else "kind is not a string"
        raise SpecError(problem, where=place, remedy=f"Valid: {', '.join(_kinds())}")
    if kind not in _kinds():
        raise unknown("target kind", kind, _kinds(), where=place)
    keys = {key: setting for key, setting in table.items() if key != "kind"}
    address = KINDS.get(kind).address
    if address is None or not isinstance(keys.get(address), list):
        return DeclaredTarget(kind=kind, settings=_settings(kind, keys, place))
    boards = keys[address]
    if not boards or any(board in boards[:at] for at, board in enumerate(boards)):
        problem = "names a board twice" if boards else "names no board"
        raise SpecError(f"{address} {problem}", where=place, remedy="List each board once")
    first, *helpers = (_settings(kind, {**keys, address: board}, place) for board in boards)
    return DeclaredTarget(kind=kind, settings=first, helpers=tuple(helpers))


def _settings(kind: str, keys: Mapping[str, Any], place: str) -> Any:
    """Return the settings of a kind that a table's other keys say."""
    try:
        return build(KINDS.get(kind).settings, keys, where=place)
    except ValueError as error:  # from the struct's own check
        raise SpecError(str(error), where=place, remedy="Correct the value") from error


def _kinds() -> list[str]:
    """Return the kinds that a table can name; this machine needs no table."""
    return [name for name in KINDS.names() if name != LOCAL]
