"""What tools/doctor.py looks for in a data set, and how it says it."""
