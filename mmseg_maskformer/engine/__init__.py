"""What stands around a model: optimizer, hooks, command lines, results as files."""
