"""Safe decoding of raster images: header checked first, EXIF orientation applied once, always RGB."""

from evalnb.imagery._browser import browser_bytes, browser_mime
from evalnb.imagery._confined import ConfinedReader
from evalnb.imagery._cut import RECIPE
from evalnb.imagery._decode import MAX_PIXELS, decode
from evalnb.imagery._deep import Band
from evalnb.imagery._frames import FrameFormat, VideoFrame, VideoHeader
from evalnb.imagery._header import Header, probe, sha256
from evalnb.imagery._labels import decode_labels
from evalnb.imagery._thumbnail import thumbnail
from evalnb.imagery._tiler import PYRAMID_PIXELS, Depth, SharedPixels, Tiler, Values, build_pyramid
from evalnb.imagery._video import Video, open_video
from evalnb.imagery._vips import there as pyramids_can_be_made

__all__ = [
    "MAX_PIXELS",
    "PYRAMID_PIXELS",
    "RECIPE",
    "Band",
    "ConfinedReader",
    "Depth",
    "FrameFormat",
    "Header",
    "SharedPixels",
    "Tiler",
    "Values",
    "Video",
    "VideoFrame",
    "VideoHeader",
    "browser_bytes",
    "browser_mime",
    "build_pyramid",
    "decode",
    "decode_labels",
    "open_video",
    "probe",
    "pyramids_can_be_made",
    "sha256",
    "thumbnail",
]
