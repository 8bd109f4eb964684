"""Asking a model again about a few photographs: in a fresh worker, and with other kernels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels
from edgeq.errors import WorkerError
from edgeq.io import structs
from edgeq.measure.repeats import Repeats, repeats
from edgeq.pipeline.readout import blaming
from edgeq.run.session import Session

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

MOST_IMAGES = 4
"""Photographs that other kernels answer. The relative error of 1,000 logits hardly differs from
image to image (0.105 on average, 0.123 at most, for int8 EfficientNetV2-B0), and reference kernels
take up to a second for each."""

MOST_S = 8.0
"""Seconds after which other kernels are given no further photograph."""

OTHERS: dict[Kernels, tuple[Kernels, ...]] = {
    "xnnpack": ("reference", "builtin"),
    "builtin": ("reference", "xnnpack"),
    "reference": ("xnnpack", "builtin"),
}
"""By the run's own kernels: what they are compared with, the next where one can't run the model."""

_OUTPUTS = "outputs.npz"
_FACTS = "facts.json"

Rows = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class _Again(msgspec.Struct, frozen=True, kw_only=True):
    batch: int
    repeats: Repeats


@dataclass(frozen=True)
class AskedAgain:
    """What a fresh worker said, several times.

    Attributes:
        outputs: All that it handed out for the photographs of its first inference.
        repeats: Whether they stayed the same.
        batch: Images of one inference.
    """

    outputs: tuple[Rows, ...]
    repeats: Repeats
    batch: int


@dataclass(frozen=True)
class OtherKernels:
    """What other kernels said.

    Attributes:
        outputs: All that was handed out for the first photographs, one or more.
        kernels: Which.
    """

    outputs: tuple[Rows, ...]
    kernels: Kernels


def ask_again(variant: VariantUnderTest) -> AskedAgain:
    """Ask a fresh worker about the first photograph, another one, and twice about the first.

    Where the file's batch is fixed, "photograph" means those of one inference. The result is kept.

    Raises:
        WorkerError: The model does not run.
    """
    executor, pixels = variant.run.executor, variant.photographs.first(MOST_IMAGES)

    def make(folder: Path) -> None:
        with blaming(variant), executor.session(variant.name) as session:
            session.tell(partial(executor.waits, f"{variant.name}: asking a fresh worker again"))
            loaded = executor.load_into(variant, session, edits=variant.readout.edits)
            batch = loaded.batch
            asked = [pixels[:batch], pixels[batch : 2 * batch], pixels[:batch], pixels[:batch]]
            first, _, later, again = (
                session.infer(loaded.handle, photo, variant.preprocessing).outputs
                if len(photo)
                else ()
                for photo in asked
            )
        np.savez(folder / _OUTPUTS, *first)
        answers_again = _Again(batch=batch, repeats=repeats(first, later, again))
        (folder / _FACTS).write_bytes(msgspec.json.encode(answers_again))

    folder = executor.keep("repeats", variant, MOST_IMAGES, make)
    facts_again = structs.from_json((folder / _FACTS).read_bytes(), _Again)
    return AskedAgain(_read(folder), facts_again.repeats, facts_again.batch)


def ask_others(variant: VariantUnderTest) -> OtherKernels:
    """Run a model on the first photographs with other kernels. The result is kept.

    Raises:
        WorkerError: None of the others can run it.
    """
    executor, pixels = variant.run.executor, variant.photographs.first(MOST_IMAGES)

    def make(folder: Path) -> None:
        refusals: list[WorkerError] = []
        for kernels in OTHERS[executor.run.kernels]:
            try:
                outputs = executor.workers.ask(
                    variant.name, partial(_answers, variant, kernels, pixels)
                )
            except WorkerError as error:
                refusals.append(error)
                continue
            np.savez(folder / _OUTPUTS, *outputs)
            (folder / _FACTS).write_bytes(msgspec.json.encode(kernels))
            return
        raise WorkerError(
            f"no other kernels than {executor.run.kernels} run the file: {refusals[0].what}",
            where=variant.name,
            remedy="Make the variant again with the current version of its engine",
        )

    folder = executor.keep("kernels", variant, MOST_IMAGES, make)
    kernels: Kernels = structs.from_json((folder / _FACTS).read_bytes(), Kernels)
    return OtherKernels(_read(folder), kernels)


def _answers(
    variant: VariantUnderTest, kernels: Kernels, pixels: Pixels, session: Session
) -> tuple[Rows, ...]:
    """Return outputs of the photographs, of fewer if they take long."""
    executor = variant.run.executor
    loaded = executor.load_into(variant, session, kernels=kernels, edits=variant.readout.edits)
    end = time.monotonic() + MOST_S
    parts: list[Sequence[Rows]] = []
    for start in range(0, len(pixels), loaded.batch):
        if start and time.monotonic() > end:
            break
        some = pixels[start : start + loaded.batch]
        session.tell(
            partial(
                executor.waits,
                f"{variant.name}: comparing with {kernels} kernels, {start} of {len(pixels)}",
            )
        )
        parts.append(session.infer(loaded.handle, some, variant.preprocessing).outputs)
    return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))


def _read(folder: Path) -> tuple[Rows, ...]:
    with np.load(folder / _OUTPUTS) as arrays:
        return tuple(arrays[name] for name in arrays.files)
