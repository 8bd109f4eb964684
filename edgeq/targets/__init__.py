"""Where models run: other machines, emulated ones, and compilers that say what would run where."""
