"""Runs a model again on a few photographs: in a fresh worker, and with other kernels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
"""Photographs to run with other kernels. The relative error of 1,000 logits hardly differs from
image to image (0.105 on average, 0.123 at most, for int8 EfficientNetV2-B0), and reference kernels
take up to a second per image."""

MOST_S = 8.0
"""Seconds after which no further photograph is run with other kernels."""

OTHERS: dict[Kernels, tuple[Kernels, ...]] = {
    "xnnpack": ("reference", "builtin"),
    "builtin": ("reference", "xnnpack"),
    "reference": ("xnnpack", "builtin"),
}
"""Kernels to compare with, by the run's own; the next ones are used if one can't run the model."""

_OUTPUTS = "outputs.npz"
_FACTS = "facts.json"

Rows = npt.NDArray[np.float32]
Pixels = npt.NDArray[Any]


class _Again(msgspec.Struct, frozen=True, kw_only=True):
    batch: int
    repeats: Repeats


@dataclass(frozen=True)
class AskedAgain:
    """Outputs of a fresh worker that ran the model several times.

    Attributes:
        outputs: All outputs for the photographs of the first inference.
        repeats: Whether the outputs stayed the same.
        batch: Images per inference.
    """

    outputs: tuple[Rows, ...]
    repeats: Repeats
    batch: int


@dataclass(frozen=True)
class OtherKernels:
    """Outputs of other kernels.

    Attributes:
        outputs: All outputs for the first photographs, of which there is at least one.
        kernels: The kernels.
    """

    outputs: tuple[Rows, ...]
    kernels: Kernels


def ask_again(variant: VariantUnderTest) -> AskedAgain:
    """Run a fresh worker on the first photograph, on another one, and on the first one twice.

    If the file's batch size is fixed, "photograph" means those of one inference. The result is
    stored.

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
    """Run a model on the first photographs with other kernels. The result is stored.

    Raises:
        WorkerError: None of the other kernels can run it.
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
    """Return outputs for the photographs, or for fewer of them if they take long."""
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
