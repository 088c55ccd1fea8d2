"""Predictors trained on measured designs: features, fitting, the model's file, its faults."""
