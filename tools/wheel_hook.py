"""hatchling's hook: what a wheel carries beside the two packages, and what it must not be built without."""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("reports", "tour", "voila")

_REMEDY = "run `make setup` first; a wheel without the current bundles would show empty or outdated cells"


class WheelHook(BuildHookInterface[Any]):
    """Refuses to build without the browser bundles, compiles the native library, adds the shipped notebooks."""

    PLUGIN_NAME = "evalnb"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the files are gathered. An editable installation reads the rest from the clone."""
        root = Path(self.root)
        _compile(root)
        # The library has no part of Python in it: one wheel for all versions of Python, but for one platform.
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if version == "editable":
            return
        self._refuse_missing_bundles(root)
        for folder in SHIPPED:
            for path in sorted((root / "notebooks" / folder).rglob("*")):
                if path.is_file() and ".ipynb_checkpoints" not in path.parts and "__pycache__" not in path.parts:
                    build_data["force_include"][str(path)] = f"evalnb/{path.relative_to(root)}"

        self._add_portal(root / "portal" / ".next" / "standalone", build_data)

    def _add_portal(self, built: Path, build_data: dict[str, Any]) -> None:
        """The portal's own server with all that it needs, where it has been built (`make portal` does)."""
        if not (built / "portal" / "server.js").is_file():
            return
        for path in sorted(built.rglob("*")):
            # Half of the bytes are for scaling pictures, which the portal leaves to the API.
            if path.is_file() and not {"@img", "sharp"} & set(path.relative_to(built).parts):
                build_data["force_include"][str(path)] = f"evalnb/portal/{path.relative_to(built)}"

    def _refuse_missing_bundles(self, root: Path) -> None:
        sources = root / "widgets" / "src"
        static = root / "evalnb" / "widgets" / "static"
        wanted = sorted(index.parent.name for index in sources.glob("*/index.tsx"))
        missing = [f"{name}.js" for name in wanted if not (static / f"{name}.js").is_file()]
        if missing or not wanted:
            raise RuntimeError(f"no {', '.join(missing) or 'widgets'} in {static}: {_REMEDY}")
        newest = max((path.stat().st_mtime, path) for path in sources.rglob("*") if path.is_file())
        oldest = min((static / f"{name}.js").stat().st_mtime for name in wanted)
        if newest[0] > oldest:
            raise RuntimeError(f"{newest[1]} is newer than the bundles in {static}: {_REMEDY}")


def _compile(root: Path) -> None:
    spec = importlib.util.spec_from_file_location("build_native", root / "tools" / "build_native.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build()
