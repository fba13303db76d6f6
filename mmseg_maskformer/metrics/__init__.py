"""Metrics that the hosts lack or compute only with packages that PyPI has not."""
