from __future__ import annotations

import os
import subprocess
import sys

from edgeq.targets import gpu_worker
from edgeq.targets.gpu_worker import captured, reason

PRINTED = """INFO: [gpu_registry.cc:138] Dynamically loaded GPU accelerator registered.
I0000 00:00:1795978355.765029   24246 environment.cc:532] Selected adapter: llvmpipe (LLVM 19.1.7, \
256 bits), arch=software, vendor=mesa, backend=Vulkan, adapterType=CPU / Software
E0000 00:00:1795978487.627872   27719 delegate_webgpu.cc:478] Failed to create: Shape mismatch: \
{bhwc, {1000, 1, 1, 1280}} vs {bhwc, {1, 1, 1000, 1280}}
ERROR: [litert/runtime/compiled_model.cc:1036] Failed to modify graph
"""


def test_the_first_error_that_it_prints_is_the_reason() -> None:
    assert reason(PRINTED).startswith("Failed to create: Shape mismatch: {bhwc, {1000")
    assert (
        reason("ERROR: [a/b.cc:1] No adapters found\nERROR: [c.cc:2] later") == "No adapters found"
    )
    assert reason("WARNING: nothing") == ""


def test_the_gpu_is_named_as_litert_prints_it() -> None:
    adapter = gpu_worker._ADAPTER.search(PRINTED)
    assert adapter is not None
    assert adapter.groups() == ("llvmpipe (LLVM 19.1.7, 256 bits)", "CPU / Software")


def test_what_native_code_prints_is_returned_and_still_printed() -> None:
    program = (
        "import os\nfrom edgeq.targets.gpu_worker import captured\n"
        "result, text = captured(lambda: os.write(2, b'native'))\n"
        "assert (result, text) == (6, 'native'), text\n"
        "error, _ = captured(lambda: int('x'))\nassert isinstance(error, ValueError)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, check=True, env=dict(os.environ)
    )
    assert done.stderr == b"native"
    assert captured(lambda: 7)[0] == 7
