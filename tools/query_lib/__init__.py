"""What queries do; queries, layers and attention of tools/analysis start it."""
