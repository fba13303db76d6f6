"""What stands around a model: optimizer, hooks, command lines, pictures."""
