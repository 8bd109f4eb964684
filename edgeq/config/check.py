"""Checks that need the whole spec: names that refer to others or collide, and contradictions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from edgeq.config.functions import FUNCTION, is_function
from edgeq.config.gates import GATES
from edgeq.config.limits import limits_for
from edgeq.config.markers import COST_MARKERS
from edgeq.config.methods import (
    CLASSIFIER_ENGINE,
    ENGINES,
    METHODS,
    MethodChoice,
    choose,
    require_classifier,
)
from edgeq.config.presets import PREPROCESSING
from edgeq.config.ranges import check_ranges
from edgeq.config.structs import Classifier, Images, Model, ReadyVariant, Samples, Spec
from edgeq.config.tables import header, key_text
from edgeq.config.target_kinds import LOCAL, target_named
from edgeq.errors import SpecError
from edgeq.io.files import is_portable
from edgeq.registry import unknown

BASELINE = "baseline"
_CLUSTER = re.compile(r"ray|(ray://)?[\w.\-\[\]:]+:\d{1,5}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_TARGET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""A target's name has no ``@``, which separates it from a case's name."""
_ROUNDING = 1e-9
MAX_NAME_LENGTH = 100
"""Maximum length of a name: file names have at most 255 characters, with endings and hashes."""


def check(spec: Spec, *, needs_models: bool = True) -> None:
    """Check everything that a single key can't show.

    ``needs_models`` is False for a spec that is read only for its targets.

    Raises:
        SpecError: Something is not valid; names the key, its value and what is valid.
    """
    where = spec.origin
    if needs_models and not spec.models:
        raise SpecError(
            "no model is declared",
            where=where,
            remedy=f'Add {header(where, "models", "NAME")} with source = "..."',
        )
    if spec.engine is not None and spec.engine not in ENGINES:
        raise unknown("engine", spec.engine, ENGINES, where=f"{where}: engine")
    check_ranges(spec)
    _check_folders(spec)
    _check_sets(spec.images, f"{where}: images")
    _check_methods(spec.methods, f"{where}: methods", spec.engine)
    for name, model in spec.models.items():
        _check_name("model", name, where)
        _check_model(model, f"{where}: {key_text('models', name)}", spec)
    for name, variant in spec.variants.items():
        _check_name("variant", name, where)
        _check_variant(name, variant, f"{where}: {key_text('variants', name)}", spec)
    _check_targets(spec)
    _check_cluster(spec)
    _check_training(spec)
    check_names(spec, {name: _method_names(spec, name) for name in spec.models})
    _check_gates(spec)
    check_limits(spec)


def _check_cluster(spec: Spec) -> None:
    address = spec.run.cluster
    if address is not None and not _CLUSTER.fullmatch(address):
        raise SpecError(
            f"{address!r} is not the address of a cluster",
            where=f"{spec.origin}: run.cluster",
            remedy='Write "ray" for the cluster that this machine belongs to, or "HOST:PORT"',
        )


def _check_training(spec: Spec) -> None:
    train = spec.repairing.train
    if train is not None and not is_function(train):
        raise SpecError(
            f"{train!r} names no function", where=f"{spec.origin}: repair.train", remedy=FUNCTION
        )


def _check_name(kind: str, name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"{kind} name {name!r} is not valid",
            where=where,
            remedy="Use letters, digits and . _ - + @, beginning with a letter or digit",
        )


def _check_path(text: str | None, where: str) -> None:
    if text is None:
        return
    if not text.strip() or "\0" in text:
        raise SpecError(
            f"{text!r} names no file or folder", where=where, remedy="Write its path or name"
        )
    try:
        Path(text).expanduser()
    except RuntimeError as error:
        raise SpecError(
            f"{text!r} refers to the home folder of an unknown user",
            where=where,
            remedy="Write a path that begins with ~/ or with /, or a relative one",
        ) from error


def _check_folders(spec: Spec) -> None:
    for key in ("reports", "store"):
        text = getattr(spec, key)
        _check_path(text, f"{spec.origin}: {key}")
        try:
            itself = spec.path(text).resolve() == spec.root.resolve()
        except RuntimeError as error:  # only before Python 3.13
            raise SpecError(
                f"{text!r} is a symbolic link that leads to itself",
                where=f"{spec.origin}: {key}",
                remedy="Replace the link, or name another folder",
            ) from error
        if itself:
            raise SpecError(
                f"{text!r} is the folder of the spec itself",
                where=f"{spec.origin}: {key}",
                remedy="Name another folder",
            )


