"""Compiles a file for a vendor's NPU with LiteRT's compiler plugin, in a process of its own.

``python aot_child.py VENDOR SOC FILE FOLDER`` prints a JSON object: ``socs``, the chips that the
plugin knows; and if ``SOC`` is one of them, ``operators`` and ``taken``, their numbers in the file
and on the NPU, ``partitions``, ``bytes`` of the compiled file, and ``error`` if there is none.
``FOLDER`` is for the compiled file and for temporary ones.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_PARTITIONED = re.compile(
    r"Partitioned subgraph<\d+>, selected (\d+) ops, from a total of (\d+) ops\. "
    r"resulted in (\d+) partitions"
)
_ERROR = re.compile(r"^(?:ERROR: \[[^\]]*\]|\W*Error:)\s*(\S.*)|^\W*(Cannot load.*)", re.MULTILINE)


def main(vendor: str, soc: str, file: str, folder: str) -> dict[str, Any]:
    """Compile a file and return what there is to say."""
    package = f"ai_edge_litert.aot.vendors.{vendor}"
    targets: Any = import_module(f"{package}.target")
    import_module(f"{package}.{vendor}_backend")  # registers it
    compiler: Any = import_module("ai_edge_litert.aot.aot_compile")
    socs = sorted(model.value for model in targets.SocModel if model.value != "ALL")
    if soc not in socs:
        return {"socs": socs}
    target = targets.Target(targets.SocModel(soc))
    error, size = "", 0
    try:
        result = compiler.aot_compile(file, output_dir=folder, target=target, keep_going=False)
        ((_, model),) = result.models_with_backend
        size = Path(model.path).stat().st_size
        counts = [
            (graph.num_ops_offloaded, graph.num_total_ops, graph.num_partitions_offloaded)
            for graph in model.partition_stats.subgraph_stats
        ]
    except Exception as failure:  # noqa: BLE001 - any is the compiler's
        log = "".join(path.read_text("utf-8", "replace") for path in Path(folder).glob("*.error"))
        counts = [(int(row[0]), int(row[1]), int(row[2])) for row in _PARTITIONED.findall(log)]
        error = reason(log) or f"{type(failure).__name__}: {failure}"
    sums = [sum(column) for column in zip(*counts, strict=True)]
    offloaded, operators, partitions = sums or (0, 0, 0)
    return {
        "socs": socs,
        "operators": operators,
        "taken": offloaded,
        "partitions": partitions,
        "bytes": size,
        "error": error,
    }


def reason(log: str) -> str:
    """Return the most telling line of a compiler's log, ``""`` if none tells anything."""
    lines: list[str] = [first or second for first, second in _ERROR.findall(log)]
    telling = [line for line in lines if "Cannot load" in line or "could not" in line.lower()]
    return (telling or lines or [""])[0].strip()


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main(*sys.argv[1:]))}\n")
