"""What each method of quantization is, what it needs, and what it must show in the file.

How a method is made is the business of ``edgeq.quantize``; this table is data that the spec is
checked against and that the proofs of ``edgeq.judge`` compare files with. Other packages add
methods by entry points of the group ``edgeq.methods``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edgeq.config.structs import Classifier, Precision, StoredWeights
from edgeq.errors import SpecError
from edgeq.registry import Extensible, unknown

ENGINES = ("litert", "tensorflow")
CLASSIFIER_ENGINE = "litert"
"""The engine that can quantize single layers in another way."""
FLOAT32: Precision = "float32"


@dataclass(frozen=True)
class Method:
    """One way to quantize.

    Attributes:
        name: The name in a spec.
        summary: What it does, for people.
        engines: Engines that can make it, the default one first. The order is justified by
            ``benchmarks/engines.md``.
        needs_calibration: Whether it needs a calibration set.
        weight_types: Element types of which at least one must hold most of the weights' bytes.
        activation_types: Types allowed for the outputs of compute operators (convolutions,
            matrix products), empty if any will do.
        io_types: Types allowed for the model's inputs and outputs.
        weights_dequantized: Whether weights are made float before operators take them (True:
            float arithmetic) or taken as stored (False: activations are quantized while
            running); None if the types above say it already.
        stored_weights: How its weights come from the baseline's: ``"quantized"`` channel by
            channel, ``"per_tensor"``, or ``"trained"`` for methods that change them on purpose,
            which waives the proof of what is stored. Of a ``"per_tensor"`` method the file must
            show one scale for each layer.
        classifiers: How the dense layers that give the outputs may be quantized in another way.
        finer: The method that quantizes the same with finer scales; what coarser ones cost beside
            it is measured and said. None if there is none.
        recipes: How engines make it, by the engine's name, over the engines' own recipes: an
            ``edgeq.LitertRecipe`` for ``"litert"``.
        limits: Default limits by gate. The presets hold those of our own methods; one from
            elsewhere without any is refused, because anything would pass.
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
        """Whether the arithmetic is not that of floats."""
        return self.weights_dequantized is False or "float32" not in self.activation_types


_FLOAT = frozenset({"float32"})
_INT8 = frozenset({"int8"})
_CLASSIFIERS: tuple[Classifier, ...] = ("int4", "dynamic")
# TensorFlow Lite's first 8-bit files are unsigned throughout; later ones at the borders alone.
_8_BITS = frozenset({"int8", "uint8"})


class Methods(Extensible[Method]):
    """The methods; those of other packages must bring limits, and a recipe for each engine."""

    def check(self, row: Method, where: str) -> None:
        """Refuse a method without limits or recipes.

        Raises:
            SpecError: It has none, or names an engine that there is not.
        """
        if not row.limits:
            raise SpecError(
                f"the method {row.name!r} has no default limits, so anything would pass",
                where=where,
                remedy='Give it limits = {"top1_agreement": ..., "relative_error": ...}',
            )
        for engine in row.engines:
            if engine not in ENGINES:
                raise unknown("engine", engine, ENGINES, where=where)
            if engine not in row.recipes:
                raise SpecError(
                    f"the method {row.name!r} has no recipe for the engine {engine!r}",
                    where=where,
                    remedy=f'Give it recipes = {{"{engine}": edgeq.LitertRecipe(...)}}',
                )