def _check_sets(images: Images | Samples, where: str) -> None:
    for key in ("calibration", "evaluation", "labels"):
        _check_path(getattr(images, key), f"{where}.{key}")


def _check_methods(
    methods: tuple[str, ...],
    where: str,
    engine: str | None,
    classifier: Classifier | None = None,
) -> None:
    named: dict[tuple[str, str], str] = {}
    for text in methods:
        choice = choose(text, engine=engine, classifier=classifier, where=where)
        before = named.setdefault((choice.method, choice.engine), text)
        if before != text:
            raise SpecError(
                f"{before!r} and {text!r} are the same method, made by the same engine",
                where=where,
                remedy="Keep one of them",
            )
    if len(named) != len(methods):
        raise SpecError("a method is named twice", where=where, remedy="Name it once")


def _check_model(model: Model, where: str, spec: Spec) -> None:
    if model.methods is not None:
        _check_methods(model.methods, f"{where}.methods", spec.engine, model.classifier)
    elif model.classifier is not None:
        _check_methods(spec.methods, f"{spec.origin}: methods", spec.engine, model.classifier)
    if model.images is not None:
        _check_sets(model.images, f"{where}.images")
    _check_arrays(model, where)
    if isinstance(model.preprocessing, str):
        PREPROCESSING.get(model.preprocessing, where=f"{where}.preprocessing")
    require_classifier(
        model.classifier,
        spec.methods if model.methods is None else model.methods,
        where=f"{where}.classifier",
    )
    for key in ("source", "weights", "labels"):
        _check_path(getattr(model, key), f"{where}.{key}")
    if model.weights == "random" and not model.allow_random_weights:
        raise SpecError(
            'weights = "random" needs a declaration, because predictions then mean nothing',
            where=where,
            remedy="Add allow_random_weights = true, or name trained weights",
        )


def _check_arrays(model: Model, where: str) -> None:
    """Check the arrays of a model that takes no photographs."""
    arrays = model.arrays
    if arrays is None:
        return
    _check_sets(arrays, f"{where}.samples")
    for key in ("images", "preprocessing", "input_size", "detection"):
        if getattr(model, key) is not None:
            raise SpecError(
                f"`{key}` is about photographs, but the model's `samples` are arrays",
                where=f"{where}.{key}",
                remedy="Remove one of the two",
            )


def _check_variant(name: str, variant: ReadyVariant, where: str, spec: Spec) -> None:
    if variant.model not in spec.models:
        raise unknown("model", variant.model, spec.models, where=where)
    _check_origin(variant, where, spec)
    if isinstance(variant.preprocessing, str):
        PREPROCESSING.get(variant.preprocessing, where=f"{where}.preprocessing")
    for key in ("file", "labels", "evaluation"):
        _check_path(getattr(variant, key), f"{where}.{key}")
    arrays = spec.models[variant.model].arrays is not None
    for key in ("evaluation", "preprocessing", "input_size"):
        if arrays and getattr(variant, key) is not None:
            raise SpecError(
                f"`{key}` is about photographs, but the samples of {variant.model!r} are arrays",
                where=f"{where}.{key}",
                remedy="Remove the key: arrays are given to every variant by its own scale",
            )
    if variant.evaluation is not None and spec.images_of(variant.model, "evaluation") is None:
        raise SpecError(
            f"{variant.model!r} has no evaluation set to pair these samples with",
            where=f"{where}.evaluation",
            remedy=f"Set `evaluation` in {header(spec.origin, 'images')}",
        )
    names = {word for model in spec.models for word in _method_names(spec, model)}
    if name in names or name == BASELINE:
        raise SpecError(
            f"the name {name!r} is taken" + ("" if name == BASELINE else " by a method"),
            where=where,
            remedy="Give the variant a name of its own",
        )


