"""Hypotheses about the input (channel order, range, resize), tested by feeding it in other ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from edgeq import words
from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Preprocessing
from edgeq.diagnosis.bench import Bench, Kind, Laid, Trial, part, recovers, trial
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.stored import certain_findings

RECOVERED = 0.5
"""A way to feed explains the failure if at most this fraction of the logit error remains ..."""
RECOVERED_AS_BASELINE = 0.8
"""... or this fraction, if it only undoes a difference from the baseline's preprocessing."""
MAX_AGREEMENT_LOSS = 0.1
"""Allowed loss of agreement: logits may improve while a few borderline classes flip."""
SAMPLE_STRIDE = 4
"""Each way is tried on one photograph in four first, and dropped if it does not help there."""
MARGIN = 0.2
ABOUT = 1.1
"""Ways within this factor of the best are equal, and the first (the baseline's own) is named."""

_SAID = {
    "channel_order": "order of the channels",
    "input_range": "input range",
    "resize": "resize",
    "samples": "variant's own samples",
}
_ERRORS = {"classes": "logits_error", "boxes": "boxes_error", "values": "output_error"}
_RANGES = {"mean", "std"}
_GEOMETRY = {"resize", "filter", "crop_fraction"}


@dataclass(frozen=True)
class Way:
    """Another way to feed the variant."""

    cause: str
    said: str
    preprocessing: Preprocessing
    recovered: float = RECOVERED


def other_feeding(bench: Bench) -> Cause | None:
    """Test whether the variant predicts like its baseline if it is fed in another way."""
    if bench.variant.takes_arrays:
        return None
    laid, few = bench.laid(), bench.chosen[::SAMPLE_STRIDE]
    least = bench.known(few).error
    promising = [
        way
        for way in ways(bench)
        if laid.attempt(way.preprocessing, few).error <= min(1.0, way.recovered + MARGIN) * least
    ]
    before = bench.known(bench.chosen)
    tried = [(way, laid.attempt(way.preprocessing)) for way in promising]
    cause = explain(before, tried, len(bench.chosen), bench.kind)
    return cause or _combined(bench, laid, before)


def own_samples(bench: Bench) -> Cause | None:
    """Test whether the variant predicts like its baseline on the baseline's samples only."""
    if bench.variant.own_samples is None:
        return None
    own, chosen = bench.variant.preprocessing, bench.chosen
    answers = bench.laid().said(bench.pixels(own, chosen, bench.images), own, chosen)
    after = trial(part(bench.reference, chosen), answers)
    way = Way("samples", "on the samples of the baseline", own, RECOVERED_AS_BASELINE)
    return explain(bench.known(chosen), [(way, after)], len(chosen), bench.kind)


def explain(
    before: Trial, tried: list[tuple[Way, Trial]], images: int, kind: Kind = "classes"
) -> Cause | None:
    """Return the way that recovers the baseline's predictions as a cause, None if none does."""
    helping = [
        (way, after)
        for way, after in tried
        if recovers(before, after, way.recovered)
        and after.agreeing >= before.agreeing - MAX_AGREEMENT_LOSS
    ]
    if not helping:
        return None
    best = min(after.error for _, after in helping)
    way, after = next(candidate for candidate in helping if candidate[1].error <= ABOUT * best)
    first, second = words.share(after.agreeing), words.share(before.agreeing)
    now, then = f"{after.error:.2g}", f"{before.error:.2g}"
    result = {
        "classes": f"the variant agrees on {first} of {images} images (error of logits {now}), "
        f"as it is fed now on {second} ({then})",
        "boxes": f"the variant shares {first} of boxes on {images} images (error of boxes {now}), "
        f"as it is fed now {second} ({then})",
        "values": f"the relative error of the outputs is {now} on {images} images, as it is fed "
        f"now {then}",
    }[kind]
    return Cause(
        way.cause,
        f"the {_SAID[way.cause]}: {way.said} {result}",
        {
            "agreement": [round(before.agreeing, 4), round(after.agreeing, 4)],
            _ERRORS[kind]: [round(before.error, 4), round(after.error, 4)],
            "preprocessing": way.said,
            "images": images,
        },
    )


