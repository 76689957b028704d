"""Objectives: what a model is trained for, where that is not the model's own loss."""
