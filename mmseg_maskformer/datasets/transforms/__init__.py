"""Steps of pipelines: loading, labels, resizing."""