def _check_origin(variant: ReadyVariant, where: str, spec: Spec) -> None:
    if variant.file is not None:
        if variant.method is not None:
            METHODS.get(variant.method, where=where)
        claims = [] if variant.method is None else [variant.method]
        require_classifier(variant.classifier, claims, where=f"{where}.classifier")
        _refuse_changes(variant, where)
        return
    if variant.method is None:
        raise SpecError(
            "names neither a file nor a method that makes one",
            where=where,
            remedy='Add file = "....tflite" for a ready-made variant, or method = "int8"',
        )
    choice = choose(
        variant.method,
        engine=spec.engine,
        classifier=variant.classifier,
        units=variant.precisions,
        where=f"{where}.method",
    )
    _check_making(variant, choice, where)
    twice = sorted(set(variant.units) & set(variant.float_units))
    if twice:
        raise SpecError(
            f"{twice[0]!r} is in `units` and in `float_units`",
            where=where,
            remedy="Keep one of them",
        )
    require_classifier(variant.classifier, [variant.method], where=f"{where}.classifier")
    for key in ("labels", "input_size"):
        if getattr(variant, key) is not None:
            raise SpecError(
                "a variant that edgeq makes has its baseline's",
                where=f"{where}.{key}",
                remedy="Remove the key, or name the `file` that it is about",
            )


def using(spec: Spec, targets: Sequence[str]) -> Spec:
    """Return a spec that uses other targets than it says.

    Raises:
        SpecError: A target is not declared, or named twice.
    """
    chosen = msgspec.structs.replace(spec.targets, use=tuple(targets))
    spec = msgspec.structs.replace(spec, targets=chosen)
    _check_targets(spec)
    return spec


def _check_targets(spec: Spec) -> None:
    declared = spec.targets.declared
    for name in declared:
        if not _TARGET_NAME.fullmatch(name):
            raise SpecError(
                f"target name {name!r} is not valid",
                where=spec.origin,
                remedy="Use letters, digits and . _ - +, beginning with a letter or digit",
            )
        if name == LOCAL or name in ENGINES:  # a method may be written METHOD@ENGINE
            raise SpecError(
                f"the name {name!r} is taken",
                where=f"{spec.origin}: {key_text('targets', name)}",
                remedy="Give the target a name of its own",
            )
    where = f"{spec.origin}: targets"
    for name in spec.targets.use:
        target_named(name, declared, where=where)
    if len(set(spec.targets.use)) != len(spec.targets.use):
        raise SpecError("a target is named twice", where=where, remedy="Name it once")
    for name in spec.variants:
        if name.rpartition("@")[2] in {*spec.targets.use} - {LOCAL}:
            raise SpecError(
                f"variant name {name!r} is that of a variant on a target",
                where=spec.origin,
                remedy="Rename the variant or the target",
            )
    if not spec.targets.use:
        raise SpecError("no target is named", where=where, remedy="Name at least one")


def _refuse_changes(variant: ReadyVariant, where: str) -> None:
    """Refuse what says how a variant is made, of a file that is made already.

    Raises:
        SpecError: With the key.
    """
    keys = ("units", "float_units", "percentile", "prune", "fold_preprocessing")
    for key in keys:
        if getattr(variant, key):
            raise SpecError(
                "the file is already made, so nothing can be changed in it",
                where=f"{where}.{key}",
                remedy=f"Remove `{key}`, or `file`",
            )


def _check_making(variant: ReadyVariant, choice: MethodChoice, where: str) -> None:
    """Check the keys, apart from the method, that say how a variant is made.

    Raises:
        SpecError: The engine can't do it.
    """
    for key in ("percentile", "prune", "fold_preprocessing"):
        if getattr(variant, key) not in {None, False} and choice.engine != CLASSIFIER_ENGINE:
            raise SpecError(
                f"the engine {choice.engine!r} knows nothing of it",
                where=f"{where}.{key}",
                remedy=f"Write method = '{choice.method}@{CLASSIFIER_ENGINE}', or remove the key",
            )
    if variant.percentile is not None and not choice.needs_calibration:
        raise SpecError(
            f"{choice.method} has no ranges of activations",
            where=f"{where}.percentile",
            remedy="Remove the key, or choose a method that is calibrated",
        )


def _method_names(spec: Spec, model: str) -> set[str]:
    """Return the names of a model's methods, with and without ``@ENGINE``."""
    texts = spec.methods_of(model)
    return {*texts, *(text.partition("@")[0] for text in texts)}


