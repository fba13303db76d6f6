"""One script for each data set, and what they share."""
