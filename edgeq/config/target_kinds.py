"""The kinds of targets: what each can measure, which keys its table takes, and how it is reached.

A kind is one row. Its functions are named, not imported, so that reading a spec stays cheap. Other
packages add kinds by entry points of the group ``edgeq.targets``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from edgeq.errors import SpecError
from edgeq.registry import Extensible

if TYPE_CHECKING:
    from pathlib import Path

    from edgeq.run.targets import Target
    from edgeq.targets.findings import Findings
    from edgeq.targets.parts import Supply

Measured = Literal["predictions", "time", "memory", "placement"]
"""What a target can measure; ``placement`` is which operators it would run where."""

Settings = Any
"""An instance of a kind's struct of settings."""

LOCAL = "local"
"""The name and the kind of this machine."""


class NoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a kind that has none."""


class Ssh(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that is reached by the system's ``ssh``.

    Attributes:
        host: ``HOST``, ``USER@HOST``, or a name of ssh's own configuration.
        port: None takes ssh's own.
        python: The Python there, 3.9 or newer, with numpy and ai-edge-litert.
        identity: A file with the private key; None takes ssh's own.
        config: A configuration file for ssh in place of the user's.
    """

    host: str
    port: int | None = None
    python: str = "python3"
    identity: str | None = None
    config: str | None = None

    def __post_init__(self) -> None:
        """Refuse what ssh would take for an option, and ports that there are not."""
        if not re.fullmatch(r"[^-\s][^\s]*", self.host):
            raise ValueError(f"host = {self.host!r} is not the name of a host")
        if not self.python or self.python.startswith("-"):
            raise ValueError(f"python = {self.python!r} is not a command")
        if self.port is not None and not 0 < self.port < 2**16:
            raise ValueError(f"port = {self.port} is outside its range, 1 to 65535")


class Emulated(msgspec.Struct, frozen=True, kw_only=True):
    """Another processor, emulated on this machine by qemu.

    Attributes:
        machine: Its architecture.
        cpu: Its model, as qemu names it.
    """

    machine: Literal["aarch64"] = "aarch64"
    cpu: str = "cortex-a76"

    def __post_init__(self) -> None:
        """Refuse what qemu would take for something else."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.,=+-]*", self.cpu):
            raise ValueError(f"cpu = {self.cpu!r} is not the name of a processor")


@dataclass(frozen=True, kw_only=True)
class TargetKind:
    """One kind of target.

    A kind runs models (``start``), or looks at a file (``examine``), or both.

    Attributes:
        name: The value of ``kind`` in a target's table.
        summary: What it is, in a few words.
        settings: A frozen ``msgspec.Struct`` of the other keys of its table. What its
            ``__post_init__`` raises as ``ValueError`` is told as the table's error.
        measures: What a target of this kind can measure. The rest is not applicable there.
        estimates: Whether it only estimates or checks: such a target can reject a variant, and
            never clears one.
        xnnpack: Whether LiteRT's XNNPACK delegate is at work there, so that it is a failure if it
            takes over nothing.
        arithmetics: Of the tiny models with known answers that ``edgeq target check`` runs there.
        start: A function of the target's name and settings that returns the ``Target``, whose
            command line starts the worker there, or ``"module:function"``. None runs no models.
        examine: A function of the settings and a ``.tflite`` file that returns ``Findings``, or
            ``"module:function"``.
        prepare: A function of the name, the settings and a ``Supply`` that gets what the target
            needs into the user's cache and yields lines for people, or ``"module:function"``. None
            needs nothing.
    """

    name: str
    summary: str
    settings: type[msgspec.Struct] = NoSettings
    measures: frozenset[Measured]
    estimates: bool = False
    xnnpack: bool = True
    arithmetics: tuple[Literal["float32", "int8"], ...] = ("float32", "int8")
    start: Callable[[str, Settings], Target] | str | None = None
    examine: Callable[[Settings, Path], Findings] | str | None = None
    prepare: Callable[[str, Settings, Supply], Iterable[str]] | str | None = None


def function(named: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return a function of a row, imported if it is named."""
    if not isinstance(named, str):
        return named
    module, _, name = named.partition(":")
    imported: Callable[..., Any] = getattr(import_module(module), name)
    return imported


class TargetKinds(Extensible[TargetKind]):
    """The kinds; those of other packages must do something and say what it measures."""

    def check(self, row: TargetKind, where: str) -> None:
        """Refuse a kind that measures nothing, or nothing that its functions could.

        Raises:
            SpecError: Of either.
        """
        if row.start is None and row.examine is None:
            raise SpecError(
                f"the target kind {row.name!r} neither runs a model nor looks at one",
                where=where,
                remedy="Give it start = ... or examine = ...",
            )
        if not row.measures:
            raise SpecError(
                f"the target kind {row.name!r} measures nothing",
                where=where,
                remedy='Give it measures = frozenset({"predictions", ...})',
            )
        if "kind" in {field.name for field in msgspec.structs.fields(row.settings)}:
            raise SpecError(
                f"the target kind {row.name!r} has a setting called kind",
                where=where,
                remedy="Name it otherwise: `kind` names the kind itself",
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
            start="edgeq.targets.local:start",
        ),
        TargetKind(
            name="ssh",
            summary="another machine, by the system's ssh",
            settings=Ssh,
            measures=frozenset({"predictions", "time", "memory"}),
            start="edgeq.targets.ssh:start",
        ),
        TargetKind(
            name="emulated",
            summary="arm64 (aarch64) on this machine, emulated by qemu",
            settings=Emulated,
            measures=frozenset({"predictions"}),
            start="edgeq.targets.emulated:start",
            prepare="edgeq.targets.emulated:prepare",
        ),
    ],
)