METHODS = Methods(
    "method",
    Method,
    "edgeq.methods",
    [
        Method(
            "dynamic_range",
            "int8 weights; activations quantized while running",
            ("litert", "tensorflow"),
            needs_calibration=False,
            weight_types=_INT8,
            activation_types=_FLOAT,
            io_types=_FLOAT,
            weights_dequantized=False,
            classifiers=("int4",),
        ),
        Method(
            "float16",
            "float16 weights, float arithmetic",
            ("litert", "tensorflow"),
            needs_calibration=False,
            weight_types=frozenset({"float16"}),
            activation_types=_FLOAT,
            io_types=_FLOAT,
        ),
        Method(
            "int8",
            "int8 weights, activations, input and output",
            ("litert", "tensorflow"),
            needs_calibration=True,
            weight_types=_INT8,
            activation_types=_INT8,
            io_types=_INT8,
            classifiers=_CLASSIFIERS,
        ),
        Method(
            "int8_float_io",
            "int8 weights and activations, float input and output",
            ("litert", "tensorflow"),
            needs_calibration=True,
            weight_types=_INT8,
            activation_types=_INT8,
            io_types=_FLOAT,
            classifiers=_CLASSIFIERS,
        ),
        Method(
            "int8_uint8_io",
            "8-bit weights and activations, uint8 input and output",
            ("litert", "tensorflow"),
            needs_calibration=True,
            weight_types=_8_BITS,
            activation_types=_8_BITS,
            io_types=frozenset({"uint8"}),
            classifiers=_CLASSIFIERS,
        ),
        Method(
            "int8_per_tensor",
            "int8 like int8, with one scale for all channels of a layer's weights",
            ("litert", "tensorflow"),
            needs_calibration=True,
            weight_types=_INT8,
            activation_types=_INT8,
            io_types=_8_BITS | _FLOAT,
            stored_weights="per_tensor",
            finer="int8",
        ),
        Method(
            "weight_only_int8",
            "int8 weights, float arithmetic",
            ("litert",),
            needs_calibration=False,
            weight_types=_INT8,
            activation_types=_FLOAT,
            io_types=_FLOAT,
            weights_dequantized=True,
            classifiers=_CLASSIFIERS,
        ),
        Method(
            "int16x8",
            "int8 weights, int16 activations, input and output",
            ("litert", "tensorflow"),
            needs_calibration=True,
            weight_types=_INT8,
            activation_types=frozenset({"int16"}),
            io_types=frozenset({"int16", "float32"}),
        ),
        Method(
            "weight_only_int4",
            "int4 weights, float arithmetic",
            ("litert",),
            needs_calibration=False,
            weight_types=frozenset({"int4"}),
            activation_types=_FLOAT,
            io_types=_FLOAT,
            weights_dequantized=True,
        ),
        Method(
            "dynamic_int2",
            "int2 weights; activations quantized while running (experimental)",
            ("litert",),
            needs_calibration=False,
            weight_types=frozenset({"int2"}),
            activation_types=_FLOAT,
            io_types=_FLOAT,
            weights_dequantized=False,
        ),
    ],
)


Units = tuple[tuple[str, Precision], ...]
"""Units of a model with how they are quantized, by name."""


@dataclass(frozen=True)
class MethodChoice:
    """A method as a spec asks for it: ``"int8"``, or ``"int8@tensorflow"`` to name the engine.

    Attributes:
        label: The text in the spec; names the variant.
        method: Name in ``METHODS``.
        engine: Name in ``ENGINES``.
        classifier: How the dense layers that give the outputs are quantized, None for like the
            others.
        units: Units that are quantized in another way than the method's, by name.
    """

    label: str
    method: str
    engine: str
    classifier: Classifier | None = None
    units: Units = ()

    @property
    def needs_calibration(self) -> bool:
        """Whether the method, or that of a unit, needs a calibration set."""
        return any(part.needs_calibration for part in self.parts)

    @property
    def quantizes_activations(self) -> bool:
        """Whether the arithmetic of the method, or of a unit, is not that of floats."""
        return any(part.quantizes_activations for part in self.parts)

    @property
    def claim(self) -> Method:
        """What a file must show: the method, with the types of all that its units are made by.

        A unit in float32 leaves float32 results; its weights are not what the others' bytes are
        compared with.
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
        """The method, then those of its units that are not in float32."""
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
    """Return the method and engine that a text of a spec asks for.

    Args:
        text: ``METHOD`` or ``METHOD@ENGINE``.
        engine: The spec's own engine, used where the text names none and the method has it.
        classifier: The model's or variant's own; a method that can't have it goes without.
        units: Units that are quantized in another way than the method's.
        where: The place in the spec, for errors.

    Raises:
        SpecError: The method or engine is unknown, or the engine can't make the method.
    """
    name, _, own = text.partition("@")
    method = METHODS.get(name, where=where)
    if units:
        head = classifier if classifier in method.classifiers else None
        return _mixed(MethodChoice(text, name, CLASSIFIER_ENGINE, head, units), own, where)
    if classifier in method.classifiers:
        if own and own != CLASSIFIER_ENGINE:
            raise SpecError(
                f"engine {own!r} can't quantize a classifier in its own way",
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
    """Return the choice of a method whose units are not all quantized alike.

    Args:
        choice: With the units.
        engine: That the spec names for it, ``""`` if it names none.
        where: The place in the spec, for errors.

    Raises:
        SpecError: No engine can make it.
    """
    if engine not in {"", CLASSIFIER_ENGINE} or METHODS.get(choice.method).recipes:
        raise SpecError(
            f"single units of {choice.label!r} can't be quantized in another way",
            where=where,
            remedy=f"Only edgeq's own methods and the engine {CLASSIFIER_ENGINE!r} can; remove the "
            "units, or name one of those",
        )
    if len({part.activation_types for part in choice.parts if part.needs_calibration}) > 1:
        raise SpecError(
            "activations of 8 and of 16 bits can't be mixed",
            where=where,
            remedy="Name float32 or a method without calibration for these units",
        )
    return choice


def require_classifier(
    classifier: Classifier | None, methods: Iterable[str], *, where: str
) -> None:
    """Refuse a classifier that none of some methods can have.

    Args:
        classifier: As a spec has it.
        methods: As a spec has them.
        where: The place in the spec.

    Raises:
        SpecError: None of them can.
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
