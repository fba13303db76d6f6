"""Hooks of mmengine: checks of a run, compiling, seeds, pictures of predictions."""
