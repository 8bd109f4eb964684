"""How each method is made by each engine, as data.

The recipes are part of a variant's address and manifest. The choices in them (percentile of the
ranges, how weights' scales are found, which weights stay in float32) are measured in
``benchmarks/engines.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from edgeq.config.structs import Classifier

MINMAX = "min_max_uniform_quantize"
MSE = "MSE"
SYMMETRIC_BITS = 16
INT8_ONLY = "TFLITE_BUILTINS_INT8"
NO_QUANTIZE = "no_quantize"
BORDERS = ("INPUT", "OUTPUT")
_EVERYTHING = "(?s:.*)"
"""Another pattern than that of the steps for all operators, so that it comes after those."""
WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of tensor is quantized; field names are litert-quantizer's.

    Attributes:
        num_bits: Width of an element.
        symmetric: Whether the zero point is 0.
        granularity: ``"CHANNELWISE"`` or ``"TENSORWISE"``.
        dtype: ``"INT"`` or ``"FLOAT"``.
    """

    num_bits: int
    symmetric: bool = True
    granularity: Literal["CHANNELWISE", "TENSORWISE"] = "CHANNELWISE"
    dtype: Literal["INT", "FLOAT"] = "INT"


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Settings of one step; field names are litert-quantizer's.

    Attributes:
        weight_tensor_config: How weights are quantized.
        activation_tensor_config: How activations are quantized, left out for methods that leave
            them in float32.
        compute_precision: ``"INTEGER"`` or ``"FLOAT"`` arithmetic.
        explicit_dequantize: Whether weights are turned into floats before the operator.
        min_weight_elements: Weights with fewer elements stay in float32.
    """

    weight_tensor_config: Numbers | msgspec.UnsetType = msgspec.UNSET
    activation_tensor_config: Numbers | msgspec.UnsetType = msgspec.UNSET
    compute_precision: Literal["INTEGER", "FLOAT"] = "INTEGER"
    explicit_dequantize: bool = False
    min_weight_elements: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for some operators; a later step wins. Field names are litert-quantizer's.

    Attributes:
        op_config: The settings.
        operation: An operator's name, ``"INPUT"``, ``"OUTPUT"``, or ``"*"`` for all.
        algorithm_key: How scales are found.
        regex: Names of the tensors that it holds for.
    """

    op_config: Settings
    operation: str = "*"
    algorithm_key: str = MINMAX
    regex: str = ".*"


class LitertRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """A method as litert-quantizer makes it.

    Attributes:
        steps: In order.
        percentile: Which range of an activation follows from the calibration images, see
            ``statistics.ranges``; None for methods that need none.
        unsigned_io: Whether input and output, which the library makes int8, become uint8 after
            it.
    """

    steps: tuple[Step, ...]
    percentile: float | None = None
    unsigned_io: bool = False


class TensorflowRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """A method as TensorFlow's converter makes it.

    Attributes:
        operators: ``"TFLITE_BUILTINS_INT8"`` and so on, a name in ``tf.lite.OpsSet``; None
            leaves the default.
        types: Names of types for ``target_spec.supported_types``.
        io_type: Type of the model's input and output.
        calibrated: Whether photographs are run through the model to find ranges.
        per_channel: Whether each channel of weights has a scale of its own.
    """

    operators: str | None = None
    types: tuple[str, ...] = ()
    io_type: str = "float32"
    calibrated: bool = False
    per_channel: bool = True

    @property
    def shares_calibration(self) -> bool:
        """Whether one calibrated file serves all such recipes: int8, whatever the input's type."""
        return self.calibrated and self.operators == INT8_ONLY


_FLOAT = Settings(compute_precision="FLOAT")


def weights_only(bits: int, *, dynamic: bool, least: int = 0) -> LitertRecipe:
    """Return the recipe of a method that quantizes weights alone.

    Args:
        bits: Width of a weight.
        dynamic: Whether kernels quantize activations while running; otherwise weights are
            turned into floats first.
        least: Weights with fewer elements stay in float32.
    """
    settings = Settings(
        weight_tensor_config=Numbers(num_bits=bits),
        compute_precision="INTEGER" if dynamic else "FLOAT",
        explicit_dequantize=not dynamic,
        min_weight_elements=least,
    )
    return LitertRecipe(steps=(Step(op_config=settings),))


def static(
    bits: int,
    *,
    percentile: float,
    io: Literal["integer", "float32", "uint8"] = "integer",
    weights: str = MINMAX,
    per_channel: bool = True,
) -> LitertRecipe:
    """Return the recipe of a method with int8 weights and integer activations.

    Args:
        bits: Width of activations; 16-bit ones are symmetric, as the kernels demand.
        percentile: See ``LitertRecipe``.
        io: Types of input and output: those of the activations, or others.
        weights: How the scales of weights are found, ``MINMAX`` or ``MSE``.
        per_channel: Whether each channel of weights has a scale of its own.
    """
    settings = Settings(
        weight_tensor_config=Numbers(
            num_bits=8, granularity="CHANNELWISE" if per_channel else "TENSORWISE"
        ),
        activation_tensor_config=Numbers(
            num_bits=bits,
            symmetric=bits == SYMMETRIC_BITS,
            granularity="TENSORWISE",
        ),
    )
    every = Step(op_config=settings)
    steps = [every]
    if weights != MINMAX:
        steps += [
            msgspec.structs.replace(every, operation=name, algorithm_key=weights)
            for name in WITH_WEIGHTS
        ]
    if io == "float32":
        untouched = Step(op_config=_FLOAT, algorithm_key=NO_QUANTIZE)
        steps += [msgspec.structs.replace(untouched, operation=name) for name in BORDERS]
    return LitertRecipe(steps=tuple(steps), percentile=percentile, unsigned_io=io == "uint8")


