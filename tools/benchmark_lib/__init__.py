"""Parts of tools/benchmark.py: measuring, the inputs, and one file per side."""
