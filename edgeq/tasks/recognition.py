"""Recognition of what a model's outputs mean, with the evidence.

Outputs that are shaped like those of a known detector are boxes. Otherwise, an output may hold
class scores. The greatest value of an output is meaningful only for class scores, not for box
corners, the cells of a map or the numbers of an embedding. Outputs without any sign of class scores
may be of another task (``kinds``), and are judged as tensors if they show nothing of any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeq.config.structs import CLASSIFICATION, DETECTION, TENSORS, Task
from edgeq.errors import SpecError
from edgeq.registry import unknown
from edgeq.tasks.detection.decoders import DECODERS, recognized_decoder
from edgeq.tasks.kinds import KINDS, TaskKind, recognized_kind
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring

BUILT_IN: tuple[Task, ...] = (CLASSIFICATION, DETECTION, TENSORS)
"""Tasks without a row in the table of tasks."""

_SOFTMAX, _SIGMOID = "SOFTMAX", "LOGISTIC"
_ONE_OF_TWO = "one of two"
_LAYERS = frozenset({"FULLY_CONNECTED", "CONV_2D", "MEAN", "AVERAGE_POOL_2D", "ADD", "LOG_SOFTMAX"})
"""Operators that can produce logits. A vector that was concatenated or scaled to a length is not
logits."""


def require_task(task: Task, where: str) -> None:
    """Check that there is a task of a name.

    Raises:
        SpecError: There is none; the message suggests the closest name.
    """
    if task not in BUILT_IN and task not in KINDS:
        raise unknown("task", task, (*BUILT_IN, *KINDS.names()), where=where)


@dataclass(frozen=True)
class KnownClasses:
    """What is known about the classes from sources other than the model's file.

    Attributes:
        outputs: Number of output values that the label set requires; None without a label set.
        count: Function that returns the number of classes up to the highest label of the evaluation
            images; None if they have no labels. It is called only if there is no better evidence.
    """

    outputs: int | None = None
    label_set: str = ""
    count: Callable[[], int | None] = lambda: None


@dataclass(frozen=True)
class Reading:
    """How the outputs of a model are read.

    Attributes:
        task: The task that they are judged as.
        output: Index of the output with the class scores, or of the one that another task judges;
            0 if there is none.
        evidence: The reason, as a clause that follows "judged as ...:".
        classes: Number of classes; 0 if there are none. One sigmoid means two classes.
        tensors: Number of outputs that are judged as tensors: all but the class scores.
        decoder: What turns a detector's outputs into boxes: its name in the table of decoders, or
            ``"package.module:function"``; empty if the model is not a detector.
        heads: Indices of further outputs of a classifier that hold class scores too.
    """

    task: Task
    output: int
    evidence: str
    classes: int = 0
    tensors: int = 0
    decoder: str = ""
    heads: tuple[int, ...] = ()

    @property
    def kind(self) -> TaskKind | None:
        """The task's row; None for classification, detection and tensors."""
        return KINDS.find(self.task)


@dataclass(frozen=True)
class _Candidate:
    """An output whose shape suggests one number per class."""

    place: int
    tensor: Tensor
    values: int
    maker: str

    @property
    def classes(self) -> int:
        return 2 if self.values == 1 else self.values

    @property
    def label(self) -> str:
        return f"output {self.place} ({self.tensor.name!r})"


def recognize(
    model: ModelFile,
    known: KnownClasses,
    *,
    task: Task | None,
    output: str | None,
    where: str,
    decoder: str | None = None,
) -> Reading:
    """Return how the outputs of a float model are read.

    Raises:
        SpecError: There is no such task or output, the output can't hold class scores or what
            another task asks for, or no decoder fits the outputs of a model that the spec calls a
            detector.
    """
    place = None if output is None else output_place(model, output, f"{where}.output")
    if task is not None and task not in BUILT_IN:
        require_task(task, f"{where}.task")
        return _of_kind(model, KINDS.get(task), place, where)
    if task == TENSORS:
        return Reading(TENSORS, 0, "the spec says so", tensors=len(model.outputs))
    if task == DETECTION or (task is None and place is None):
        detector = _detector(model, decoder, where, named=task == DETECTION)
        if detector is not None:
            return detector
    chosen = _candidates(model, place, logit=task == CLASSIFICATION)
    named = task == CLASSIFICATION or place is not None
    if named and not chosen:
        shown = "no output" if place is None else f"output {place}"
        raise SpecError(
            f"{shown} of the model holds one score for each class: {_shapes(model)}",
            where=where,
            remedy='Name another `output`, or set another `task`, for example "tensors"',
        )
    classifier = _classifier(chosen, known, named=named)
    if classifier is None:
        return _other(model, chosen)
    candidate, evidence = classifier
    return Reading(
        CLASSIFICATION,
        candidate.place,
        evidence,
        candidate.classes,
        len(model.outputs) - 1,
        heads=further_heads(model, candidate.place),
    )


