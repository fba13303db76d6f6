"""What several tools are made of."""
