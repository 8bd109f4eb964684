"""Checks that each number is in the range in which it makes sense."""

from __future__ import annotations

import math

from edgeq.config.structs import Images, Model, Preprocessing, Samples, Spec, TaskOptions
from edgeq.config.tables import key_text
from edgeq.errors import SpecError

MIN_CONFIDENCE = 0.5
MIN_PERCENTILE = 51
MAX_THREADS = 256
MAX_SECONDS = 7 * 86_400
MAX_BYTES = 2**50
MAX_ROUNDS = 1_000_000
MAX_SEED = 2**32 - 1
MAX_PIXELS = 8192
MAX_HISTORY = 10_000

MAX_VALUE = 1e9

_TASK_OPTIONS = (
    ("threshold", 0, 1),
    ("ignored_class", 0, 255),
    ("neighbours", 1, 1000),
    ("false_accept_rate", 0, 1),
    ("values_per_point", 2, 100),
    ("presence_threshold", -MAX_VALUE, MAX_VALUE),
)


def check_ranges(spec: Spec) -> None:
    """Check the numbers of a spec, its models and its ready-made variants.

    Raises:
        SpecError: A number is out of range; names the key, its value and the range.
    """
    run, latency = spec.run, spec.latency
    _within("confidence", spec.confidence, MIN_CONFIDENCE, 1, spec.origin, strict=True)
    _within("run.threads", run.threads, 1, MAX_THREADS, spec.origin)
    for name, limits in (("run", run), ("make", spec.make)):
        _within(f"{name}.timeout_s", limits.timeout_s, 0.001, MAX_SECONDS, spec.origin)
        _within(f"{name}.memory_limit", limits.memory_limit, 1, MAX_BYTES, spec.origin)
    _within("latency.rounds", latency.rounds, 2, MAX_ROUNDS, spec.origin)
    _within("latency.block", latency.block, 1, latency.rounds, spec.origin)
    _within("latency.warmup", latency.warmup, 0, MAX_ROUNDS, spec.origin)
    _within("latency.budget_s", latency.budget_s, 0.001, MAX_SECONDS, spec.origin)
    _within("history", spec.history, 0, MAX_HISTORY, spec.origin)
    _check_images(spec.images, "images", spec.origin)
    for name, model in spec.models.items():
        _check_model(model, key_text("models", name), spec.origin)
    for name, variant in spec.variants.items():
        for side in variant.input_size or ():
            key = key_text("variants", name, "input_size")
            _within(key, side, 1, MAX_PIXELS, spec.origin)
        for key, least, most in (("percentile", MIN_PERCENTILE, 100), ("prune", 0, 1)):
            value = getattr(variant, key)
            if value is not None:
                key_name = key_text("variants", name, key)
                _within(key_name, value, least, most, spec.origin, strict=key == "prune")
        if isinstance(variant.preprocessing, Preprocessing):
            key = key_text("variants", name, "preprocessing")
            _check_preprocessing(variant.preprocessing, key, spec.origin)


def _check_model(model: Model, key: str, where: str) -> None:
    _within(f"{key}.seed", model.seed, 0, MAX_SEED, where)
    for side in model.input_size or ():
        _within(f"{key}.input_size", side, 1, MAX_PIXELS, where)
    for name in ("operating_score", "suppression_iou"):
        value = None if model.detection is None else getattr(model.detection, name)
        if value is not None:
            _within(f"{key}.detection.{name}", value, 0, 1, where)
    arrays = model.arrays
    if arrays is not None:
        _check_images(arrays, f"{key}.samples", where)
        if arrays.scale is not None and not 0 < arrays.scale < math.inf:
            raise SpecError(
                f"{key}.samples.scale = {shown(arrays.scale)} is outside its range",
                where=where,
                remedy="Valid: a finite number above 0",
            )
        _within(f"{key}.samples.zero_point", arrays.zero_point, -(2**15), 2**16 - 1, where)
    if model.task_options is not None:
        _check_task_options(model.task_options, f"{key}.task_options", where)
    if model.images is not None:
        _check_images(model.images, f"{key}.images", where)
    if isinstance(model.preprocessing, Preprocessing):
        _check_preprocessing(model.preprocessing, f"{key}.preprocessing", where)


def _check_task_options(options: TaskOptions, key: str, where: str) -> None:
    for name, lowest, highest in _TASK_OPTIONS:
        value = getattr(options, name)
        if value is not None:
            strict = name in {"threshold", "false_accept_rate"}
            _within(f"{key}.{name}", value, lowest, highest, where, strict=strict)
    if options.presence_threshold is not None and options.presence is None:
        raise SpecError(
            f"{key}.presence_threshold is set without `presence`",
            where=where,
            remedy="Name the output that it is about: `presence`",
        )


def _check_images(images: Images | Samples, key: str, where: str) -> None:
    for name in ("max_calibration", "max_evaluation"):
        count = getattr(images, name)
        if count is not None:
            _within(f"{key}.{name}", count, 1, None, where)


def _check_preprocessing(preprocessing: Preprocessing, key: str, where: str) -> None:
    if not 0 < preprocessing.crop_fraction <= 1:
        raise SpecError(
            f"{key}.crop_fraction = {preprocessing.crop_fraction} is outside its range",
            where=where,
            remedy="Valid: above 0, at most 1",
        )
    if not all(0 < value < math.inf for value in preprocessing.std):
        raise SpecError(
            f"{key}.std = {list(preprocessing.std)} is not valid",
            where=where,
            remedy="Pixels are divided by std: write three numbers above 0",
        )
    if not all(map(math.isfinite, preprocessing.mean)):
        raise SpecError(
            f"{key}.mean = {list(preprocessing.mean)} is not valid",
            where=where,
            remedy="Write three finite numbers, in pixel units",
        )
    if preprocessing.jpeg_scaling:
        _within(f"{key}.jpeg_scaling", preprocessing.jpeg_scaling, 1, MAX_PIXELS, where)


def _within(
    key: str,
    value: float,
    lowest: float,
    highest: float | None,
    where: str,
    *,
    strict: bool = False,
) -> None:
    top = math.inf if highest is None else highest
    if (lowest < value < top) if strict else (lowest <= value <= top):
        return
    span = f"from {lowest} to {highest}"
    if highest is None:
        span = f"at least {lowest}"
    elif strict:
        span = f"above {lowest} and below {highest}"
    raise SpecError(
        f"{key} = {shown(value)} is outside its range", where=where, remedy=f"Valid: {span}"
    )


def shown(value: object) -> str:
    """Return a value for a message, shortened if long (TOML numbers can have any length)."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to format an integer of over 4300 digits
        return "a number of thousands of digits"
    most = 40
    return text if len(text) <= most else f"{text[:most]}..."
