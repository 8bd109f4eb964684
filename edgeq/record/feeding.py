"""How a variant's input differs from its baseline's, as structs and in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from edgeq import words
from edgeq.config.structs import Preprocessing
from edgeq.io import structs
from edgeq.io.structs import Json

LIKE_THE_BASELINE = "like the baseline"
_SHA256_SHOWN = 8
_WHITE = 255.0
_RANGE = ("mean", "std")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between how a variant's and its baseline's input are prepared.

    Attributes:
        what: ``"size"``, ``"resize"``, ``"filter"``, ``"values"``, ``"values at the first
            layer"``, ``"channels"`` or ``"JPEG scaling"``; a key of the preprocessing if an older
            record holds only part of it.
        variant: The variant's setting, in words.
        baseline: The baseline's setting, in words.
    """

    what: str
    variant: str
    baseline: str

    @property
    def text(self) -> str:
        """The difference, for example ``"filter bilinear, baseline bicubic"``."""
        return f"{self.what} {self.variant}, baseline {self.baseline}"


class OwnSamples(msgspec.Struct, frozen=True, kw_only=True):
    """A variant's own samples: the scenes of the evaluation set, matched by name.

    Attributes:
        source: Source of the samples in the spec.
        count: Number of samples.
        sha256: Hash of their contents, in the order of the evaluation set.
    """

    source: str
    count: int
    sha256: str

    @property
    def text(self) -> str:
        """The number and source of the samples, in words."""
        return f"samples of its own: {words.plural(self.count, 'photograph')} of {self.source}"


class Feeding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a variant's input differs from its baseline's.

    Attributes:
        differences: Differences between the two declared preprocessings; empty if there are none.
            If the variant's file applies a mean and deviation itself and the baseline's file does
            not, that is not a difference: the same numbers reach the first layer.
        samples: The variant's own samples; None if it is evaluated on the baseline's.
        normalizes: Whether the variant's file applies a mean and deviation that for the baseline
            are applied outside its file.
    """

    differences: tuple[Difference, ...] = ()
    samples: OwnSamples | None = None
    normalizes: bool = False

    @property
    def differs(self) -> bool:
        """Whether the variant's input differs from its baseline's."""
        return bool(self.differences or self.samples)

    @property
    def sentence(self) -> str:
        """The differences, as part of a case's reason; empty if there are none."""
        parts = []
        if self.samples is not None:
            parts.append(f"on {self.samples.text}")
        if self.differences:
            parts.append(f"fed otherwise than the baseline: {self._ways}")
        return "; ".join(parts)

    @property
    def text(self) -> str:
        """The variant's input, for comparing two records; it includes the hash of own samples."""
        parts = [self._ways] if self.differences else []
        if self.samples is not None:
            parts.append(f"{self.samples.text}, sha256 {self.samples.sha256[:_SHA256_SHOWN]}")
        return "; ".join(parts) or LIKE_THE_BASELINE

    @property
    def _ways(self) -> str:
        return "; ".join(difference.text for difference in self.differences)


def differences(
    own: Preprocessing,
    baseline: Preprocessing,
    values: tuple[Difference, ...] | None = None,
) -> tuple[Difference, ...]:
    """Return the differences between a variant's preprocessing and its baseline's.

    Known differences between the values that reach the first layers replace those between the
    declared means and deviations.
    """
    different: list[Difference] = []
    for what, ours, other in _compared(own, baseline):
        if what == "values" and values is not None:
            different += values
        elif ours != other:
            different.append(Difference(what=what, variant=ours, baseline=other))
    return tuple(different)


def at_the_first_layer(
    own: tuple[float, float], baseline: tuple[float, float]
) -> Difference | None:
    """Return the difference between lowest and highest value at two first layers, None if alike."""
    ours, other = _span(*own), _span(*baseline)
    if ours == other:
        return None
    return Difference(what="values at the first layer", variant=ours, baseline=other)


def other_size(own: tuple[int, int], baseline: tuple[int, int]) -> tuple[Difference, ...]:
    """Return the difference between two input sizes (height, width); empty if they are equal."""
    if own == baseline:
        return ()
    ours, other = (f"{height} x {width}" for height, width in (own, baseline))
    return (Difference(what="size", variant=ours, baseline=other),)


def recorded_differences(
    own: Mapping[str, Json], baseline: Mapping[str, Json]
) -> tuple[Difference, ...]:
    """Return the differences between two recorded preprocessings, which may be incomplete."""
    try:
        return differences(
            structs.converted(dict(own), Preprocessing),
            structs.converted(dict(baseline), Preprocessing),
        )
    except (msgspec.ValidationError, ArithmeticError):  # a record may hold anything
        return tuple(
            Difference(what=key, variant=str(own.get(key)), baseline=str(baseline.get(key)))
            for key in dict.fromkeys((*own, *baseline))
            if own.get(key) != baseline.get(key)
        )


def _compared(own: Preprocessing, baseline: Preprocessing) -> Iterator[tuple[str, str, str]]:
    yield "resize", _resize(own), _resize(baseline)
    yield "filter", own.filter, baseline.filter
    yield "values", *_values(own, baseline)
    yield "channels", own.channels, baseline.channels
    yield "JPEG scaling", f"{own.jpeg_scaling:g}", f"{baseline.jpeg_scaling:g}"


def _resize(preprocessing: Preprocessing) -> str:
    if preprocessing.resize == "whole":
        return "of the whole image"
    if preprocessing.resize == "letterbox":
        return "of the whole image with its proportions, padded"
    return f"of the middle {words.share(preprocessing.crop_fraction)}"


def _values(own: Preprocessing, baseline: Preprocessing) -> tuple[str, str]:
    """Return both ranges, or mean and deviation if only these differ and the ranges do not."""
    ranges = _range(own), _range(baseline)
    same = all(getattr(own, key) == getattr(baseline, key) for key in _RANGE)
    if same or ranges[0] != ranges[1]:
        return ranges
    return _mean_and_std(own), _mean_and_std(baseline)


def _range(preprocessing: Preprocessing) -> str:
    lows = [-mean / std for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)]
    highs = [
        (_WHITE - mean) / std
        for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)
    ]
    return _span(min(lows), max(highs))


def _span(low: float, high: float) -> str:
    return f"{words.value('number', low)} to {words.value('number', high)}"


def _mean_and_std(preprocessing: Preprocessing) -> str:
    mean, std = (", ".join(f"{value:g}" for value in getattr(preprocessing, key)) for key in _RANGE)
    return f"with mean {mean} and deviation {std}"
