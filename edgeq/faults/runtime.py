"""Faults at run time: misbehaviour of the worker, and graphs that run badly."""

from __future__ import annotations

import numpy as np

from edgeq.config.gates import GATES
from edgeq.config.structs import Kernels
from edgeq.faults.fault import PREDICTIONS, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.words import size

MAX_SLOWDOWN = 20.0
MAX_BYTES = 1_000_000_000
KEPT_BYTES = 1_000_000
BREAKS = 6
SILENCE_S = 10.0


@fault("nan_outputs", "run time", "high", "not_finite")
def nan_outputs(good: Good) -> Faulty:
    """One value in every output is NaN."""
    if good.variant.inputs.images.evaluation is None:
        raise NotApplicableError("there are no evaluation images to run")
    return Faulty(conduct={"do": "nan"})


@fault("constant_output", "run time", "high", "constant_output", shown_by=PREDICTIONS)
def constant_output(good: Good) -> Faulty:
    """Every output is that of the first photograph."""
    return _answering(good, "constant")


@fault("stale_output", "run time", "high", "stale_output")
def stale_output(good: Good) -> Faulty:
    """Every output is that of the previous photograph."""
    return _answering(good, "stale")


@fault("nondeterministic", "run time", "high", "nondeterminism")
def nondeterministic(good: Good) -> Faulty:
    """Outputs change from run to run by noise as large as their own spread."""
    return _answering(good, "noise")


@fault("crash_at_invoke", "run time", "high", "crash")
def crash_at_invoke(good: Good) -> Faulty:
    """The runtime crashes at the third inference."""
    del good
    return Faulty(conduct={"do": "crash", "after": 2})


@fault("crash_at_load", "run time", "high", "crash")
def crash_at_load(good: Good) -> Faulty:
    """The runtime crashes while it loads the model."""
    del good
    return Faulty(conduct={"do": "crash", "after": -1})


@fault("hang", "run time", "high", "hang")
def hang(good: Good) -> Faulty:
    """The third inference never ends."""
    silence = min(good.variant.spec.run.timeout_s, SILENCE_S)
    return Faulty(conduct={"do": "hang", "after": 2}, timeout_s=silence)


@fault("refused", "run time", "high", "refused")
def refused(good: Good) -> Faulty:
    """The runtime refuses the model."""
    del good
    return Faulty(conduct={"do": "refuse"})


@fault("slower_10", "run time", "low", "latency")
def slower_10(good: Good) -> Faulty:
    """An inference takes 10 % longer than its limit allows."""
    return _slower(good, 0.10)


@fault("slower_20", "run time", "medium", "latency")
def slower_20(good: Good) -> Faulty:
    """An inference takes 20 % longer than its limit allows."""
    return _slower(good, 0.20)


@fault("slower_50", "run time", "medium", "latency")
def slower_50(good: Good) -> Faulty:
    """An inference takes 50 % longer than its limit allows."""
    return _slower(good, 0.50)


@fault("more_memory", "run time", "medium", "memory")
def more_memory(good: Good) -> Faulty:
    """The worker takes 10 % more memory than the limit allows, or twice as much without a limit."""
    peak = good.variant.memory.peak
    limit = good.variant.limits.get("max_peak_memory", 2 * peak / 1.1)
    more = int(1.1 * limit) - peak
    if more > MAX_BYTES:
        raise NotApplicableError(f"the limit leaves more than {size(MAX_BYTES)}")
    return Faulty(conduct={"do": "memory", "bytes": max(more, 0)})


@fault("memory_grows", "run time", "high", "growth", shown_by=("steady_memory",))
def memory_grows(good: Good) -> Faulty:
    """Every inference leaks 1 MB of memory."""
    del good
    return Faulty(conduct={"do": "grow", "bytes": KEPT_BYTES})


@fault("more_partitions", "run time", "medium", "partitions")
def more_partitions(good: Good) -> bytes:
    """Operators that the delegate rejects split the graph into more partitions than allowed."""
    kernels: Kernels = good.variant.spec.run.kernels
    if kernels != "xnnpack":
        raise NotApplicableError(f"the kernels {kernels!r} have no partitions")
    loaded = good.variant.loaded
    if not loaded.delegated:
        raise NotApplicableError("the delegate takes no operator of this variant")
    graph = good.graph()
    layers = graph.layers()
    allowed = int(good.variant.limits.get("max_partitions", 1))
    cuts = max(BREAKS, allowed - loaded.partitions + 2)
    step = max(1, len(layers) // (cuts + 1))
    chosen = sorted({layer.operator for layer in layers[step::step]}, reverse=True)[:cuts]
    operators = list(graph.main.operators)
    for at in chosen or [layers[0].operator]:
        output = int(operators[at].outputs[0])
        if graph.main.tensors[output].shape[0] != 1:
            raise NotApplicableError("the batch is not 1")
        inner = graph.add_tensor(output, f"before/{output}", graph.dtype(output))
        graph.main.tensors[inner].quantization = graph.main.tensors[output].quantization
        # Reversing a single image along the batch changes nothing.
        axis = graph.add_tensor(output, f"axis/{output}", "int32", np.zeros(1, np.int32))
        operators[at].outputs = [inner]
        reverse = graph.operator("REVERSE_V2", [inner, axis], [output], "ReverseV2Options")
        operators.insert(at + 1, reverse)
    graph.main.operators = operators
    return graph.packed()


def _answering(good: Good, what: str) -> Faulty:
    images = good.variant.inputs.images.evaluation
    if images is None or len(images.photos) == 1:
        raise NotApplicableError("at least two evaluation images are needed to detect it")
    return Faulty(conduct={"do": what})


def _slower(good: Good, by: float) -> Faulty:
    """Return a worker that is slower than the strictest limit, or than before without a limit."""
    latency, limits = good.variant.latency, good.variant.limits
    allowed = [
        limits[name] / (latency.ratio if gate.unit == "ratio" else latency.variant.median_s * 1000)
        for name, gate in GATES
        if gate.timed and name in limits
    ]
    factor = min(min(allowed, default=1.0) * (1 + by), MAX_SLOWDOWN) - 1
    return Faulty(conduct={"do": "slower", "factor": round(factor, 4)})
