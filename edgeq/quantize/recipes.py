"""Recipes by which the engines make each method, as data.

The recipes are part of a variant's address and manifest. The choices in them (percentile of the
ranges, how weights' scales are found, which weights stay in float32) are based on the measurements
in ``benchmarks/engines.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from edgeq.config.structs import Classifier

MINMAX = "min_max_uniform_quantize"
INT8_ONLY = "TFLITE_BUILTINS_INT8"
NO_QUANTIZE = "no_quantize"
BORDERS = ("INPUT", "OUTPUT")
_EVERYTHING = "(?s:.*)"
"""Pattern for all names that differs from the default ``.*``, so that its steps come last."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of tensor is quantized, with litert-quantizer's field names.

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
    """Settings of one step, with litert-quantizer's field names.

    Attributes:
        weight_tensor_config: How weights are quantized.
        activation_tensor_config: How activations are quantized; unset if they stay float32.
        compute_precision: ``"INTEGER"`` or ``"FLOAT"`` arithmetic.
        explicit_dequantize: Whether weights are dequantized before the operator.
        min_weight_elements: Number of elements below which weights stay float32.
    """

    weight_tensor_config: Numbers | msgspec.UnsetType = msgspec.UNSET
    activation_tensor_config: Numbers | msgspec.UnsetType = msgspec.UNSET
    compute_precision: Literal["INTEGER", "FLOAT"] = "INTEGER"
    explicit_dequantize: bool = False
    min_weight_elements: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for some operators, with litert-quantizer's field names; a later step wins.

    Attributes:
        operation: An operator's name, ``"INPUT"``, ``"OUTPUT"``, or ``"*"`` for all.
        algorithm_key: Algorithm that finds scales.
        regex: Pattern for the names of the tensors that the step applies to.
    """

    op_config: Settings
    operation: str = "*"
    algorithm_key: str = MINMAX
    regex: str = ".*"


class LitertRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """A method as litert-quantizer makes it.

    Attributes:
        steps: The steps in order.
        percentile: Percentile of the calibration images that sets the range of an activation, see
            ``statistics.ranges``; None for methods without calibration.
        unsigned_io: Whether input and output, which the library makes int8, are then changed to
            uint8.
    """

    steps: tuple[Step, ...]
    percentile: float | None = None
    unsigned_io: bool = False


class TensorflowRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """A method as TensorFlow's converter makes it.

    Attributes:
        operators: A name in ``tf.lite.OpsSet``, such as ``"TFLITE_BUILTINS_INT8"``; None for the
            default.
        types: Names of types for ``target_spec.supported_types``.
        io_type: Type of the model's input and output.
        calibrated: Whether photographs are run through the model to find ranges.
        per_channel: Whether each channel of weights has its own scale.
    """

    operators: str | None = None
    types: tuple[str, ...] = ()
    io_type: str = "float32"
    calibrated: bool = False
    per_channel: bool = True

    @property
    def shares_calibration(self) -> bool:
        """Whether recipes share a calibrated file: those of int8, whatever the input's type."""
        return self.calibrated and self.operators == INT8_ONLY


_FLOAT = Settings(compute_precision="FLOAT")


def weights_only(bits: int, *, dynamic: bool, least: int = 0) -> LitertRecipe:
    """Return the recipe of a method that quantizes only weights."""
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
    per_channel: bool = True,
) -> LitertRecipe:
    """Return the recipe of a method with int8 weights and integer activations.

    Args:
        bits: Bits of activations; with 16 bits they are symmetric, as the kernels require.
        percentile: See ``LitertRecipe``.
        io: Type of input and output: ``"integer"`` for that of the activations, or another.
        per_channel: Whether each channel of weights has its own scale.
    """
    settings = Settings(
        weight_tensor_config=Numbers(
            num_bits=8, granularity="CHANNELWISE" if per_channel else "TENSORWISE"
        ),
        activation_tensor_config=Numbers(
            num_bits=bits,
            symmetric=bits == 16,
            granularity="TENSORWISE",
        ),
    )
    steps = [Step(op_config=settings)]
    if io == "float32":
        untouched = Step(op_config=_FLOAT, algorithm_key=NO_QUANTIZE)
        steps += [msgspec.structs.replace(untouched, operation=name) for name in BORDERS]
    return LitertRecipe(steps=tuple(steps), percentile=percentile, unsigned_io=io == "uint8")


def head(settings: Settings, tensor: str, classifier: Classifier) -> Step:
    """Return the step for a dense layer that is quantized differently from the others.

    Args:
        settings: Settings of the other layers.
        tensor: Name of the tensor that the layer computes.
        classifier: ``"int4"`` for weights of 4 bits; ``"dynamic"`` for weights of 8 bits and
            activations that are quantized at run time.
    """
    weights = Numbers(num_bits=4 if classifier == "int4" else 8)
    if classifier == "int4":
        own = msgspec.structs.replace(settings, weight_tensor_config=weights, min_weight_elements=0)
    else:
        own = Settings(weight_tensor_config=weights)
    # The library appends a semicolon to names before matching.
    return Step(op_config=own, operation="FULLY_CONNECTED", regex=f"^{re.escape(tensor)};$")


def mixed(
    base: LitertRecipe, units: Sequence[tuple[LitertRecipe | None, Sequence[str]]]
) -> LitertRecipe:
    """Return a recipe that quantizes some operators differently from the others.

    Args:
        base: Recipe for the other operators, and for inputs and outputs.
        units: Recipes (None for float32), each with the scopes of its operators. A scope is the
            names of the tensors that an operator computes, each followed by a semicolon.

    Returns:
        The mixed recipe, with the base's percentile if it has one.
    """
    steps = list(base.steps)
    for recipe, scopes in units:
        names = "|".join(map(re.escape, scopes))
        # A step for all operators replaces an earlier one with the same pattern, and operators that
        # it can't apply to fall back to the step before. So float32 comes first, with its own
        # pattern.
        steps.append(Step(op_config=_FLOAT, algorithm_key=NO_QUANTIZE, regex=f"^(?:{names})$"))
        if recipe is not None:
            own = (step for step in recipe.steps if step.operation not in BORDERS)
            pattern = f"^(?:{names})\\Z"
            steps += [msgspec.structs.replace(step, regex=pattern) for step in own]
    # An output shares its name with the operator's tensor, but must keep the base's settings.
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
# Ranges of int8 exclude the extremes of the most extreme images because every step counts. With 16
# bits there are steps to spare.
INT8_PERCENTILE = 90.0
INT16_PERCENTILE = 100.0
# Small weights (the first convolution, narrow depthwise ones) are few bytes but cause much of the
# error. TensorFlow's converter uses the same threshold.
MIN_WEIGHTS = 1024

LITERT: dict[str, LitertRecipe] = {
    "dynamic_range": weights_only(8, dynamic=True, least=MIN_WEIGHTS),
    "float16": LitertRecipe(steps=(Step(op_config=_FLOAT16, algorithm_key="float_casting"),)),
    "int8": static(8, percentile=INT8_PERCENTILE),
    "int8_float_io": static(8, percentile=INT8_PERCENTILE, io="float32"),
    "int8_uint8_io": static(8, percentile=INT8_PERCENTILE, io="uint8"),
    "int8_per_tensor": static(8, percentile=INT8_PERCENTILE, per_channel=False),
    "weight_only_int8": weights_only(8, dynamic=False, least=MIN_WEIGHTS),
    "int16x8": static(16, percentile=INT16_PERCENTILE),
    "weight_only_int4": weights_only(4, dynamic=False, least=MIN_WEIGHTS),
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
