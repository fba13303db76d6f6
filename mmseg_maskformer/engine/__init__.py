"""What training needs around the model: optimizer groups, CPU autocast, launching."""
