"""Read a PyTorch checkpoint without PyTorch, and without running anything that it says.

This file is run as a script, in a process of its own with its limits set first, and imports numpy alone. A
checkpoint is a zip of a pickle and raw storages. The pickle is interpreted with every global replaced: classes of
torch and ultralytics become inert holders of attributes, tensors become bounds-checked numpy views, and any other
global ends the reading. The state dict goes out as safetensors, the rest of interest as one line of JSON.

Usage: python _convert.py CHECKPOINT OUT FOLDER…
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SECONDS = 120

# numpy's name for each torch storage; bfloat16 has none and is widened by hand.
_DTYPES = {
    "Float": "f4",
    "Double": "f8",
    "Half": "f2",
    "BFloat16": "bf16",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
_SAFETENSORS = {"f4": "F32", "f8": "F64", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u1": "U8"}
_INERT = (
    "torch.nn.modules.",
    "torch.nn.parameter.",
    "ultralytics.",
    "numpy.",
    "pathlib.",
)
_INERT_NAMES = {
    "torch.Size",
    "torch.device",
    "torch.float16",
    "torch.float32",
    "torch.float64",
    "torch.bfloat16",
    "torch.int64",
    "torch.serialization._get_layout",
    "types.SimpleNamespace",
    "argparse.Namespace",
    "datetime.datetime",
}
_BUILTINS = {"set": set, "frozenset": frozenset, "slice": slice, "complex": complex, "bytearray": bytearray}


class Refused(Exception):
    """The checkpoint asks for something that no checkpoint needs."""


class Broken(Exception):
    """The checkpoint is not one, or is damaged, or is of a kind that evalnb does not read."""


class Inert:
    """An object of a class that was not imported: it holds its arguments and its state, and does nothing."""

    kind = ""

    def __new__(cls, *arguments: Any, **named: Any) -> Inert:
        self = super().__new__(cls)
        self.__dict__["arguments"] = arguments
        return self

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Hold nothing more."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2 and (state[0] is None or isinstance(state[0], dict)):
            for part in state:
                self.__dict__.update(part or {})
        elif isinstance(state, dict):
            self.__dict__.update(state)

    # Sets and dicts of inert keys, as optimizers have them.
    def __hash__(self) -> int:
        return id(self)


class Storage:
    """A storage type, as a tensor's pickle names it."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class Reader(pickle.Unpickler):
    """The pickle machine with every global replaced."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(file, encoding="utf-8")
        self._archive, self._root = archive, root
        self._storages: dict[str, NDArray[Any]] = {}
        self._classes: dict[str, type[Inert]] = {}
        order = f"{root}/byteorder"
        big = order in archive.NameToInfo and archive.read(order) == b"big"
        self._order = ">" if big else "<"

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global, or Refused."""
        full = f"{module}.{name}"
        if module in {"builtins", "__builtin__"} and name in _BUILTINS:
            return _BUILTINS[name]
        if full == "collections.OrderedDict":
            return OrderedDict
        if full == "_codecs.encode":
            return _latin1
        if module == "torch" and name.endswith("Storage"):
            return Storage(_DTYPES.get(name.removesuffix("Storage"), name))
        if full == "torch._utils._rebuild_tensor_v2":
            return self._tensor
        if full in {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}:
            return _first
        if full in _INERT_NAMES or full.startswith(_INERT):
            if full not in self._classes:
                self._classes[full] = type("Inert", (Inert,), {"kind": full})
            return self._classes[full]
        raise Refused(full)

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        """A storage as a flat array."""
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], Storage)):
            raise Broken("a tensor's storage is not described as PyTorch does")
        dtype, key = pid[1].dtype, str(pid[2])
        if key not in self._storages:
            import numpy as np

            name = f"{self._root}/data/{key}"
            if name not in self._archive.NameToInfo:
                raise Broken(f"storage {key!r} is missing")
            raw = self._archive.read(name)
            if dtype == "bf16":
                halves = np.frombuffer(raw, dtype=self._order + "u2").astype("u4")
                self._storages[key] = (halves << 16).view("f4")
            elif dtype in _DTYPES.values():
                self._storages[key] = np.frombuffer(raw, dtype=self._order + dtype)
            else:
                raise Broken(f"tensors of type {dtype} are not read")
        return self._storages[key]

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> NDArray[Any]:
        import numpy as np

        if not isinstance(storage, np.ndarray) or len(size) != len(stride):
            raise Broken("a tensor is not described as PyTorch does")
        offset, size, stride = int(offset), [int(n) for n in size], [int(n) for n in stride]
        if min([offset, *size, *stride], default=0) < 0 or len(size) > 16:
            raise Broken("a tensor has a negative size or stride")
        if 0 in size:
            return np.empty(size, dtype=storage.dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= storage.size:
            raise Broken(f"a tensor reaches element {last} of a storage of {storage.size}")
        steps = [step * storage.itemsize for step in stride]
        # Rebuilt from the buffer, so that numpy checks the bounds a second time.
        return np.ndarray(tuple(size), storage.dtype, storage, offset * storage.itemsize, tuple(steps))


def _latin1(text: str, encoding: str) -> bytes:
    if encoding not in {"latin1", "latin-1"}:
        raise Refused(f"_codecs.encode({encoding!r})")
    return text.encode("latin-1")


def _first(data: Any, *rest: Any) -> Any:
    return data


def read(source: IO[bytes]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The state dict of a checkpoint, and what it says of itself."""
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile:
        raise Broken("it is no PyTorch checkpoint (or one from before PyTorch 1.6)") from None
    pickles = [name for name in archive.NameToInfo if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Broken("it is a zip file, but no PyTorch checkpoint")
    size = source.seek(0, os.SEEK_END)
    # PyTorch stores its members uncompressed; anything else is a bomb.
    if any(one.compress_type != zipfile.ZIP_STORED or one.file_size > size for one in archive.infolist()):
        raise Refused("a compressed member")
    root = pickles[0].removesuffix("/data.pkl")
    if f"{root}/constants.pkl" in archive.NameToInfo:
        raise Broken("it is a TorchScript archive, not a checkpoint")
    with archive.open(pickles[0]) as file:
        whole = Reader(file, archive, root).load()
    if isinstance(whole, Inert):
        whole = {"model": whole}
    if not isinstance(whole, dict):
        raise Broken("it holds no model")
    found = next((whole[key] for key in ("ema", "model", "state_dict") if whole.get(key) is not None), whole)
    if isinstance(found, Inert):
        return dict(_parameters(found, "")), _described(found, whole)
    if isinstance(found, dict) and found and all(_is_array(value) for value in found.values()):
        return {str(name): value for name, value in found.items()}, {}
    raise Broken("it holds no model and no state dict")


def _parameters(module: Inert, prefix: str) -> list[tuple[str, NDArray[Any]]]:
    out: list[tuple[str, NDArray[Any]]] = []
    skip = vars(module).get("_non_persistent_buffers_set") or ()
    for group in ("_parameters", "_buffers"):
        for name, value in (vars(module).get(group) or {}).items():
            if _is_array(value) and not (group == "_buffers" and name in skip):
                out.append((f"{prefix}{name}", value))
    for name, child in (vars(module).get("_modules") or {}).items():
        if isinstance(child, Inert):
            out.extend(_parameters(child, f"{prefix}{name}."))
    return out


def _described(module: Inert, whole: dict[str, Any]) -> dict[str, Any]:
    own = vars(module)
    names = own.get("names")
    if isinstance(names, dict):
        names = [str(names[key]) for key in sorted(names)]
    elif isinstance(names, list | tuple):
        names = [str(one) for one in names]
    yaml = own.get("yaml") if isinstance(own.get("yaml"), dict) else {}
    arguments = whole.get("train_args") or own.get("args")
    arguments = vars(arguments) if isinstance(arguments, Inert) else arguments
    side = arguments.get("imgsz") if isinstance(arguments, dict) else None
    return {
        "class": type(module).kind,
        "class_names": names,
        "config": str(yaml.get("yaml_file", "")) if yaml else "",
        "image_size": side if isinstance(side, int) else None,
    }


def _is_array(value: Any) -> bool:
    return type(value).__name__ == "ndarray"


def write(file: IO[bytes], state: dict[str, NDArray[Any]]) -> None:
    """Write safetensors: the header's length, the header, then each tensor's bytes, one in memory at a time."""
    import numpy as np

    header: dict[str, Any] = {}
    at = 0
    for name, value in state.items():
        kind = "BOOL" if value.dtype == np.bool_ else _SAFETENSORS[value.dtype.str[1:]]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    for value in state.values():
        file.write(np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).tobytes())


def main(arguments: list[str]) -> int:
    """Convert, and print one JSON line: {"ok": …} or {"refused": …} or {"broken": …}."""
    checkpoint, out = Path(arguments[0]).resolve(), Path(arguments[1]).resolve()
    sys.path += arguments[2:]
    import numpy as np

    from evalnb.core.confinement import confine

    np.zeros(1)  # before the limits: what numpy loads and reserves late must be there already
    answer: dict[str, Any]
    try:
        # Both files are open before the limits fall: a user of another namespace may not open them.
        with checkpoint.open("rb") as source, out.open("wb") as target:
            size = checkpoint.stat().st_size
            confine(memory_bytes=2 * 2**30 + 6 * size, open_files=64, cpu_s=_SECONDS, written_bytes=2 * size + 2**20)
            state, said = read(source)
            if not state:
                raise Broken("it holds no tensors")
            write(target, state)
        answer = {"ok": said}
    except Refused as error:
        answer = {"refused": str(error)}
    except Broken as error:
        answer = {"broken": str(error)}
    except MemoryError:
        answer = {"refused": "more memory than its size explains"}
    except Exception as error:  # noqa: BLE001 - a hostile pickle can raise anything; the parent names the file
        answer = {"broken": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
