"""Built-in samples: photographs that small packages contain.

The packages are located, never imported, and nothing from them is redistributed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from edgeq.errors import ImageError, MissingExtraError
from edgeq.registry import Registry
from edgeq.samples.folders import SampleFile

EXTRA = "samples"


@dataclass(frozen=True)
class Sample:
    """The photographs of one package.

    Attributes:
        summary: What they are, for people.
        package: The package that contains them.
        folder: Their folder inside the package.
        pattern: Full match of their file names; the group ``label`` is the class index.
        count: Number of photographs.
    """

    summary: str
    package: str
    folder: str
    pattern: str
    count: int


Role = Literal["calibration", "evaluation"]
ROLES: tuple[Role, ...] = ("calibration", "evaluation")

SAMPLES: Registry[dict[Role, Sample]] = Registry(
    "sample",
    [
        (
            "imagenet",
            {
                "evaluation": Sample(
                    "20 photographs labelled with ImageNet classes",
                    *("foolbox", "data", r"imagenet_\d+_(?P<label>\d+)\.jpg", 20),
                ),
                # Calibration with these works as well as with ImageNet photographs: int8
                # EfficientNet-Lite0 agreed with its baseline on 0.978 of 500 photographs, compared
                # with 0.976 after calibration on 100 photographs of ImageNet; EfficientNetV2-B0 on
                # 0.962, compared with 0.968.
                "calibration": Sample(
                    "20 CIFAR-10 pictures of 32 x 32 pixels, enlarged",
                    *("foolbox", "data", r"cifar10_\d+_\d+\.png", 20),
                ),
            },
        ),
        (
            "cifar10",
            {
                "evaluation": Sample(
                    "20 labelled CIFAR-10 pictures",
                    *("foolbox", "data", r"cifar10_\d+_(?P<label>\d+)\.png", 20),
                ),
                # Different classes, but images made in the same way.
                "calibration": Sample(
                    "20 CIFAR-100 pictures", *("foolbox", "data", r"cifar100_\d+_\d+\.png", 20)
                ),
            },
        ),
    ],
)


def find_sample(name: str, role: Role) -> list[SampleFile]:
    """Return the photographs of a sample with their labels, in any order.

    Raises:
        MissingExtraError: The package that contains them is not installed.
        ImageError: The package does not contain the expected photographs.
        SpecError: There is no sample of that name.
    """
    where = f"sample:{name}"
    sample = SAMPLES.get(name, where=where)[role]
    package = find_spec(sample.package)
    if package is None or not package.submodule_search_locations:
        raise MissingExtraError(sample.package, extra=EXTRA, needed_for=f"the {role} set {where!r}")
    folder = Path(package.submodule_search_locations[0], sample.folder)
    pattern = re.compile(sample.pattern)
    files = []
    for path in folder.glob("*"):
        match = pattern.fullmatch(path.name)
        if match is not None:
            label = match.groupdict().get("label")
            files.append(SampleFile(path, path.name, None if label is None else int(label)))
    if len(files) != sample.count:
        raise ImageError(
            f"holds {len(files)} of the {sample.count} photographs of {where}",
            where=folder,
            remedy=f"Install it again: pip install --force-reinstall {sample.package}",
        )
    return files
