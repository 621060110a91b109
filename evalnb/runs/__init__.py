"""Prediction runs and evaluations, resumable."""
