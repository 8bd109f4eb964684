"""The engines by name."""

from __future__ import annotations

from edgeq.quantize.engine import Engine
from edgeq.quantize.litert_engine import LITERT_ENGINE
from edgeq.quantize.tensorflow_engine import TENSORFLOW_ENGINE
from edgeq.registry import Registry

ENGINES: Registry[Engine] = Registry(
    "engine", [(engine.name, engine) for engine in (LITERT_ENGINE, TENSORFLOW_ENGINE)]
)
