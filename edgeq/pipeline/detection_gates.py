"""Functions of the gates of detectors, which turn a variant and a limit into a judgement."""

from __future__ import annotations

from edgeq.judge import boxes
from edgeq.judge.verdict import Judgement
from edgeq.pipeline.variant import VariantUnderTest


def box_recall(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how many of the baseline's boxes the variant gives too."""
    return boxes.box_recall(variant.boxes, limit)


def box_precision(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how many of the variant's boxes the baseline gives too."""
    return boxes.box_precision(variant.boxes, limit)


def score_shift(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how far the scores of shared objects moved from the baseline's."""
    return boxes.score_shift(variant.boxes, limit)


def map_drop(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the mean average precision lost compared with the baseline."""
    return boxes.map_drop(variant.precision, limit, variant.doubt)


def min_map(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the variant's own mean average precision."""
    return boxes.min_map(variant.precision, limit)
