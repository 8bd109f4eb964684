"""The quantization methods: what each is, what it needs, and what a file must show.

How a method is made is left to ``edgeq.quantize``. This table is data: the spec is checked against
it, and the proofs of ``edgeq.judge`` compare files with it. Other packages add methods by entry
points of the group ``edgeq.methods``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from edgeq.config.structs import Classifier, Precision, StoredWeights
from edgeq.errors import SpecError
from edgeq.registry import Extensible, unknown

ENGINES = ("litert", "tensorflow")
CLASSIFIER_ENGINE = "litert"
"""The engine that can quantize single layers differently from the rest."""
FLOAT32: Precision = "float32"


@dataclass(frozen=True)
class Method:
    """One way to quantize.

    Attributes:
        name: Name in a spec.
        summary: What it does, for people.
        engines: Engines that can make it, the default first. ``benchmarks/engines.md`` justifies
            the order.
        needs_calibration: Whether it needs a calibration set.
        weight_types: Element types, at least one of which must hold most of the weights' bytes.
        activation_types: Types allowed for the outputs of compute operators (convolutions,
            matrix products), or empty if any is allowed.
        io_types: Types allowed for the model's inputs and outputs.
        weights_dequantized: Whether weights are converted to float before operators use them (True:
            float arithmetic) or used as stored (False: activations are quantized at run time). None
            if the types above determine it.
        stored_weights: How its weights come from the baseline's: ``"quantized"`` channel by
            channel, ``"per_tensor"``, or ``"trained"`` for methods that change them on purpose,
            which waives the proof of what is stored. For ``"per_tensor"``, the file must have one
            scale per layer.
        classifiers: How the dense layers that give the outputs may be quantized differently.
        finer: Method that does the same with finer scales, or None. The cost of the coarser scales
            is measured against it and reported.
        recipes: How engines make it, by name of the engine: an ``edgeq.LitertRecipe`` for
            ``"litert"``. They override the engines' own recipes.
        limits: Default limits by gate. The presets have those of edgeq's own methods. A method
            from another package must set some, because otherwise anything would pass.
    """

    name: str
    summary: str
    engines: tuple[str, ...]
    needs_calibration: bool
    weight_types: frozenset[str]
    activation_types: frozenset[str]
    io_types: frozenset[str]
    weights_dequantized: bool | None = None
    stored_weights: StoredWeights = "quantized"
    classifiers: tuple[Classifier, ...] = ()
    finer: str | None = None
    recipes: Mapping[str, object] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def quantizes_activations(self) -> bool:
        """Whether the arithmetic is not float arithmetic."""
        return self.weights_dequantized is False or "float32" not in self.activation_types


_FLOAT = frozenset({"float32"})
_INT8 = frozenset({"int8"})
_CLASSIFIERS: tuple[Classifier, ...] = ("int4", "dynamic")
# TensorFlow Lite's first 8-bit files are unsigned throughout, later ones only at input and output.
_8_BITS = frozenset({"int8", "uint8"})


class Methods(Extensible[Method]):
    """The methods. Those of other packages must have limits, and a recipe for each engine."""

    def check(self, row: Method, where: str) -> None:
        """Refuse a method without limits or recipes.

        Raises:
            SpecError: It has none, or names an unknown engine.
        """
        if not row.limits:
            raise SpecError(
                f"the method {row.name!r} has no default limits, so anything would pass",
                where=where,
                remedy='Set limits = {"top1_agreement": ..., "relative_error": ...}',
            )
        for engine in row.engines:
            if engine not in ENGINES:
                raise unknown("engine", engine, ENGINES, where=where)
            if engine not in row.recipes:
                raise SpecError(
                    f"the method {row.name!r} has no recipe for the engine {engine!r}",
                    where=where,
                    remedy=f'Set recipes = {{"{engine}": edgeq.LitertRecipe(...)}}',
                )


_in_floats = partial(Method, needs_calibration=False, activation_types=_FLOAT, io_types=_FLOAT)
_calibrated = partial(
    Method, engines=("litert", "tensorflow"), needs_calibration=True, weight_types=_INT8
)

METHODS = Methods(
    "method",
    Method,
    "edgeq.methods",
    [
        _in_floats(
            "dynamic_range",
            "int8 weights; activations quantized at run time",
            ("litert", "tensorflow"),
            weight_types=_INT8,
            weights_dequantized=False,
            classifiers=("int4",),
        ),
        _in_floats(
            "float16",
            "float16 weights, float arithmetic",
            ("litert", "tensorflow"),
            weight_types=frozenset({"float16"}),
        ),
        _calibrated(
            "int8",
            "int8 weights, activations, input and output",
            activation_types=_INT8,
            io_types=_INT8,
            classifiers=_CLASSIFIERS,
        ),
        _calibrated(
            "int8_float_io",
            "int8 weights and activations, float input and output",
            activation_types=_INT8,
            io_types=_FLOAT,
            classifiers=_CLASSIFIERS,
        ),
        _calibrated(
            "int8_uint8_io",
            "8-bit weights and activations, uint8 input and output",
            weight_types=_8_BITS,
            activation_types=_8_BITS,
            io_types=frozenset({"uint8"}),
            classifiers=_CLASSIFIERS,
        ),
        _calibrated(
            "int8_per_tensor",
            "as int8, with one scale for all channels of a layer's weights",
            activation_types=_INT8,
            io_types=_8_BITS | _FLOAT,
            stored_weights="per_tensor",
            finer="int8",
        ),
        _in_floats(
            "weight_only_int8",
            "int8 weights, float arithmetic",
            ("litert",),
            weight_types=_INT8,
            weights_dequantized=True,
            classifiers=_CLASSIFIERS,
        ),
        _calibrated(
            "int16x8",
            "int8 weights, int16 activations, input and output",
            activation_types=frozenset({"int16"}),
            io_types=frozenset({"int16", "float32"}),
        ),
        _in_floats(
            "weight_only_int4",
            "int4 weights, float arithmetic",
            ("litert",),
            weight_types=frozenset({"int4"}),
            weights_dequantized=True,
        ),
        _in_floats(
            "dynamic_int2",
            "int2 weights; activations quantized at run time (experimental)",
            ("litert",),
            weight_types=frozenset({"int2"}),
            weights_dequantized=False,
        ),
    ],
)


Units = tuple[tuple[str, Precision], ...]
"""Pairs of a unit of a model and its precision, sorted by name."""


@dataclass(frozen=True)
class MethodChoice:
    """A method as requested in a spec: ``"int8"``, or ``"int8@tensorflow"`` to name the engine.

    Attributes:
        label: The text in the spec, which names the variant.
        method: Name in ``METHODS``.
        engine: Name in ``ENGINES``.
        classifier: How the dense layers that give the outputs are quantized, or None for the same
            as the others.
        units: Units that are quantized differently from the method, by name.
        percentile: Of the ranges of activations, or None for the method's own.
        prune: The share of each layer's weights that becomes zero first, or None for none.
        fold_preprocessing: Whether the first convolution does the model's own preprocessing.
    """

    label: str
    method: str
    engine: str
    classifier: Classifier | None = None
    units: Units = ()
    percentile: float | None = None
    prune: float | None = None
    fold_preprocessing: bool = False

    @property
    def is_tuned(self) -> bool:
        """Whether units or ranges are not as the method has them, and nothing else is changed."""
        return bool(self.units or self.percentile) and self.prune is None

    @property
    def needs_calibration(self) -> bool:
        """Whether the method, or that of any unit, needs a calibration set."""
        return any(part.needs_calibration for part in self.parts)

    @property
    def quantizes_activations(self) -> bool:
        """Whether the arithmetic of the method, or of any unit, is not float arithmetic."""
        return any(part.quantizes_activations for part in self.parts)

    @property
    def claim(self) -> Method:
        """What a file must show: the method, with the types of all its units added.

        A unit in float32 leaves float32 results. Its weights are not among those that the other
        units' bytes are compared with.
        """
        if not self.units:
            return METHODS.get(self.method)
        base = METHODS.get(self.method)
        floats = _FLOAT if any(name == FLOAT32 for _, name in self.units) else frozenset[str]()
        routes = {part.weights_dequantized for part in self.parts}
        return replace(
            base,
            weight_types=frozenset[str]().union(
                *(part.weight_types for part in self.parts), floats
            ),
            activation_types=frozenset[str]().union(
                *(part.activation_types for part in self.parts), floats
            ),
            weights_dequantized=base.weights_dequantized if len(routes) == 1 else None,
        )

    @property
    def parts(self) -> tuple[Method, ...]:
        """The method and those of its units, without float32."""
        names = dict.fromkeys([self.method, *(name for _, name in self.units if name != FLOAT32)])
        return tuple(METHODS.get(name) for name in names)


def choose(
    text: str,
    *,
    engine: str | None = None,
    classifier: Classifier | None = None,
    units: Units = (),
    where: str | None = None,
) -> MethodChoice:
    """Parse the method and engine that a spec requests.

    Args:
        text: ``METHOD`` or ``METHOD@ENGINE``.
        engine: The spec's default engine, used if the text names none and it can make the method.
        classifier: The model's or variant's classifier, ignored if the method can't have it.
        units: Units that are quantized differently from the method.
        where: Location in the spec, for errors.

    Raises:
        SpecError: The method or engine is unknown, or the engine can't make the method.
    """
    name, at, own = text.partition("@")
    method = METHODS.get(name, where=where)
    if at and not own:
        raise unknown("engine", own, ENGINES, where=where)
    if units:
        head = classifier if classifier in method.classifiers else None
        return _mixed(MethodChoice(text, name, CLASSIFIER_ENGINE, head, units), own, where)
    if classifier in method.classifiers:
        if own and own != CLASSIFIER_ENGINE:
            raise SpecError(
                f"engine {own!r} can't quantize a classifier differently",
                where=where,
                remedy=f"Write {name!r} or '{name}@{CLASSIFIER_ENGINE}', or remove `classifier`",
            )
        return MethodChoice(text, name, CLASSIFIER_ENGINE, classifier)
    chosen = own or engine
    if chosen is None:
        return MethodChoice(text, name, method.engines[0])
    if chosen not in ENGINES:
        raise unknown("engine", chosen, ENGINES, where=where)
    if chosen in method.engines:
        return MethodChoice(text, name, chosen)
    if own:
        raise SpecError(
            f"engine {own!r} can't make the method {name!r}",
            where=where,
            remedy=f"Engines that can: {', '.join(method.engines)}",
        )
    return MethodChoice(text, name, method.engines[0])


def _mixed(choice: MethodChoice, engine: str, where: str | None) -> MethodChoice:
    """Check the choice of a method whose units are not all quantized the same way; return it.

    Raises:
        SpecError: No engine can make it.
    """
    if engine not in {"", CLASSIFIER_ENGINE} or METHODS.get(choice.method).recipes:
        raise SpecError(
            f"single units of {choice.label!r} can't be quantized differently",
            where=where,
            remedy=f"Only edgeq's own methods and the engine {CLASSIFIER_ENGINE!r} can; remove the "
            "units, or name one of those",
        )
    if len({part.activation_types for part in choice.parts if part.needs_calibration}) > 1:
        raise SpecError(
            "8-bit and 16-bit activations can't be mixed",
            where=where,
            remedy="Name float32 or a method without calibration for these units",
        )
    return choice


def require_classifier(
    classifier: Classifier | None, methods: Iterable[str], *, where: str
) -> None:
    """Refuse a classifier that none of the given methods can have.

    Raises:
        SpecError: None of the methods can have it.
    """
    names = [text.partition("@")[0] for text in methods]
    if classifier is None or any(classifier in METHODS.get(name).classifiers for name in names):
        return
    able = ", ".join(name for name, method in METHODS if classifier in method.classifiers)
    raise SpecError(
        f"no method here can have the classifier {classifier!r}",
        where=where,
        remedy=f"Methods that can: {able}",
    )
