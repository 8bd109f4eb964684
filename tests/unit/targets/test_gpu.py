from __future__ import annotations

import platform
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest

from edgeq.config.target_kinds import Gpu
from edgeq.errors import EdgeqError, MissingExtraError
from edgeq.run.targets import Ended
from edgeq.targets import gpu, root
from edgeq.targets.gpu_worker import NO_GPU
from edgeq.targets.parts import Supply
from tests.unit.targets.test_fetching import package

LAVAPIPE = Gpu(driver="lavapipe")
DRIVER = "usr/share/vulkan/icd.d/lvp_icd.x86_64.json"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_the_machines_own_driver_is_found_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    target = gpu.start("gpu", Gpu(precision="float32"))
    assert target.command[3] == "float32"
    assert target.environment["DISPLAY"] == ":7"
    assert "WAYLAND_DISPLAY" not in target.environment
    assert target.local_files
    assert list(gpu.prepare("gpu", Gpu(), Supply())) == [
        "nothing    the machine's own driver is used"
    ]


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(gpu, "version", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgeq\[gpu\]'"):
        gpu.start("gpu", Gpu())


def test_lavapipe_brings_its_own_driver_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EdgeqError, match="is not prepared") as caught:
        gpu.start("gpu", LAVAPIPE)
    assert caught.value.remedy == "Run: edgeq target add gpu"
    libraries = "usr/lib/x86_64-linux-gnu"
    files = {
        f"./{DRIVER}": b"{}",
        f"./{DRIVER.replace('lvp', 'radeon')}": b"{}",
        f"./{libraries}/libvulkan_lvp.so": b"lavapipe",
        f"./{libraries}/libvulkan_radeon.so": b"another",
        f"./{libraries}/libvulkan.so.1": b"loader",
        f"./{libraries}/libLLVM.so.19.1": b"compiler",
        "./usr/lib/llvm-19/lib/libLLVM.so.1": b"again",
    }
    mesa = package(tmp_path, files).rename(tmp_path / "mesa.deb")
    wheel = tmp_path / "ml_dtypes.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("ml_dtypes/__init__.py", "")
    monkeypatch.setattr(root, "_fetch", lambda *_: [mesa, wheel])
    folder = Path(list(gpu.prepare("gpu", LAVAPIPE, Supply()))[-1].split()[-1])
    unpacked = {str(path.relative_to(folder / "root")) for path in folder.glob("root/**/*.*")}
    assert {path for path in unpacked if (folder / "root" / path).is_file()} == {
        DRIVER,
        f"{libraries}/libvulkan_lvp.so",
        f"{libraries}/libvulkan.so.1",
        f"{libraries}/libLLVM.so.19.1",
    }
    target = gpu.start("gpu", LAVAPIPE)
    assert target.environment["VK_DRIVER_FILES"] == str(folder / "root" / DRIVER)
    assert target.environment["PYTHONPATH"] == str(folder / "site")
    assert target.command[0].endswith("/ld-linux-x86-64.so.2")


def test_lavapipe_is_for_machines_that_litert_has_wheels_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(EdgeqError, match="Linux on aarch64 and x86_64 only"):
        gpu.start("gpu", LAVAPIPE)


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [(Gpu(), 'set driver = "lavapipe"'), (LAVAPIPE, "edgeq target add gpu")],
)
def test_no_gpu_is_said_with_what_to_do(settings: Gpu, remedy: str) -> None:
    output = "INFO: something\nINTERNAL: No adapters found"
    explanation = gpu.explain(settings, "gpu", Ended(NO_GPU, output, greeted=False))
    assert explanation is not None
    assert explanation.what == "LiteRT can't use a GPU here (INTERNAL: No adapters found)"
    assert remedy in explanation.remedy


def test_a_crash_is_the_files_error_but_not_before_the_greeting() -> None:
    explanation = gpu.explain(Gpu(), "gpu", Ended(-6, "", greeted=True))
    assert explanation is not None
    assert explanation.what == "LiteRT's GPU accelerator ended by SIGABRT on this file"
    assert gpu.explain(Gpu(), "gpu", Ended(-6, "", greeted=False)) is None
    assert gpu.explain(Gpu(), "gpu", Ended(1, "", greeted=True)) is None
