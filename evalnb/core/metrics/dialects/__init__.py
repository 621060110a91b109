"""Average precision under other rules than COCO's, and what each rule is worth."""

from evalnb.core.metrics.dialects.answer import Answers
from evalnb.core.metrics.dialects.boxes import Boxes, boxes_of
from evalnb.core.metrics.dialects.rules import TEXT, Rules

__all__ = ["TEXT", "Answers", "Boxes", "Rules", "boxes_of"]
