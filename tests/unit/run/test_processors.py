"""Names of processors and their extensions, from texts as boards and servers report them."""

from __future__ import annotations

import pytest

from edgeq.run import processors

A76 = """\
processor\t: 0
model name\t: ARMv8 Processor rev 1 (v8l)
Features\t: fp asimd aes fphp asimdhp asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1
"""
A55 = A76.replace("0xd0b", "0xd05").replace("0x4\n", "0x2\n")
DOT = ("asimdhp", "asimddp")
PI = "\nHardware\t: BCM2835\nRevision\t: c03115\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n"
EPYC = (
    "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512_vnni avx\n\n"
)


@pytest.mark.parametrize(
    ("text", "name", "extensions"),
    [
        (A76 + "\n" + A76, "Cortex-A76 r4p1", DOT),
        # another processor with the same "model name"
        (A76.replace("0xd0b", "0xd0c"), "Neoverse-N1 r4p1", DOT),
        (A55 + "\n" + A76, "Cortex-A55 r2p1, Cortex-A76 r4p1", DOT),
        (A76 + PI, "Raspberry Pi 4 Model B Rev 1.5 (Cortex-A76 r4p1)", DOT),
        (
            A76.replace("0x41", "0x61"),
            "core 0xd0b of implementer 0x61 r4p1",
            DOT,
        ),
        ("CPU part\t: 0xd03\n", "core 0xd03 of implementer unknown r?p?", ()),
        (PI, "Raspberry Pi 4 Model B Rev 1.5", ()),
        (EPYC + EPYC, "AMD EPYC", ("avx", "avx2", "avx512_vnni")),
        ("", "", ()),
    ],
)
def test_a_processor_is_named_with_what_its_kernels_are_chosen_by(
    text: str, name: str, extensions: tuple[str, ...]
) -> None:
    assert (processors.processor(text), processors.extensions(text)) == (name, extensions)
