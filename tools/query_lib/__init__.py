"""What the queries of a trained model do; tools/analysis/queries.py starts it."""
