"""Targets: other machines, emulated ones, and compilers that report what would run on a device."""
