"""What several test files build or compare with, one module a subject."""
