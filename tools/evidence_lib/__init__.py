"""What docs/evidence.md is made of; tools/evidence.py starts it."""
