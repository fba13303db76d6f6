"""Checkpoints of other implementations: tables of names, one converter, readers."""