def _candidates(model: ModelFile, place: int | None, *, logit: bool) -> list[_Candidate]:
    """Return the outputs that may be class scores, only the one at a place if it is given."""
    wiring = Wiring(model)
    places = range(len(model.outputs)) if place is None else (place,)
    candidates = (_candidate(wiring, index, logit=logit) for index in places)
    return [candidate for candidate in candidates if candidate is not None]


def _classifier(
    candidates: Sequence[_Candidate], known: KnownClasses, *, named: bool
) -> tuple[_Candidate, str] | None:
    """Return the output with class scores and the evidence; None if nothing shows that one is."""
    for sign in (_fits_labels, _is_softmax, _is_one_sigmoid, _fits_images):
        for candidate in candidates:
            evidence = sign(candidate, known)
            if evidence is not None:
                return candidate, evidence
    if not named:
        return None
    first = candidates[0]
    logit = first.values == 1 and first.maker not in {_SIGMOID, _ONE_OF_TWO}
    what = ", the logit of two classes" if logit else ""
    return first, f"the spec says so of {first.label}{what}"


def _other(model: ModelFile, candidates: Sequence[_Candidate]) -> Reading:
    """Return how the outputs of a model are read that shows no class scores and no boxes."""
    recognized, outputs = recognized_kind(model), len(model.outputs)
    if recognized is None:
        return Reading(TENSORS, 0, _why_not(model, candidates), tensors=outputs)
    kind, evidence = recognized
    return Reading(kind.name, evidence.output, evidence.text, evidence.classes, outputs)


def further_heads(model: ModelFile, output: int) -> tuple[int, ...]:
    """Return the indices of outputs with class scores other than the one that is judged by them."""
    wiring = Wiring(model)
    candidates = (_candidate(wiring, at) for at in range(len(model.outputs)) if at != output)
    return tuple(
        other.place
        for other in candidates
        if other is not None and other.maker in {_SOFTMAX, _SIGMOID}
    )


def _of_kind(model: ModelFile, kind: TaskKind, place: int | None, where: str) -> Reading:
    """Return how the outputs of a model are read that the spec says is of a task."""
    outputs, evidence = len(model.outputs), kind.recognize(model)
    if evidence is not None and place in {None, evidence.output}:
        return Reading(kind.name, evidence.output, evidence.text, evidence.classes, outputs)
    asked = range(outputs) if place is None else (place,)
    for at in asked:
        tensor = model.tensors[model.outputs[at]]
        if kind.fits(tensor.shape[1:]):
            text = f"the spec says so, and output {at} ({tensor.name!r}) is {kind.wants}"
            return Reading(kind.name, at, text, 0, outputs)
    shown = "no output" if place is None else f"output {place}"
    raise SpecError(
        f"{shown} of the model is {kind.wants}: {_shapes(model)}",
        where=f"{where}.task",
        remedy='Name another `output` or `task`, or set task = "tensors"',
    )


def _detector(model: ModelFile, decoder: str | None, where: str, *, named: bool) -> Reading | None:
    """Return how a detector's outputs are read, None if the model is not one."""
    recognized, outputs = recognized_decoder(model), len(model.outputs)
    if decoder is not None:
        fits = recognized is not None and recognized[0].name == decoder
        evidence = recognized[1].text if fits and recognized else f"the spec names {decoder!r}"
        classes = recognized[1].classes if fits and recognized else 0
        return Reading(DETECTION, 0, evidence, classes, outputs, decoder)
    if recognized is not None:
        row, signs = recognized
        return Reading(DETECTION, 0, signs.text, signs.classes, outputs, row.name)
    if named:
        raise SpecError(
            f"no decoder fits the outputs of the model: {_shapes(model)}",
            where=where,
            remedy=f"Name one of {', '.join(DECODERS.names())} or a function of your own as "
            "`detection.decoder`",
        )
    return None


