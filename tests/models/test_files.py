"""Weight files: safetensors that say what they are, and checkpoints read without running them."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from evalnb.errors import EvalnbError, Invalid, NotFound, Unsafe
from evalnb.models import _ultralytics, files
from evalnb.models.architectures import architecture


class Calls:
    """Pickles as a call: what a malicious checkpoint is made of."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.fixture(scope="session")
def checkpoint(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A checkpoint as ultralytics writes one: the whole module, in half precision."""
    module = _ultralytics.build(cache, architecture("yolo11n"), 3).half()
    module.names = {0: "person", 1: "bus", 2: "dög"}
    path = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    training = {"imgsz": 320, "lr0": 0.01, "path": Path("somewhere")}
    torch.save({"epoch": -1, "model": module, "ema": None, "train_args": training, "fitness": np.float64(0.5)}, path)
    return path, module.state_dict()


def test_a_checkpoint_becomes_safetensors_with_every_tensor_and_a_description(
    checkpoint: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    path, state = checkpoint
    weights = files.open_weights(path, into=tmp_path)
    assert (weights.architecture, weights.image_size) == ("yolo11n", 320)
    assert weights.class_names == ("person", "bus", "dög")
    read = load_file(weights.path)
    assert read.keys() == state.keys()
    assert all(read[name].dtype == state[name].dtype and torch.equal(read[name], state[name]) for name in state)
    assert files.read_header(weights.path) == weights
    assert list(tmp_path.iterdir()) == [weights.path]


def test_the_suffix_does_not_matter_and_a_second_opening_converts_nothing(
    checkpoint: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    other = tmp_path / "weights.safe"
    other.write_bytes(checkpoint[0].read_bytes())
    first = files.open_weights(other, into=tmp_path / "in")
    made = first.path.stat().st_mtime_ns
    assert files.open_weights(other, into=tmp_path / "in") == first
    assert first.path.stat().st_mtime_ns == made


def test_a_bare_state_dict_keeps_every_kind_of_tensor(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = OrderedDict(
        whole=base,
        view=base[1:, ::2],
        turned=base.t(),
        scalar=torch.tensor(7),
        empty=torch.empty(0, 3),
        flags=torch.tensor([True, False]),
        bytes=torch.arange(5, dtype=torch.uint8),
        half=torch.randn(3).half(),
        double=torch.randn(3).double(),
        parameter=torch.nn.Parameter(torch.randn(2, 2)),
    )
    torch.save({"model": state}, tmp_path / "sam.pt")
    read = load_file(files.open_weights(tmp_path / "sam.pt", into=tmp_path).path)
    assert all(torch.equal(read[name], state[name]) and read[name].dtype == state[name].dtype for name in state)


def test_bfloat16_is_widened_without_loss(tmp_path: Path) -> None:
    value = torch.randn(50).bfloat16()
    torch.save({"x": value}, tmp_path / "b.pt")
    read = load_file(files.open_weights(tmp_path / "b.pt", into=tmp_path).path)["x"]
    assert read.dtype == torch.float32 and torch.equal(read, value.float())


@pytest.mark.parametrize(
    "calls",
    [
        Calls(os.system, "touch PWNED"),
        Calls(eval, "__import__('os').system('touch PWNED')"),
        Calls(getattr, "x", "upper"),
        Calls(io.open, "PWNED", "w"),
        Calls(torch.hub.load, "x", "y"),
        Calls(torch.load, "PWNED"),
        Calls(pickle.loads, b"."),
        Calls(__import__, "os"),
    ],
)
@pytest.mark.parametrize("inside", ["beside", "model"])
def test_a_malicious_checkpoint_is_refused_and_nothing_of_it_runs(
    calls: Calls, inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = {"model": calls} if inside == "model" else {"model": {"w": torch.zeros(2)}, "extra": calls}
    torch.save(whole, tmp_path / "evil.pt")
    with pytest.raises(Unsafe, match=r"evil\.pt is not safe to open \(it asks for .*; get the weights"):
        files.open_weights(tmp_path / "evil.pt", into=tmp_path / "in")
    assert not list(tmp_path.rglob("PWNED")) and not list(tmp_path.rglob("*.safetensors"))


def test_state_that_sets_methods_on_the_stand_ins_runs_nothing(tmp_path: Path) -> None:
    # GLOBAL an inert class, BUILD it with slot state: setattr on the class itself; then make one and let it go.
    opcodes = (
        b"\x80\x02cultralytics.nn.tasks\nDetectionModel\nq\x00"
        b"(N}(X\x07\x00\x00\x00__del__cultralytics.nn.modules.conv\nConv\nutb"
        b"cultralytics.nn.tasks\nDetectionModel\n)R."
    )
    _zipped(tmp_path / "odd.pt", opcodes)
    with pytest.raises((Invalid, Unsafe), match=r"odd\.pt"):
        files.open_weights(tmp_path / "odd.pt", into=tmp_path)


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(4)}, tmp_path / "w.pt")
    source = zipfile.ZipFile(tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "short.pt", "w") as target:
        for one in source.infolist():
            data = source.read(one)
            target.writestr(one.filename, data[:8] if one.filename.endswith("/data/0") else data)
    with pytest.raises(Invalid, match="reaches element 3 of a storage of 2"):
        files.open_weights(tmp_path / "short.pt", into=tmp_path)


def test_a_compressed_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("x/data.pkl", b"\x80\x02}.")
        target.writestr("x/data/0", bytes(50_000_000))
    with pytest.raises(Unsafe, match="a compressed member"):
        files.open_weights(tmp_path / "bomb.pt", into=tmp_path)


def test_a_pickle_deeper_than_memory_allows_is_a_refusal_not_a_crash(tmp_path: Path) -> None:
    deep = b"\x80\x02" + b"]" * 3_000_000 + b"a" * 2_999_999 + b"."
    _zipped(tmp_path / "deep.pt", deep)
    with pytest.raises(EvalnbError, match=r"deep\.pt"):
        files.open_weights(tmp_path / "deep.pt", into=tmp_path)


@pytest.mark.parametrize(
    ("content", "refusal", "says"),
    [
        (b"", Unsafe, "no kind of weights"),
        (b"\x80\x02}q\x00.", Unsafe, "no kind of weights"),
        (b"PK\x03\x04garbage", Invalid, "no PyTorch checkpoint"),
        (b"<html>login</html>", Unsafe, "no kind of weights"),
    ],
)
def test_other_files_are_refused_by_what_they_hold(
    content: bytes, refusal: type[EvalnbError], says: str, tmp_path: Path
) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(refusal, match=rf"w\.pt .*{says}"):
        files.open_weights(tmp_path / "w.pt", into=tmp_path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no weights at"):
        files.open_weights(tmp_path / "nowhere.pt", into=tmp_path)


def test_torchscript_and_checkpoints_without_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(Invalid, match="no model"):
        files.open_weights(tmp_path / "empty.pt", into=tmp_path)


def test_every_truncation_of_a_checkpoint_is_a_named_refusal(
    checkpoint: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    whole = checkpoint[0].read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        (tmp_path / "cut.pt").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(Invalid, match=r"cut\.pt cannot be read as weights"):
            files.open_weights(tmp_path / "cut.pt", into=tmp_path)


def test_damaged_safetensors_are_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    save_file({"w": torch.zeros(10)}, good)
    whole = good.read_bytes()
    header = json.dumps({"w": {"dtype": "F32", "shape": [10], "data_offsets": [0, 99]}}).encode()
    for content in (
        whole[:-1],
        whole + b"x",
        struct.pack("<Q", 2**60) + whole[8:],
        struct.pack("<Q", 4) + b"{no}",
        struct.pack("<Q", len(header)) + header + bytes(40),
    ):
        (tmp_path / "bad.safetensors").write_bytes(content)
        with pytest.raises(Invalid, match=r"bad\.safetensors is damaged"):
            files.open_weights(tmp_path / "bad.safetensors", into=tmp_path)


def test_a_description_is_written_without_touching_the_tensors(tmp_path: Path) -> None:
    save_file({"w": torch.arange(10.0)}, tmp_path / "plain.safetensors", metadata={"who": "me"})
    plain = files.read_header(tmp_path / "plain.safetensors")
    assert plain == files.Weights(tmp_path / "plain.safetensors")
    named = files.Weights(plain.path, "yolo11n", ("a", "b"), 96)
    out = files.describe(named, tmp_path / "named.safetensors")
    assert files.read_header(out.path) == files.Weights(out.path, "yolo11n", ("a", "b"), 96)
    with safe_open(out.path, "pt") as opened:
        assert torch.equal(opened.get_tensor("w"), torch.arange(10.0))


def _zipped(path: Path, pickled: bytes) -> None:
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("x/data.pkl", pickled)
