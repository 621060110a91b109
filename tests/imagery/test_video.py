"""Videos: their frames come in order, turned as they are shown, at their own times; hostile ones can do nothing."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from PIL import Image

from evalnb import imagery
from evalnb.errors import EvalnbError, Invalid, MissingExtra, NotFound, Unavailable, Unsafe
from evalnb.imagery import _video
from tests.clips import clip, number_of


def frames_of(path: Path, **wanted: int) -> tuple[list[imagery.VideoFrame], str]:
    with imagery.open_video(path, name=path.name) as video:
        return list(video.frames(**wanted)), video.broken  # type: ignore[arg-type]


def seen(frame: imagery.VideoFrame) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(frame.data)))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "ffv1"), ("a.webm", "libvpx"), ("a.avi", "mjpeg")]
)
def test_every_nth_frame_comes_with_its_own_number_and_time(tmp_path: Path, name: str, codec: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = clip(tmp_path / name, 12, codec=codec, pixels=pixels)
    frames, broken = frames_of(path, start=2, stop=11, every=4)
    assert [one.number for one in frames] == [2, 6, 10] == [number_of(seen(one)) for one in frames]
    assert [one.time_s for one in frames] == pytest.approx([0.2, 0.6, 1.0], abs=0.002)
    assert broken == ""


def test_a_video_of_uneven_times_keeps_them(tmp_path: Path) -> None:
    path = clip(tmp_path / "vfr.mp4", 4, at=[0, 40, 500, 520])
    frames, _ = frames_of(path)
    assert [one.time_s for one in frames] == pytest.approx([0, 0.04, 0.5, 0.52], abs=0.001)


@pytest.mark.parametrize(("turned", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
def test_a_turned_video_is_seen_as_a_player_shows_it(tmp_path: Path, turned: int, corner: tuple[int, int]) -> None:
    path = clip(tmp_path / "turned.mp4", 1, size=(64, 32), turned=turned, bright_corner=True)
    pixels = seen(frames_of(path)[0][0]).mean(axis=2)
    height, width = (32, 64) if turned % 180 == 0 else (64, 32)
    assert pixels.shape == (height, width)
    quarters = {
        (down, across): pixels[down * height // 2 :, across * width // 2 :][: height // 2, : width // 2].mean()
        for down in (0, 1)
        for across in (0, 1)
    }
    assert max(quarters, key=lambda one: quarters[one]) == corner


def test_png_keeps_the_pixels_that_were_decoded(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", 2, codec="ffv1", pixels="bgr0")
    with imagery.open_video(path, name="a") as video:
        first, second = video.frames(format="png")
    assert np.array_equal(seen(second), np.full((48, 64, 3), 27, np.uint8)) and seen(first)[0, 0, 0] == 20


def test_a_video_that_breaks_off_gives_the_frames_before_the_break(tmp_path: Path) -> None:
    for name, codec in (("a.mp4", "mpeg4"), ("a.mkv", "ffv1")):
        path = clip(tmp_path / name, 30, codec=codec, size=(320, 240))
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        frames, broken = frames_of(path)
        assert 5 < len(frames) < 29 and broken
        assert [number_of(seen(one)) for one in frames] == list(range(len(frames)))


def test_what_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("nothing to see")
    sound = tmp_path / "sound.mkv"
    with av.open(str(sound), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        made = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        made.rate = 8000
        file.mux(stream.encode(made))
    for path, error in ((text, Invalid), (sound, Invalid), (tmp_path / "gone.mp4", NotFound)):
        with pytest.raises(error, match=path.name), imagery.open_video(path, name=path.name):
            pass


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    secret = clip(tmp_path / "secret.mp4", 3)
    playlists = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {secret}\n",
    }
    for name, said in playlists.items():
        (tmp_path / name).write_text(said)
        with pytest.raises(Invalid, match=name), imagery.open_video(tmp_path / name, name=name):
            pass


def test_frames_of_absurd_size_are_refused_by_the_header(tmp_path: Path) -> None:
    path = clip(tmp_path / "wide.avi", 1, codec="rawvideo", pixels="gray", size=(64, 48))
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"strf") + 12
    damaged[at : at + 8] = (14_000).to_bytes(4, "little") + (14_000).to_bytes(4, "little")
    path.write_bytes(damaged)
    began = time.monotonic()
    with pytest.raises(Unsafe, match=r"14000 × 14000"), imagery.open_video(path, name="wide.avi"):
        pass
    assert time.monotonic() - began < 30


def test_a_decoder_that_dies_ends_the_video_and_nothing_else(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", 30)
    before = {one.pid for one in psutil.Process().children()}
    with imagery.open_video(path, name="a.mp4") as video:
        (child,) = (one for one in psutil.Process().children() if one.pid not in before)
        frames = video.frames()
        first = next(frames)
        os.kill(child.pid, signal.SIGKILL)
        rest = list(frames)
    assert first.number == 0 and len(rest) < 29 and "cannot be decoded" in video.broken
    assert not psutil.pid_exists(child.pid)


def test_the_child_ends_when_reading_is_interrupted(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", 30)
    before = {one.pid for one in psutil.Process().children()}
    with pytest.raises(KeyboardInterrupt), imagery.open_video(path, name="a.mp4") as video:
        for _ in video.frames():
            raise KeyboardInterrupt
    assert {one.pid for one in psutil.Process().children()} <= before


def test_every_cut_of_a_video_is_read_or_refused(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4", 12).read_bytes()
    path = tmp_path / "cut.mp4"
    for share in (0.02, 0.2, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            frames, broken = frames_of(path)
        except EvalnbError as error:
            assert "cut.mp4" in str(error)
        else:
            assert len(frames) == 12 or broken


def test_a_child_that_cannot_start_is_no_fault_of_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "a.mp4", 1)
    monkeypatch.setattr(_video, "_SCRIPT", tmp_path / "gone.py")
    with pytest.raises(Unavailable, match="no video can be decoded here"), imagery.open_video(path, name="a.mp4"):
        pass


def test_without_the_decoder_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "a.mp4", 1)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "av" else found(name))
    with pytest.raises(MissingExtra, match=r"evalnb\[video\]"), imagery.open_video(path, name="a.mp4"):
        pass
