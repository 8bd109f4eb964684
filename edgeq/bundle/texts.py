"""Writes the package's pages for people: a README per variant, and the licence notes. Pure."""

from __future__ import annotations

from edgeq.bundle.select import Chosen, Refusal
from edgeq.judge.verdict import ShipDecision
from edgeq.record.structs import ModelRecord, RunRecord
from edgeq.words import share, size
from edgeq.words.escape import markdown

_UNKNOWN = "not recorded: find out before you pass the model on"
_OPEN = (
    "**Unproven:** the gate found no failure, but did not prove that the variant is as good as its "
    'baseline. Open points are listed under "Not proved". It may not ship before it is cleared.'
)
_COMPARED = {"embedding": ("", "A second one is compared with the first.")}
"""What the README of a variant adds about the example, by task."""
_CHANGED = (
    "- The variants are modified: quantized from the float model, as each `metadata.json` says."
)


def variant_readme(chosen: Chosen, folder: str, warnings: list[str]) -> str:
    """Return the README of a variant; if it is not cleared, that comes first.

    Args:
        chosen: The variant.
        folder: Folder of the variant in the package.
        warnings: Open points about the variant.
    """
    model, variant = chosen.model, chosen.variant
    saved = 1 - variant.bytes / model.baseline.bytes if model.baseline.bytes else 0.0
    lines = [
        f"# {markdown(variant.name)} of {markdown(model.name)}",
        "",
        f"{size(variant.bytes)} (1 MB is 1000 kB), {share(saved)} less than its baseline.",
        "`metadata.json` says what was measured and how to run the model.",
        *_targets(chosen),
        "",
        "Run it on a sample, a .npy file of real values or a .npz file with an array per input "
        "(needs Python, numpy and ai-edge-litert):"
        if model.arrays
        else "Run it on a photograph (needs Python, numpy, Pillow and ai-edge-litert):",
        "",
        f"    python example.py {folder} {'sample.npy' if model.arrays else 'photograph.jpg'}",
        *_COMPARED.get(model.task, ()),
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


def _targets(chosen: Chosen) -> list[str]:
    if not chosen.targets:
        return []
    answers = (f"{markdown(name)} ({answer.value})" for name, answer in chosen.targets.items())
    return [f"Judged on {', '.join(answers)}."]


def notice(record: RunRecord, models: tuple[ModelRecord, ...], refused: tuple[Refusal, ...]) -> str:
    """Return the licence notes: licences and makers of packed models, and what is left out."""
    lines = [
        "# Licences and attribution",
        "",
        f"Packed by edgeq {record.edgeq}. The Python code is part of edgeq (Apache-2.0).",
        "The models belong to their makers:",
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
