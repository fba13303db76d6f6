"""Scripts that look at data, models and trainings; some are modules, too."""
