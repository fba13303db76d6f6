"""Hooks of mmengine: checks of a run, compiling, pictures of predictions."""
