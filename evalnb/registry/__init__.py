"""Datasets' taxonomies and slices, models and their versions."""
