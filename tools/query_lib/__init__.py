"""What queries do: parts of queries.py, layers.py and attention.py of tools/analysis."""
