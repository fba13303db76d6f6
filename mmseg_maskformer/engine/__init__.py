"""What stands around a model: optimizer, hooks, command lines, comparison, pictures."""
