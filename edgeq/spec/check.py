"""Checks that need the whole spec: names that refer to others, and numbers in range."""

from __future__ import annotations

import re

from edgeq.errors import SpecError
from edgeq.registry import unknown
from edgeq.spec.gates import GATES
from edgeq.spec.methods import ENGINES, METHODS, choose
from edgeq.spec.structs import Model, Preprocessing, Spec

LEAST_CONFIDENCE = 0.5
MOST_THREADS = 256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")


def check(spec: Spec) -> None:
    """Check what single keys can't show.

    Raises:
        SpecError: With the key, its value, and what would be valid.
    """
    where = spec.origin
    if not spec.models:
        raise SpecError(
            "no model is declared",
            where=where,
            remedy='Add [tool.edgeq.models.NAME] with source = "..."',
        )
    if spec.engine is not None and spec.engine not in ENGINES:
        raise unknown("engine", spec.engine, ENGINES, where=f"{where}: engine")
    for name, model in spec.models.items():
        _check_name("model", name, where)
        _check_model(model, f"{where}: models.{name}", spec)
    _check_methods(spec.methods, f"{where}: methods", spec.engine)
    _check_variants(spec)
    _check_gates(spec)
    _check_numbers(spec)


def _check_name(kind: str, name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"{kind} name {name!r} is not valid",
            where=where,
            remedy="Use letters, digits and . _ - + @, beginning with a letter or digit",
        )


def _check_methods(methods: tuple[str, ...], where: str, engine: str | None) -> None:
    for text in methods:
        choose(text, engine=engine, where=where)
    if len(set(methods)) != len(methods):
        raise SpecError("a method is named twice", where=where, remedy="Name it once")


def _check_model(model: Model, where: str, spec: Spec) -> None:
    if not model.source:
        raise SpecError("source is empty", where=where, remedy='Write source = "keras:NAME"')
    if model.methods is not None:
        _check_methods(model.methods, f"{where}.methods", spec.engine)
    if isinstance(model.preprocessing, Preprocessing):
        _check_preprocessing(model.preprocessing, f"{where}.preprocessing")
    if model.weights == "random" and not model.allow_random_weights:
        raise SpecError(
            'weights = "random" needs a declaration, because answers then mean nothing',
            where=where,
            remedy="Add allow_random_weights = true, or name trained weights",
        )
    if model.input_size is not None and min(model.input_size) < 1:
        raise SpecError(
            f"input_size = {list(model.input_size)} is not valid",
            where=where,
            remedy="Write input_size = [HEIGHT, WIDTH] in pixels",
        )


def _check_preprocessing(preprocessing: Preprocessing, where: str) -> None:
    if not 0 < preprocessing.crop_fraction <= 1:
        raise SpecError(
            f"crop_fraction = {preprocessing.crop_fraction} is outside its range",
            where=where,
            remedy="Valid: above 0, at most 1",
        )
    if any(value == 0 for value in preprocessing.std):
        raise SpecError("std holds a zero", where=where, remedy="Pixels are divided by std")


def _check_variants(spec: Spec) -> None:
    for name, variant in spec.variants.items():
        where = f"{spec.origin}: variants.{name}"
        _check_name("variant", name, spec.origin)
        if variant.model not in spec.models:
            raise unknown("model", variant.model, spec.models, where=where)
        if variant.method is not None:
            METHODS.get(variant.method, where=where)
        if isinstance(variant.preprocessing, Preprocessing):
            _check_preprocessing(variant.preprocessing, f"{where}.preprocessing")
        methods = spec.models[variant.model].methods
        taken = spec.methods if methods is None else methods
        if name in taken or name == "baseline":
            raise SpecError(
                f"{name!r} is taken by a method of model {variant.model!r}",
                where=where,
                remedy="Give the ready-made variant a name of its own",
            )


def _check_gates(spec: Spec) -> None:
    used = {text for model in spec.models.values() for text in model.methods or spec.methods}
    used |= {text.partition("@")[0] for text in used} | set(spec.variants)
    for name in (*spec.gates.by_method, *spec.gates.off):
        if not name or name in used:
            continue
        where = f"{spec.origin}: gates.{name}"
        if name in METHODS:
            raise SpecError(
                f"limits are set for {name!r}, which no model uses",
                where=where,
                remedy="Add it to methods, or remove its limits",
            )
        raise unknown("method or variant", name, used, where=where)
    for name in spec.allow_missing:
        GATES.get(name, where=f"{spec.origin}: allow_missing")


def _check_numbers(spec: Spec) -> None:
    rules = (
        ("confidence", LEAST_CONFIDENCE < spec.confidence < 1, "above 0.5 and below 1"),
        ("run.threads", 1 <= spec.run.threads <= MOST_THREADS, f"from 1 to {MOST_THREADS}"),
        ("run.timeout_s", spec.run.timeout_s > 0, "above 0"),
        ("run.memory_limit", spec.run.memory_limit >= 1, "at least 1"),
        ("latency.rounds", spec.latency.rounds > 1, "at least 2"),
        ("latency.block", 1 <= spec.latency.block <= spec.latency.rounds, "from 1 to rounds"),
        ("latency.warmup", spec.latency.warmup >= 0, "at least 0"),
        ("latency.budget_s", spec.latency.budget_s > 0, "above 0"),
    )
    for key, valid, span in rules:
        if not valid:
            raise SpecError(
                f"{key} is outside its range", where=spec.origin, remedy=f"Valid: {span}"
            )
    for images in (spec.images, *(m.images for m in spec.models.values() if m.images)):
        for count in (images.max_calibration, images.max_evaluation):
            if count is not None and count < 1:
                raise SpecError(
                    f"a maximum of {count} images is not valid",
                    where=f"{spec.origin}: images",
                    remedy="Write at least 1, or leave the key out",
                )
