"""A realistic record for tests: one model, five variants, every verdict, hostile names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.gates import GATES
from edgeq.config.structs import Preprocessing
from edgeq.judge.verdict import Verdict
from edgeq.measure.accuracy import Accuracy, Rate
from edgeq.measure.agreement import Agreement, Flip, FlipCounts, Guess, Spread, WorstImage
from edgeq.measure.latency import Timing
from edgeq.measure.size import Size
from edgeq.quantize.variant import CalibratedOn, Manifest
from edgeq.record.measured import (
    RecordedAccuracy,
    RecordedAgreement,
    RecordedLatency,
    RecordedMemory,
    RecordedOperators,
)
from edgeq.record.provenance import (
    Machine,
    RecordedImages,
    RecordedLabels,
    RecordedSet,
    Toolchain,
)
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord, summarize

HOSTILE = "<img src=x onerror=alert(1)>"
HOSTILE_REASON = "</script><script>alert(2)</script> | `code` **bold** [a](http://b.example) @all"
MODEL = "efficientnetv2-b0"
BASELINE_BYTES = 28_529_820
ROOT = Path("/home/someone/project")


def case(
    variant: str,
    gate: str,
    status: Verdict = Verdict.PASS,
    *,
    value: float | None = None,
    limit: float | None = None,
    interval: tuple[float, float] | None = None,
    reason: str = "as it should be",
    next_step: str | None = None,
    declared: bool = False,
    model: str = MODEL,
) -> CaseRecord:
    return CaseRecord(
        id=f"{model}/{variant}/{gate}",
        model=model,
        variant=variant,
        gate=gate,
        status=status,
        unit=GATES.get(gate).unit,
        value=value,
        limit=limit,
        interval=interval,
        reason=reason,
        next_step=next_step,
        declared_missing=declared,
    )


def size_of(total: int, kind: str) -> Size:
    parts = {f"weights {kind}": int(total * 0.83), "biases": 84_000, "graph": 120_000}
    parts["quantization parameters"] = total - sum(parts.values())
    return Size(bytes=total, gzip_bytes=int(total * 0.82), parts=parts)


def operators_of(kind: str) -> RecordedOperators:
    return RecordedOperators(
        counts={"CONV_2D": 79, "DEPTHWISE_CONV_2D": 27, "MUL": 92, "SOFTMAX": 1},
        weight_bytes_by_type={kind: 6_900_000},
        compute_activation_types={"float32": 106},
        float_islands=(),
        input_types=("float32",),
        output_types=("float32",),
        custom=(),
        ends_in_softmax=True,
    )


def agreement_of(agreeing: int, images: int = 500) -> RecordedAgreement:
    share = agreeing / images
    near = Spread(mean=0.995, p5=0.98, median=0.997, p95=0.999, worst=0.31)
    far = Spread(mean=0.01, p5=0.0, median=0.004, p95=0.06, worst=0.7)
    guesses = (Guess(class_index=281, probability=0.6), Guess(class_index=282, probability=0.3))
    return RecordedAgreement.of(
        Agreement(
            images=images,
            classes=1000,
            confidence=0.95,
            agreeing=agreeing,
            top1=share,
            top1_interval=(max(0.0, share - 0.02), min(1.0, share + 0.015)),
            ties=2,
            baseline_ties=0,
            nonfinite_images=0,
            top5_overlap=0.94,
            top5_interval=(0.92, 0.96),
            js_bits=far,
            cosine=near,
            relative_error=far,
            error=0.011,
            error_interval=(0.009, 0.013),
            confidence_drift=-0.012,
            distinct_classes=396,
            baseline_distinct_classes=401,
            logits_sources=("softmax_input", "softmax_input"),
            flip_counts=FlipCounts(
                right_to_wrong=images - agreeing, wrong_to_right=0, wrong_to_wrong=0
            ),
            flips=tuple(
                Flip(
                    image=index,
                    baseline_class=281,
                    variant_class=282,
                    baseline_confidence=0.61,
                    variant_confidence=0.44,
                    baseline_best=guesses,
                    variant_best=guesses[::-1],
                    tied=index == 0,
                    label=281,
                    kind="right_to_wrong",
                )
                for index in range(images - agreeing)
            ),
            worst_images=(
                WorstImage(
                    image=3,
                    cosine=0.31,
                    js_bits=0.7,
                    baseline_class=281,
                    variant_class=282,
                    agrees=False,
                ),
            ),
        ),
        photographs=None,
        classes=None,
    )


def accuracy_of(right: int, images: int = 500) -> RecordedAccuracy:
    def rate(count: int) -> Rate:
        share = count / images
        return Rate(images=count, value=share, interval=(share - 0.02, min(1.0, share + 0.02)))

    return RecordedAccuracy.of(
        Accuracy(
            images=images,
            classes=1000,
            confidence=0.95,
            baseline_top1=rate(473),
            variant_top1=rate(right),
            baseline_top5=rate(495),
            variant_top5=rate(494),
            lost=473 - right,
            gained=0,
            drop=(473 - right) / images,
            drop_interval=((473 - right) / images - 0.01, (473 - right) / images + 0.01),
            mcnemar_p=0.5,
        )
    )


def latency_of(seconds: float) -> RecordedLatency:
    def timing(median: float) -> Timing:
        return Timing(
            rounds=64,
            init_s=0.021,
            first_s=median * 1.6,
            median_s=median,
            median_interval_s=(median * 0.99, median * 1.02),
            mean_s=median * 1.01,
            p90_s=median * 1.1,
            spread=0.01,
            drift=0.002,
        )

    ratio = seconds / 0.018
    return RecordedLatency(
        baseline=timing(0.018),
        variant=timing(seconds),
        ratio=ratio,
        ratio_interval=(ratio * 0.98, ratio * 1.03),
        blocks=16,
        confidence=0.95,
    )


def variant(name: str, total: int, kind: str = "int8", **measured: Any) -> VariantRecord:
    return VariantRecord(
        name=name,
        method=name.partition("@")[0],
        engine="litert",
        sha256="ab" * 32,
        bytes=total,
        file=f".edgeq/variant/{name}.tflite",
        manifest=Manifest(
            engine="litert",
            method=name.partition("@")[0],
            calibration=CalibratedOn(source=f"{ROOT}/data/calibration", count=100),
        ),
        size=size_of(total, kind),
        operators=msgspec.structs.replace(
            operators_of(kind), delegated=198, total=199, partitions=1, kernels="xnnpack"
        ),
        **measured,
    )


def passing(name: str) -> list[CaseRecord]:
    return [
        case(name, "made"),
        case(name, "types"),
        case(name, "size_reduction", value=0.723, limit=0.68, reason="saves 0.723 of the bytes"),
        case(
            name,
            "top1_agreement",
            value=0.982,
            limit=0.94,
            interval=(0.966, 0.992),
            reason="491 of 500 images agree",
        ),
        case(name, "latency_ratio", value=0.54, limit=1.1, interval=(0.53, 0.56)),
    ]


def full_record(**changes: Any) -> RunRecord:
    """Return a record with a PASS, a FAIL, an INCONCLUSIVE, MISSING of both kinds, a crash."""
    variants = (
        variant(
            "float16",
            14_413_520,
            "float16",
            agreement=agreement_of(500),
            accuracy=accuracy_of(473),
            latency=latency_of(0.0181),
            memory=RecordedMemory(
                before=52_000_000,
                loaded=61_000_000,
                first=92_000_000,
                peak=93_000_000,
                inferences=8,
            ),
        ),
        variant(
            "dynamic_range",
            7_874_416,
            agreement=agreement_of(491),
            accuracy=accuracy_of(471),
            latency=latency_of(0.0098),
        ),
        variant(
            "int8@tensorflow",
            8_423_296,
            agreement=agreement_of(473),
            latency=latency_of(0.0058),
        ),
        variant(
            "weight_only_int4",
            4_604_912,
            "int4",
            agreement=agreement_of(253),
            accuracy=accuracy_of(254),
            latency=latency_of(0.018),
        ),
        VariantRecord(name=HOSTILE, method="ready-made", error="ended by SIGSEGV at invoke"),
    )
    cases = (
        *passing("float16"),
        *passing("dynamic_range"),
        case(
            "dynamic_range",
            "accuracy_drop",
            Verdict.INCONCLUSIVE,
            value=0.004,
            limit=0.006,
            interval=(-0.006, 0.014),
            reason="the drop of 0.004 (-0.006 to 0.014) can be either side of 0.006",
            next_step="Use about 2,900 labelled images instead of 500",
        ),
        *passing("int8@tensorflow"),
        case(
            "int8@tensorflow",
            "accuracy_drop",
            Verdict.MISSING,
            reason="not measured: the evaluation images have no labels",
            next_step="Name a CSV file in the spec (`images.labels`), or set "
            "`accuracy_drop = false` in [gates]",
        ),
        case("weight_only_int4", "made"),
        case(
            "weight_only_int4",
            "top1_agreement",
            Verdict.FAIL,
            value=0.506,
            limit=0.92,
            interval=(0.461, 0.551),
            reason=HOSTILE_REASON,
            next_step="Try weight_only_int8",
        ),
        case(
            "weight_only_int4",
            "worst_cosine",
            Verdict.MISSING,
            reason="not measured (absent by declaration)",
            declared=True,
        ),
        case(
            HOSTILE,
            "made",
            Verdict.FAIL,
            reason="the variant can't be judged: ended by SIGSEGV at invoke",
        ),
    )
    return record(variants, cases, **changes)


def record(
    variants: Sequence[VariantRecord],
    cases: Sequence[CaseRecord],
    *,
    declared: tuple[str, ...] | None = None,
    inconclusive: str = "warn",
    partial: bool = False,
    interrupted: bool = False,
    errors: tuple[str, ...] = (),
    **model: Any,
) -> RunRecord:
    """Return a record of one model with these variants and cases."""
    described: dict[str, Any] = {
        "trained": True,
        "baseline": VariantRecord(
            name="baseline",
            method="float",
            sha256="cd" * 32,
            bytes=BASELINE_BYTES,
            size=size_of(BASELINE_BYTES, "float32"),
        ),
        "images": RecordedImages(
            calibration=RecordedSet(source=f"{ROOT}/data/calibration", count=100),
            evaluation=RecordedSet(source="data/evaluation", count=500),
        ),
        "preprocessing": Preprocessing(jpeg_scaling=0.0),
        "labels": RecordedLabels(name="imagenet", count=1000),
        "licence": "Apache-2.0",
        "attribution": "Google",
    } | model
    found = RunRecord(
        edgeq="0.1.0",
        started="2026-11-23T18:00:00+00:00",
        duration_s=83.4,
        spec_sha256="ef" * 32,
        inconclusive=inconclusive,
        partial=partial,
        interrupted=interrupted,
        errors=errors,
        commands=("edgeq gate", "pytest -m size"),
        machine=Machine(processor="a processor", cores=2),
        toolchain=Toolchain(ai_edge_litert="2.3.0", kernels="xnnpack", threads=1),
        models=(
            ModelRecord(
                name=MODEL,
                source="keras:EfficientNetV2B0",
                variants=tuple(variants),
                **described,
            ),
        ),
        cases=tuple(cases),
        summary=summarize(
            tuple(cases),
            tuple(one.id for one in cases) if declared is None else declared,
            left_out=() if declared is None or not partial else declared,
        ),
    )
    return answered(found)
