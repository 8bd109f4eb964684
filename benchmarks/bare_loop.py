"""A loop over ``invoke()`` and nothing else, in a process of its own, for ``latency_harness.py``.

``python benchmarks/bare_loop.py MODEL.tflite INPUT.npy`` loads a model and sets its input once.
For each number on standard input it runs the model as often and prints the seconds of each.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    """Serve until standard input ends."""
    interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(sys.argv[2]))
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            interpreter.invoke()
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
