"""Several configs on one data set beside each other; tools/compare.py starts it."""
