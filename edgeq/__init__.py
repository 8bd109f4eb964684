"""edgeq: the regression gate for quantized edge models."""

__version__ = "0.1.0"

__all__ = ["__version__"]