def _candidate(wiring: Wiring, place: int, *, logit: bool = False) -> _Candidate | None:
    """Return an output of shape (1, c) or (1, 1, 1, c) as a candidate; None for other shapes.

    With ``logit``, one value that nothing bounds may be the logit of two classes.
    """
    tensor = wiring.model.tensors[wiring.model.outputs[place]]
    values = math.prod(tensor.shape[1:] or tensor.shape)
    open_ = -1 in tensor.shape_signature[1:]  # anchors, whose number depends on the input's size
    if not tensor.shape or values != tensor.shape[-1] or open_:
        return None
    if wiring.is_post_processed(tensor.index):
        return None
    maker = wiring.unclipped(tensor.index)
    name, scores = "" if maker is None else maker.name, wiring.scores_maker(tensor.index)
    if scores is not None and scores is not maker and scores.name == _SOFTMAX:  # some of its values
        of = math.prod(wiring.model.tensors[scores.outputs[0]].shape)
        name = _ONE_OF_TWO if (values, of) == (1, 2) else _SOFTMAX if values > of / 2 else name
    if values == 1 and name not in {_SIGMOID, _ONE_OF_TWO} and not (logit and name in _LAYERS):
        return None
    return _Candidate(place, tensor, values, name)


def _fits_labels(candidate: _Candidate, known: KnownClasses) -> str | None:
    if known.outputs is None or known.outputs not in {candidate.values, candidate.classes}:
        return None
    several = candidate.maker == _SIGMOID and candidate.values > 1
    if several and not _counts_up_to(candidate, known):
        return None  # several labels may apply to one image, so the greatest means little
    return f"{candidate.label} has one value for each label of {known.label_set!r}"


def _is_softmax(candidate: _Candidate, _: KnownClasses) -> str | None:
    return (
        f"{candidate.label} is a softmax of {candidate.values}"
        if candidate.maker == _SOFTMAX
        else None
    )


def _is_one_sigmoid(candidate: _Candidate, _: KnownClasses) -> str | None:
    if candidate.maker not in {_SIGMOID, _ONE_OF_TWO} or candidate.values != 1:
        return None
    what = "one sigmoid" if candidate.maker == _SIGMOID else "one value of a softmax of 2"
    return f"{candidate.label} is {what}, which tells two classes apart"


def _fits_images(candidate: _Candidate, known: KnownClasses) -> str | None:
    if not _counts_up_to(candidate, known):
        return None
    return f"{candidate.label} has {candidate.values} values, and the labels of the images fit them"


def _counts_up_to(candidate: _Candidate, known: KnownClasses) -> bool:
    """Return whether the images' labels fit these classes and use more than half of them."""
    if candidate.maker not in _LAYERS | {_SOFTMAX, _SIGMOID}:
        return False
    count = known.count()
    return count is not None and candidate.classes / 2 < count <= candidate.classes


def _why_not(model: ModelFile, candidates: Sequence[_Candidate]) -> str:
    if not candidates:
        return f"no output holds one score for each class ({_shapes(model)})"
    candidate = candidates[0]
    return (
        f"nothing shows that the {candidate.values} values of {candidate.label} are class scores; "
        'if they are, name the `labels` or set task = "classification"; '
        'task = "embedding" or another task of docs/tasks.md judges them as such'
    )


def output_place(model: ModelFile, output: str, where: str) -> int:
    """Return the index of an output that a spec names, in the file's or signature's words.

    Raises:
        SpecError: There is no such output.
    """
    names = [model.tensors[index].name for index in model.outputs]
    if output and output in names:
        return names.index(output)
    signed = [model.output_names.get(index, "") for index in model.outputs]
    if output and output in signed:
        return signed.index(output)
    places = [str(at) for at in range(len(names))]
    if output in places:
        return int(output)
    choices = dict.fromkeys([*(name for name in signed if name), *names, *places])
    raise unknown("output", output, list(choices), where=where)


def _shapes(model: ModelFile) -> str:
    shown = (
        f"{model.tensors[index].name!r} of shape {list(model.tensors[index].shape)}"
        for index in model.outputs
    )
    return ", ".join(shown)