def head(settings: Settings, tensor: str, classifier: Classifier) -> Step:
    """Return the step for one dense layer that is quantized otherwise than the others.

    Args:
        settings: Those of the others.
        tensor: Name of the tensor that the layer computes.
        classifier: ``"int4"`` gives its weights 4 bits; ``"dynamic"`` 8 bits, and activations that
            are quantized while running.
    """
    weights = Numbers(num_bits=4 if classifier == "int4" else 8)
    if classifier == "int4":
        own = msgspec.structs.replace(settings, weight_tensor_config=weights, min_weight_elements=0)
    else:
        own = Settings(weight_tensor_config=weights)
    # The library looks for the pattern in names that it ends with a semicolon.
    return Step(op_config=own, operation="FULLY_CONNECTED", regex=f"^{re.escape(tensor)};$")


def mixed(
    base: LitertRecipe, units: Sequence[tuple[LitertRecipe | None, Sequence[str]]]
) -> LitertRecipe:
    """Return a recipe that makes some operators in another way than the others.

    Args:
        base: For all others, and for inputs and outputs.
        units: A recipe, None for float32, with the scopes of the operators that it is for: the
            names of the tensors that one computes, each ended with a semicolon.

    Returns:
        The base's percentile counts if it has one.
    """
    steps = list(base.steps)
    for recipe, scopes in units:
        names = "|".join(map(re.escape, scopes))
        # A step on all operators replaces an earlier one with the same pattern, and what it can't
        # be used on falls back to the step before: so float32 first, under a pattern of its own.
        steps.append(Step(op_config=_FLOAT, algorithm_key=NO_QUANTIZE, regex=f"^(?:{names})$"))
        if recipe is not None:
            own = (step for step in recipe.steps if step.operation not in BORDERS)
            pattern = f"^(?:{names})\\Z"
            steps += [msgspec.structs.replace(step, regex=pattern) for step in own]
    # An output has the name of what computes it; it stays as the base has it.
    borders = [step for step in base.steps if step.operation in BORDERS] or [
        msgspec.structs.replace(step, operation=border)
        for step in base.steps
        if step.operation == "*"
        for border in BORDERS
        if not isinstance(step.op_config.activation_tensor_config, msgspec.UnsetType)
    ]
    steps += [msgspec.structs.replace(step, regex=_EVERYTHING) for step in borders]
    percentiles = [base.percentile, *(own.percentile for own, _ in units if own is not None)]
    return msgspec.structs.replace(
        base,
        steps=tuple(steps),
        percentile=next((value for value in percentiles if value is not None), None),
    )


_FLOAT16 = Settings(
    weight_tensor_config=Numbers(num_bits=16, granularity="TENSORWISE", dtype="FLOAT"),
    compute_precision="FLOAT",
    explicit_dequantize=True,
)
# Ranges of int8 leave out the extremes of the most extreme images, since every step counts;
# 16 bits have steps to spare.
INT8_PERCENTILE = 90.0
INT16_PERCENTILE = 100.0
# Small weights (the first convolution, narrow depthwise ones) are few bytes and much of the
# error. TensorFlow's converter draws the line at the same number.
LEAST_WEIGHTS = 1024

LITERT: dict[str, LitertRecipe] = {
    "dynamic_range": weights_only(8, dynamic=True, least=LEAST_WEIGHTS),
    "float16": LitertRecipe(steps=(Step(op_config=_FLOAT16, algorithm_key="float_casting"),)),
    "int8": static(8, percentile=INT8_PERCENTILE),
    "int8_float_io": static(8, percentile=INT8_PERCENTILE, io="float32"),
    "int8_uint8_io": static(8, percentile=INT8_PERCENTILE, io="uint8"),
    "int8_per_tensor": static(8, percentile=INT8_PERCENTILE, per_channel=False),
    "weight_only_int8": weights_only(8, dynamic=False, least=LEAST_WEIGHTS),
    "int16x8": static(16, percentile=INT16_PERCENTILE),
    "weight_only_int4": weights_only(4, dynamic=False, least=LEAST_WEIGHTS),
    "dynamic_int2": weights_only(2, dynamic=True),
}

_INT16_ONLY = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"

TENSORFLOW: dict[str, TensorflowRecipe] = {
    "dynamic_range": TensorflowRecipe(),
    "float16": TensorflowRecipe(types=("float16",)),
    "int8": TensorflowRecipe(operators=INT8_ONLY, io_type="int8", calibrated=True),
    "int8_float_io": TensorflowRecipe(operators=INT8_ONLY, calibrated=True),
    "int8_uint8_io": TensorflowRecipe(operators=INT8_ONLY, io_type="uint8", calibrated=True),
    "int8_per_tensor": TensorflowRecipe(
        operators=INT8_ONLY, io_type="int8", calibrated=True, per_channel=False
    ),
    "int16x8": TensorflowRecipe(operators=_INT16_ONLY, io_type="int16", calibrated=True),
}
