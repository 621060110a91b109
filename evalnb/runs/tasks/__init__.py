"""Evaluations of tasks other than detection: classification, semantic and panoptic segmentation, video, clicks."""
