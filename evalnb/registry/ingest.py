"""Imports: datasets from files of every format, from images and from videos; prediction runs from COCO result files.

An import streams, shows its progress, may be killed at any moment and taken up again by the same call; the same file
again is no work at all; what it refuses it lists.
"""

from evalnb.registry._coco_import import import_coco
from evalnb.registry._formats import (
    import_cvat,
    import_datumaro,
    import_labelme,
    import_masks,
    import_panoptic,
    import_voc,
)
from evalnb.registry._images_import import add_image, import_images, import_pictures
from evalnb.registry._results import import_results
from evalnb.registry._video_import import import_video
from evalnb.registry._yolo_import import import_yolo
from evalnb.registry.receipts import ImportReport

__all__ = [
    "ImportReport",
    "add_image",
    "import_coco",
    "import_cvat",
    "import_datumaro",
    "import_images",
    "import_labelme",
    "import_masks",
    "import_panoptic",
    "import_pictures",
    "import_results",
    "import_video",
    "import_voc",
    "import_yolo",
]