def _check_gates(spec: Spec) -> None:
    used = {word for model in spec.models for word in _method_names(spec, model)}
    used |= set(spec.variants)
    used |= {(variant.method or "").partition("@")[0] for variant in spec.variants.values()} - {""}
    for name in (*spec.gates.by_method, *spec.gates.off):
        where = f"{spec.origin}: {key_text('gates', name)}"
        both = set(spec.gates.off.get(name, ())) & set(spec.gates.limits(name))
        if both:
            raise SpecError(
                f"{min(both)} is switched off and has a limit",
                where=where,
                remedy="Keep one of them",
            )
        if not name or name in used:
            continue
        if name in METHODS:
            raise SpecError(
                f"limits are set for {name!r}, which no model uses",
                where=where,
                remedy="Add it to methods, or remove its limits",
            )
        raise unknown("method or variant", name, used, where=where)
    for name in spec.without:
        if name not in COST_MARKERS:
            raise unknown("marker", name, COST_MARKERS, where=f"{spec.origin}: without")
    for name in spec.allow_missing:
        GATES.get(name, where=f"{spec.origin}: allow_missing")


def check_limits(spec: Spec) -> None:
    """Refuse limits that contradict each other.

    Most gates limit different things, or the same thing from one side. A required rise in accuracy
    is the exception: accuracy can rise only by the share of images whose predicted class changes.

    Raises:
        SpecError: No variant could meet both limits.
    """
    for variant, method in _variants(spec):
        limits = limits_for(spec, variant, method)
        rise = -limits.get("accuracy_drop", 0.0)
        changes = 1.0 - limits.get("top1_agreement", 0.0)
        if rise > changes + _ROUNDING:
            raise SpecError(
                f"accuracy_drop = {-rise:g} and top1_agreement = {1.0 - changes:g} contradict each "
                f"other for {variant!r}: accuracy must rise by {rise:g}, and no more than "
                f"{changes:g} of the predictions may change",
                where=f"{spec.origin}: gates",
                remedy="Loosen one of them",
            )


def _variants(spec: Spec) -> Iterator[tuple[str, str | None]]:
    for model in spec.models:
        for text in spec.methods_of(model):
            yield text, choose(text, engine=spec.engine).method
    for name, own in spec.variants.items():
        by_method = own.file is None and own.method is not None
        yield name, choose(own.method or "", engine=spec.engine).method if by_method else own.method


def check_names(spec: Spec, methods: Mapping[str, Collection[str]]) -> None:
    """Check that the names of models, variants and targets do not collide.

    File systems of Windows and macOS ignore case, and a test is called ``MODEL-VARIANT``.
    ``methods`` has the names of the variants that methods make, by model; each name in the spec is
    valid by itself.

    Raises:
        SpecError: A name can't be a file name on every system, or two names collide.
    """
    declared = spec.targets.declared
    named: Mapping[str, Collection[str]]
    named = {"models": spec.models, "variants": spec.variants, "targets": declared}
    for kind, names in named.items():
        for name in names:
            _check_file_name(name, f"{spec.origin}: {key_text(kind, name)}")
    _check_distinct([(name, f"the model {name!r}") for name in spec.models], spec.origin, "files")
    targets = [(name, f"the target {name!r}") for name in spec.targets.declared]
    _check_distinct(targets, spec.origin, "files")
    pairs = list(_pairs(spec, methods))
    for model in spec.models:
        own = [(variant, f"the variant {variant!r}") for name, variant in pairs if name == model]
        _check_distinct(own, spec.origin, f"files of {model!r}")
    ids = [(f"{model}-{variant}", f"{model}/{variant}") for model, variant in pairs]
    _check_distinct(ids, spec.origin, "ids of tests")


def _pairs(spec: Spec, methods: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    """Yield the model and variant of everything that is tested."""
    for model in spec.models:
        ready = [name for name, ready_made in spec.variants.items() if ready_made.model == model]
        for variant in (*sorted(methods[model]), *ready):
            yield model, variant


def _check_file_name(name: str, where: str) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise SpecError(
            f"a name of {len(name)} characters is too long for a file",
            where=where[:MAX_NAME_LENGTH],
            remedy=f"Use at most {MAX_NAME_LENGTH}",
        )
    if not is_portable(name):
        raise SpecError(
            "is not a valid file name on every system", where=where, remedy="Choose another name"
        )


def _check_distinct(names: list[tuple[str, str]], where: str, used: str) -> None:
    """Refuse names that differ only in case."""
    seen: dict[str, str] = {}
    for name, what in names:
        other = seen.setdefault(name.casefold(), what)
        if other != what:
            raise SpecError(
                f"{other} and {what} collide in {used}, where both are {name.casefold()!r}",
                where=where,
                remedy="Rename one of them; upper and lower case make no difference",
            )
