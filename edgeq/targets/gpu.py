"""A GPU on this machine, used by LiteRT's accelerator, or a driver that needs no GPU.

The accelerator is part of LiteRT's package and speaks WebGPU through Vulkan. Mesa's lavapipe runs
the same shaders on the CPU, so that outputs are a GPU's, while latency means nothing.
"""

from __future__ import annotations

import base64
import os
import platform
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgeq.config.target_kinds import Gpu
from edgeq.errors import EdgeqError, MissingExtraError
from edgeq.run.channel import describe_end
from edgeq.run.targets import Ended, Explanation, Target
from edgeq.targets import tiny
from edgeq.targets.gpu_worker import NO_GPU
from edgeq.targets.parts import Supply
from edgeq.targets.root import MACHINES, Root

KIND, EXTRA, PACKAGE = "gpu", "gpu", "ml_dtypes"
_WORKER = Path(__file__).with_name("gpu_worker.py")
_DRIVERS = "usr/share/vulkan/icd.d"
_OWN = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "VK_DRIVER_FILES", "VK_ICD_FILENAMES")
"""Variables by which Vulkan's loader and drivers find the machine's GPU."""


def start(name: str, settings: Gpu) -> Target:
    """Return the command line that starts a worker whose models run on the GPU.

    Raises:
        EdgeqError: A package is missing, or the target was not added.
    """
    model = base64.b64encode(tiny.model("float32")).decode()
    arguments = (str(_WORKER), settings.precision, model)
    explained = partial(explain, settings, name)
    if settings.driver == "installed":
        try:
            version(PACKAGE)
        except PackageNotFoundError as error:
            needed = "a target of the kind gpu"
            raise MissingExtraError(PACKAGE, extra=EXTRA, needed_for=needed) from error
        return Target(
            name,
            (sys.executable, "-P", *arguments),
            local_files=True,
            environment={key: os.environ[key] for key in _OWN if key in os.environ},
            explain=explained,
        )
    root = lavapipe(name)
    folder = root.find(name).folder
    driver = folder / "root" / _DRIVERS / f"lvp_icd.{root.machine}.json"
    if not driver.is_file():
        driver = driver.with_name("lvp_icd.json")
    return Target(
        name,
        (*root.python(folder), "-P", *arguments),
        local_files=True,
        environment={**root.environment(folder), "VK_DRIVER_FILES": str(driver)},
        explain=explained,
    )


def prepare(name: str, settings: Gpu, supply: Supply) -> Iterator[str]:
    """Fetch lavapipe, if it is the driver, and yield lines for people.

    Raises:
        EdgeqError: A part can't be fetched, or a file of parts can't be used.
    """
    if settings.driver == "lavapipe":
        yield from lavapipe(name).prepare(name, supply)
    else:
        yield "nothing    the machine's own driver is used"


def lavapipe(name: str) -> Root:
    """Return what a worker with Mesa's driver for the CPU consists of.

    Raises:
        EdgeqError: There is none for this machine.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in MACHINES:
        raise EdgeqError(
            f"lavapipe is fetched for Linux on {' and '.join(sorted(MACHINES))} only",
            where=name,
            remedy='Use the machine\'s own driver: driver = "installed"',
        )
    return Root(
        kind=KIND,
        machine=machine,
        packages=("mesa-vulkan-drivers", "libvulkan1"),
        wheels=(PACKAGE,),
        extra=rf"{_DRIVERS}/lvp_icd\.(\w+\.)?json",
    )


def explain(settings: Gpu, name: str, ended: Ended) -> Explanation | None:
    """Return what the end of a GPU's worker means, None if it is like any other worker's."""
    if ended.code == NO_GPU:
        reason = ended.output.splitlines()[-1:]
        remedy = 'Install its Vulkan driver, or set driver = "lavapipe", which needs no GPU'
        if settings.driver == "lavapipe":
            remedy = f"Prepare it again: edgeq target remove {name}; edgeq target add {name}"
        return Explanation(f"LiteRT can't use a GPU here ({' '.join(reason)})", remedy)
    if ended.code < 0 and ended.greeted:
        return Explanation(
            f"LiteRT's GPU accelerator ended {describe_end(ended.code)} on this file",
            "It does not take the file on a GPU: leave this variant off the target, or choose "
            "another method",
        )
    return None
