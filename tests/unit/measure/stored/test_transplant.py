"""A file with the other's differences in it differs no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeq.measure.stored.files import compare_files
from edgeq.measure.stored.transplant import Transplant, mend, transplant
from edgeq.tflite.edits import apply_edits
from tests.unit.graphs import read, whole
from tests.unit.measure.stored.nets import (
    AXES,
    OPS,
    RELU6,
    SHAPES,
    Comparer,
    Kind,
    Parts,
    bias,
    changed,
    constant,
    floats,
    of,
    rounded,
    stored_of,
    written,
)
from tests.unit.tiny_model import Op, Tensor

FLOATS = floats()
INT8 = of(FLOATS, "int8")
KINDS: tuple[Kind, ...] = ("int8", "dynamic", "float16")


def negated(kind: Kind, *names: str) -> Parts:
    """Return the network in another type, some of its numbers with the opposite sign."""
    parts = of(FLOATS, kind)
    for name in names:
        parts = changed(parts, name, -stored_of(parts, name))
    return parts


def damaged(compare: Comparer, variant: bytes, *, mended: bool = False) -> tuple[Transplant, bytes]:
    """Return what is changed in the baseline, or in the variant, and the changed file."""
    ours = read(compare.folder, written(FLOATS), "ours.tflite")
    theirs = read(compare.folder, variant, "theirs.tflite")
    findings = compare_files(ours, theirs).findings
    assert findings
    found = (mend if mended else transplant)(ours, theirs, findings)
    assert (found.done, found.left_out) == (findings, ())
    return found, apply_edits((theirs if mended else ours).path.read_bytes(), found.edits)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [["conv"], ["dense_bias"], ["point", "point_bias", "depthwise"]])
def test_the_baseline_with_the_variants_numbers_is_the_variants_baseline(
    compare: Comparer, kind: Kind, names: list[str]
) -> None:
    variant = written(negated(kind, *names))
    assert compare.files(damaged(compare, variant)[1], variant).findings == ()


def test_biases_are_transplanted_as_the_runtime_reads_them(compare: Comparer) -> None:
    named = replace(INT8["conv_bias"], scales=tuple(2 * one for one in INT8["conv_bias"].scales))
    parts = {**INT8, "conv_bias": named}
    variant = written(changed(parts, "conv_bias", stored_of(INT8, "conv_bias") // 2))
    assert compare.files(damaged(compare, variant)[1], variant).findings == ()


@pytest.mark.parametrize(
    "op",
    [
        replace(OPS[0], told={}),
        replace(OPS[0], told={**OPS[0].told, "strideW": 2, "strideH": 2}),
    ],
    ids=["activation", "strides"],
)
def test_options_and_activations_are_transplanted(compare: Comparer, op: Op) -> None:
    variant = written(FLOATS, [op, *OPS[1:]])
    assert compare.files(damaged(compare, variant)[1], variant).findings == ()


def test_parameters_are_transplanted(compare: Comparer) -> None:
    variant = written(changed(FLOATS, "axes", whole(2, 3)))
    assert compare.files(damaged(compare, variant)[1], variant).findings == ()


def test_an_operator_that_the_variant_lacks_is_bypassed(compare: Comparer) -> None:
    shorter = [OPS[0], replace(OPS[2], inputs=("a", "point", "point_bias")), *OPS[3:]]
    _, content = damaged(compare, written(FLOATS, shorter))
    edited = read(compare.folder, content, "edited.tflite")
    takes = [edited.tensors[one.inputs[0]].name for one in edited.operators]
    assert takes == ["x", "a", "a", "p", "m", "l"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [["conv"], ["dense_bias"], ["point", "point_bias", "depthwise"]])
def test_a_mended_variant_has_the_baselines_numbers(
    compare: Comparer, kind: Kind, names: list[str]
) -> None:
    _, content = damaged(compare, written(negated(kind, *names)), mended=True)
    assert compare.files(written(FLOATS), content).findings == ()


def test_a_layer_with_one_scale_is_mended_with_one_scale(compare: Comparer) -> None:
    parts = dict(INT8)
    parts["dense"] = rounded(FLOATS["dense"], None)
    parts["dense_bias"] = bias(
        {**parts, "dense": parts["dense"]}, "dense", stored_of(FLOATS, "dense_bias")
    )
    parts = changed(parts, "dense", -stored_of(parts, "dense"))
    _, content = damaged(compare, written(parts), mended=True)
    found = compare.files(written(FLOATS), content)
    assert [one.change for one in found.findings if one.certain] == []
    assert found.weights_distance < 2.2


@pytest.mark.parametrize("layer", list(SHAPES))
def test_steps_that_were_too_great_are_mended(compare: Comparer, layer: str) -> None:
    coarse = {**INT8, layer: rounded(FLOATS[layer], AXES[layer], factor=4.0)}
    values = stored_of(FLOATS, f"{layer}_bias")
    coarse[f"{layer}_bias"] = bias(coarse, layer, values)
    _, content = damaged(compare, written(coarse), mended=True)
    assert compare.files(written(FLOATS), content).findings == ()


def test_what_can_not_be_transplanted_is_left_out(compare: Comparer) -> None:
    """An option with its default value takes no bytes in a file, so there are none to change."""
    valid = replace(OPS[0], told={**OPS[0].told, "padding": 1})
    ours = read(compare.folder, written(FLOATS), "ours.tflite")
    theirs = read(compare.folder, written(FLOATS, [valid, *OPS[1:]]), "theirs.tflite")
    findings = compare_files(ours, theirs).findings
    assert [one.change for one in findings] == ["another padding"]
    assert transplant(ours, theirs, findings) == Transplant((), (), findings)
    back = compare_files(theirs, ours).findings
    assert mend(theirs, ours, back) == Transplant((), (), back)


def test_an_operator_that_only_the_variant_has_is_bypassed_in_it(compare: Comparer) -> None:
    """Padding by an operator of its own at one end, in front of a layer without padding."""
    pad = Op("PAD", ("x", "sides"), ("wide",))
    bare = replace(OPS[0], inputs=("wide", "conv", "conv_bias"), told={**RELU6, "padding": 1})
    sides = constant("sides", np.array([[0, 0], [2, 0], [2, 0], [0, 0]], np.int32))
    parts = {**FLOATS, "sides": sides, "wide": Tensor("wide", (1, 10, 10, 4))}
    _, content = damaged(compare, written(parts, [pad, bare, *OPS[1:]]), mended=True)
    edited = read(compare.folder, content, "edited.tflite")
    assert edited.tensors[edited.operators[1].inputs[0]].name == "x"
    assert dict(edited.operators[1].options)["padding"] == "SAME"
