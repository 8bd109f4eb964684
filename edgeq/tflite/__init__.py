"""Reader of ``.tflite`` files: what they store, and how their graphs are wired."""
