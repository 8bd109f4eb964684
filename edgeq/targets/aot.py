"""NPUs of phones and laptops, whose vendors' compilers LiteRT calls ahead of time; nothing runs.

LiteRT's package holds a plugin for each vendor. The compiler that it calls is the vendor's own SDK,
which is a package that downloads it from the vendor while it is installed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec

from edgeq.config.target_kinds import Aot
from edgeq.errors import EdgeqError
from edgeq.io import structs
from edgeq.targets.findings import Findings
from edgeq.targets.tools import run_tool
from edgeq.words import plural, size

_CHILD = Path(__file__).with_name("aot_child.py")


@dataclass(frozen=True)
class Vendor:
    """A vendor of NPUs.

    Attributes:
        name: The vendor's name, for people.
        plugin: Name of its plugin in LiteRT's package.
        module: The module without which the plugin can't be loaded.
        package: The package that has the module, as pip takes it.
        compiler: A further package without which nothing is compiled, as pip takes it. Without it
            the plugin still says which operators the NPU takes.
    """

    name: str
    plugin: str
    module: str
    package: str
    compiler: str | None = None


VENDORS: Mapping[str, Vendor] = {
    "qualcomm": Vendor(
        "Qualcomm", "qualcomm", "ai_edge_litert_sdk_qualcomm", "ai-edge-litert-sdk-qualcomm"
    ),
    "mediatek": Vendor(
        "MediaTek", "mediatek", "ai_edge_litert_sdk_mediatek", "ai-edge-litert-sdk-mediatek"
    ),
    "google-tensor": Vendor(
        "Google Tensor",
        "google_tensor",
        "ai_edge_litert_sdk_google_tensor",
        "ai-edge-litert-sdk-google-tensor",
    ),
    "samsung": Vendor(
        "Samsung", "samsung", "ai_edge_litert_sdk_samsung", "ai-edge-litert-sdk-samsung-nightly"
    ),
    "intel": Vendor("Intel", "intel_openvino", "openvino", "openvino", "ai-edge-litert-sdk-intel"),
}
_NIGHTLY = "-nightly"
_SAME_VERSION = "ai-edge-litert-sdk-"
_OPENVINO = {"2.3.0": "2026.3.1"}
"""The OpenVINO whose libraries LiteRT's plugin for Intel loads, by LiteRT's version."""


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor's compiler makes of a file.

    Attributes:
        socs: Chips that LiteRT knows of this vendor.
        operators: Number of operators in the file.
        taken: Number of operators that the NPU takes.
        partitions: Number of separate pieces of the graph that it takes.
        bytes: Size of the compiled file, 0 if it was not compiled.
        error: Why it was not compiled, empty if it was.
    """

    socs: tuple[str, ...]
    operators: int = -1
    taken: int = 0
    partitions: int = 0
    bytes: int = 0
    error: str = ""


def examine(settings: Aot, path: Path) -> Findings:
    """Return which operators of a file the NPU takes, and whether the file can be compiled for it.

    Raises:
        EdgeqError: The vendor's package is not installed, the chip is unknown, or the compiler
            takes too long.
    """
    vendor = VENDORS[settings.vendor]
    if find_spec(vendor.module) is None:
        raise EdgeqError(
            f"a target of the kind aot needs the SDK of {vendor.name}, which is not installed",
            remedy=f"Install it with: pip install {_pinned(vendor.package)} (it may download from "
            f"{vendor.name})",
        )
    return described(vendor, settings.soc, compiled(settings, path))


def compiled(settings: Aot, path: Path) -> Compiled:
    """Compile a file in a child process.

    Raises:
        EdgeqError: The chip is unknown, or the compiler ends badly or takes too long.
    """
    vendor = VENDORS[settings.vendor]
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        arguments = (vendor.plugin, settings.soc, str(path.resolve()), folder)
        printed = run_tool(
            [sys.executable, "-P", str(_CHILD), *arguments],
            name=f"LiteRT's compiler for {vendor.name}",
            timeout_s=settings.timeout_s,
            where=path,
            variables={"TMPDIR": folder},  # LiteRT leaves files there
        )
    answer = structs.from_json(printed.strip().splitlines()[-1].encode(), Compiled)
    if answer.operators < 0:
        raise EdgeqError(
            f"soc = {settings.soc!r} is not a chip of {vendor.name} that LiteRT knows",
            remedy=f"Valid: {', '.join(answer.socs)}",
        )
    return answer


def described(vendor: Vendor, soc: str, answer: Compiled) -> Findings:
    """Return a compiler's answer as findings for people."""
    lines = [f"compiler   LiteRT's plugin for {vendor.name}, {soc}; nothing was run there"]
    if answer.operators:
        pieces = plural(answer.partitions, "piece")
        lines.append(
            f"operators  {answer.taken} of {answer.operators} on the NPU, in {pieces} of the graph"
        )
    problems = []
    if answer.error:
        problems.append(f"it was not compiled: {answer.error}")
        if vendor.compiler is not None:
            lines.append(f"hint       to compile: pip install {_pinned(vendor.compiler)}")
    else:
        lines.append(f"compiled   {size(answer.bytes)}")
    if answer.operators and not answer.taken:
        problems.append("no operator runs on the NPU")
    return Findings(tuple(lines), tuple(problems))


def _pinned(package: str) -> str:
    """Return a package with the version that fits LiteRT's, as far as it is known."""
    runtime = version("ai-edge-litert")
    if package.startswith(_SAME_VERSION) and not package.endswith(_NIGHTLY):
        return f"{package}=={runtime}"
    if package == "openvino" and runtime in _OPENVINO:
        return f"{package}=={_OPENVINO[runtime]}"
    return package
