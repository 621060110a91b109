"""Predictions under an alias: images are gathered into batches by their deadlines, for models in processes of their
own."""

from evalnb_server.serving.predictor import Predictor

__all__ = ["Predictor"]
