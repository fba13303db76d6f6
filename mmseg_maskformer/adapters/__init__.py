"""The hosts' protocols on top of the core: one module per host."""
