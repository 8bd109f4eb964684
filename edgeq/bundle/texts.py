"""The package's pages for people: one README a variant, and the notes on licences. Pure."""

from __future__ import annotations

from edgeq.bundle.select import Chosen, Refusal
from edgeq.judge.verdict import ShipDecision
from edgeq.record.structs import ModelRecord, RunRecord
from edgeq.words import share, size
from edgeq.words.escape import markdown

_UNKNOWN = "not recorded: find it out before you pass the model on"
_OPEN = (
    "**Unproven:** the gate found no failure, but did not prove that the variant is as good as its "
    'baseline. What is open stands under "Not proved". It may not ship before it is cleared.'
)
_CHANGED = (
    "- The variants are changed: quantized from the float model, as each `metadata.json` says."
)


def variant_readme(chosen: Chosen, folder: str, warnings: list[str]) -> str:
    """Return the README of one variant; one that is not cleared says so first.

    Args:
        chosen: The variant.
        folder: Its folder in the package.
        warnings: What is open about it.
    """
    model, variant = chosen.model, chosen.variant
    saved = 1 - variant.bytes / model.baseline.bytes if model.baseline.bytes else 0.0
    lines = [
        f"# {markdown(variant.name)} of {markdown(model.name)}",
        "",
        f"{size(variant.bytes)} (1 MB is 1000 kB), {share(saved)} less than its baseline.",
        "`metadata.json` holds what was measured and how the model is run.",
        "",
        "Run it on a photograph (needs Python, numpy, Pillow and ai-edge-litert):",
        "",
        f"    python example.py {folder} photograph.jpg",
    ]
    if chosen.answer is ShipDecision.UNPROVEN:
        lines[2:2] = [_OPEN, ""]
    notes = list(model.notes)
    if variant.feeding is not None and variant.feeding.differs:
        notes.append(f"Judged {variant.feeding.sentence}")
    if notes:
        lines += ["", "## To know", "", *(f"- {markdown(note)}" for note in notes)]
    if warnings:
        lines += ["", "## Not proved", "", *(f"- {markdown(text)}" for text in warnings)]
    return "\n".join(lines) + "\n"


def notice(record: RunRecord, models: tuple[ModelRecord, ...], refused: tuple[Refusal, ...]) -> str:
    """Return the notes on the licences and makers of the packed models, and what was left out."""
    lines = [
        "# Licences and attribution",
        "",
        f"Packed by edgeq {record.edgeq}. `example.py` is part of edgeq (Apache-2.0).",
        "The models are their makers':",
    ]
    for model in models:
        lines += [
            "",
            f"## {markdown(model.name)}",
            "",
            f"- Licence: {markdown(model.licence or _UNKNOWN)}",
            f"- Attribution: {markdown(model.attribution or _UNKNOWN)}",
            _CHANGED,
        ]
    if refused:
        lines += ["", "## Not packed", "", *(f"- {markdown(str(refusal))}" for refusal in refused)]
    return "\n".join(lines) + "\n"
