"""Gates on the figures of tasks, each named as the figure that it limits.

A figure is the same for every task: a value with its interval, from the task's own measures. So a
row says only what differs.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from edgeq.config.gate import FED, OUTPUTS, Comparison, Gate
from edgeq.config.structs import Task

if TYPE_CHECKING:
    from edgeq.judge.verdict import Judgement
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.words import Kind

_JUDGE = "edgeq.pipeline.gates"


def figure_gate(
    name: str,
    task: Task,
    summary: str,
    sense: Literal["min", "max"],
    *,
    labelled: bool = False,
    written: Kind = "percent",
    minimum: float = 0.0,
    maximum: float | None = 1.0,
    in_table: bool = False,
    of_heads: bool = False,
) -> Gate:
    """Return a gate on a figure of a task, which has the gate's name; see ``Gate`` for the rest.

    ``labelled`` says whether the figure needs labels, ``in_table`` whether the report's table of
    variants shows its limit.
    """

    def judge(variant: VariantUnderTest, limit: float) -> Judgement:
        verdict: Judgement = import_module(_JUDGE).figure(variant, limit, row)
        return verdict

    row = Gate(
        name=name,
        marker="accuracy" if labelled else "agreement",
        summary=summary,
        judge=judge,
        sense=sense,
        unit="ratio",
        minimum=minimum,
        maximum=maximum,
        needs_images=True,
        needs_labels=labelled,
        needs_training=True,
        task=task,
        of_heads=of_heads,
        explained=True,
        alone=False,
        comparison=Comparison(alike=FED if labelled else OUTPUTS, exact=False),
        column=("accuracy" if labelled else "agreement") if in_table else None,
        written=written,
    )
    return row


_worsening = partial(figure_gate, sense="max", labelled=True, written="points", minimum=-1.0)
"""A gate on how much worse than the baseline a variant is by the labels."""

FIGURE_GATES = (
    figure_gate(
        "head_agreement",
        "classification",
        "lowest share of images on which a further output with class scores gives the "
        "baseline's class",
        "min",
        of_heads=True,
    ),
    _worsening(
        "class_recall_drop",
        "classification",
        "greatest drop of a class's recall; applies only if you set it",
    ),
    _worsening(
        "calibration_error_rise",
        "classification",
        "expected calibration error of the variant minus that of the baseline; applies only if "
        "you set it",
        written="number",
    ),
    figure_gate(
        "label_overlap",
        "multilabel",
        "mean overlap, over the images, of the labels that variant and baseline give",
        "min",
        in_table=True,
    ),
    _worsening(
        "f1_drop",
        "multilabel",
        "F1 of the baseline over all labels minus that of the variant",
        in_table=True,
    ),
    figure_gate(
        "low_cosine",
        "embedding",
        "10th percentile of the cosine between the embeddings of variant and baseline",
        "min",
        written="number",
        minimum=-1.0,
        in_table=True,
    ),
    figure_gate(
        "neighbour_recall",
        "embedding",
        "mean share of a sample's nearest neighbours that are the baseline's too",
        "min",
        in_table=True,
    ),
    _worsening(
        "verification_drop",
        "embedding",
        "true accept rate of the baseline minus that of the variant, at a fixed false accept rate",
        in_table=True,
    ),
    figure_gate(
        "mean_iou",
        "segmentation",
        "mean IoU of the variant's maps and the baseline's",
        "min",
        in_table=True,
    ),
    _worsening(
        "iou_drop",
        "segmentation",
        "mean IoU with the masks of the baseline minus that of the variant",
        in_table=True,
    ),
    figure_gate(
        "psnr",
        "image_to_image",
        "mean peak signal to noise ratio of the variant's pictures and the baseline's, in dB",
        "min",
        written="dB",
        maximum=100.0,
        in_table=True,
    ),
    figure_gate(
        "ssim",
        "image_to_image",
        "mean structural similarity of the variant's pictures and the baseline's",
        "min",
        written="number",
        in_table=True,
    ),
    figure_gate(
        "psnr_drop",
        "image_to_image",
        "mean PSNR with the target pictures of the baseline minus that of the variant, in dB",
        "max",
        labelled=True,
        written="dB",
        minimum=-100.0,
        maximum=100.0,
        in_table=True,
    ),
    figure_gate(
        "point_error",
        "keypoints",
        "mean distance of the variant's points from the baseline's, by the size of their box",
        "max",
        written="number",
        maximum=None,
        in_table=True,
    ),
    _worsening(
        "point_error_rise",
        "keypoints",
        "mean distance of the variant's points from the labels minus that of the baseline's",
        written="number",
        maximum=None,
        in_table=True,
    ),
    figure_gate(
        "value_error",
        "regression",
        "mean distance of the variant's values from the baseline's, in standard deviations",
        "max",
        written="number",
        maximum=None,
        in_table=True,
    ),
    _worsening(
        "value_error_rise",
        "regression",
        "mean distance of the variant's values from the labels minus that of the baseline's",
        written="number",
        maximum=None,
        in_table=True,
    ),
)
