"""The one reader of ``.tflite`` graphs: what is stored, and how it is wired."""