def ways(bench: Bench) -> Iterator[Way]:
    """Yield the other ways to feed the variant, each once, starting with its baseline's.

    If earlier hypotheses found that the stored weights and the pixel range are the baseline's, no
    other range can be right. Another range may still help an input or activations with other
    ranges, but that is a matter of calibration and not covered here.
    """
    own, expected = bench.variant.preprocessing, bench.variant.baseline.preprocessing
    fixed = bench.static and (own.mean, own.std) == (expected.mean, expected.std)
    # Of a file that certainly differs, only a preprocessing that differs too is to blame.
    differs = bool(certain_findings(bench))
    for way in other_ways(own, expected):
        if differs and way.recovered != RECOVERED_AS_BASELINE:
            continue
        if not (fixed and way.cause == "input_range"):
            yield way
    if differs:
        return
    if bench.variant.detects and "letterbox" not in {own.resize, expected.resize}:
        yield Way("resize", "resized into a letterbox", replace(own, resize="letterbox"))


def other_ways(own: Preprocessing, expected: Preprocessing) -> Iterator[Way]:
    """Yield the ways to feed a model other than its own, each once."""
    seen = [own]
    for way in _ways(own, expected):
        if way.preprocessing not in seen:
            seen.append(way.preprocessing)
            yield way


def _ways(own: Preprocessing, expected: Preprocessing) -> Iterator[Way]:
    yield Way(
        "input_range",
        "with the baseline's input range",
        replace(own, mean=expected.mean, std=expected.std),
        RECOVERED_AS_BASELINE,
    )
    yield Way(
        "resize",
        "with the baseline's resize",
        replace(
            own,
            resize=expected.resize,
            filter=expected.filter,
            crop_fraction=expected.crop_fraction,
        ),
        RECOVERED_AS_BASELINE,
    )
    yield Way(
        "channel_order",
        "with red and blue swapped",
        replace(own, channels="rgb" if own.channels == "bgr" else "bgr"),
        RECOVERED if own.channels == expected.channels else RECOVERED_AS_BASELINE,
    )
    for mean, std, description in _other_ranges(own):
        low, high = (0 - mean[0]) / std[0], (255 - mean[0]) / std[0]
        text = f"fed with {description} ({low:.3g} to {high:.3g})"
        yield Way("input_range", text, replace(own, mean=mean, std=std))
    for other in (
        replace(own, resize="whole", filter="bilinear"),
        replace(own, resize="centre_crop", crop_fraction=0.875),
    ):
        middle = words.share(other.crop_fraction)
        crop = f", middle {middle}" if other.resize == "centre_crop" else ""
        yield Way("resize", f"resized {other.resize} with {other.filter}{crop}", other)


Three = tuple[float, float, float]


def _other_ranges(own: Preprocessing) -> Iterator[tuple[Three, Three, str]]:
    zero, unit = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    yield zero, unit, "pixels as they are"
    yield zero, (255.0, 255.0, 255.0), "pixels from 0 to 1"
    yield (127.5, 127.5, 127.5), (127.5, 127.5, 127.5), "pixels from -1 to 1"
    yield zero, own.std, "no mean subtracted"
    yield (
        _three([m + s * m for m, s in zip(own.mean, own.std, strict=True)]),
        _three([s * s for s in own.std]),
        "the rescaling done twice",
    )
    for name, preset in PREPROCESSING:
        yield preset.mean, preset.std, f"the range of {name}"


def _three(values: list[float]) -> Three:
    return values[0], values[1], values[2]


def _combined(bench: Bench, laid: Laid, before: Trial) -> Cause | None:
    """Return the cause if all differences from the baseline's preprocessing together are one."""
    own, expected = bench.variant.preprocessing, bench.variant.baseline.preprocessing
    names = [
        field for field in own.__struct_fields__ if getattr(own, field) != getattr(expected, field)
    ]
    if not names:
        return None
    cause = "input_range" if _RANGES & set(names) else "channel_order"
    cause = "resize" if set(names) <= _GEOMETRY else cause
    text = f"with the baseline's preprocessing (other {', '.join(names)})"
    after = laid.attempt(expected)
    return explain(
        before,
        [(Way(cause, text, expected, RECOVERED_AS_BASELINE), after)],
        len(bench.chosen),
        bench.kind,
    )
