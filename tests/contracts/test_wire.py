"""What Python writes is what TypeScript was told."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import TypeAdapter, ValidationError

from evalnb.wire.annotator import AnnotatorAsk, AnnotatorReplies, ApplyAsk
from evalnb.wire.shapes import Op, Patch

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "tools" / "generate_types.py"


def test_the_generated_types_are_current() -> None:
    done = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stale_file_is_noticed(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate_types", GENERATOR)
    assert spec and spec.loader
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    generator.TARGET = tmp_path / "wire.gen.ts"
    generator.TARGET.write_text(generator.generate() + "\nexport type Stray = 1;\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["generate_types.py", "--check"])
        with pytest.raises(SystemExit, match="make generate"):
            generator.main()


def test_the_generated_types_compile() -> None:
    tsc = ROOT / "node_modules" / ".bin" / "tsc"
    done = subprocess.run(
        [
            tsc,
            "--noEmit",
            "--strict",
            "--target",
            "es2022",
            "--skipLibCheck",
            ROOT / "widgets" / "src" / "wire.gen.ts",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_ask_has_a_reply() -> None:
    asks = TypeAdapter(AnnotatorAsk).json_schema()["discriminator"]["mapping"]
    assert set(asks) == set(AnnotatorReplies)


def test_an_ask_is_read_from_what_a_client_may_leave_out() -> None:
    op = {"client_op_id": str(uuid4()), "shape_id": str(uuid4()), "base_rev": 3, "action": "delete"}
    ask = TypeAdapter(AnnotatorAsk).validate_json(json.dumps({"ask": "apply", "image_id": 1, "ops": [op]}))
    assert isinstance(ask, ApplyAsk)
    assert ask.ops[0].patch == Patch()


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Op.model_validate_json(
            json.dumps(
                {
                    "client_op_id": str(uuid4()),
                    "shape_id": str(uuid4()),
                    "base_rev": 0,
                    "action": "create",
                    "colour": "red",
                }
            )
        )


def test_a_patch_writes_only_what_it_sets() -> None:
    assert Patch(crowd=False, tags=[]).model_dump() == {"crowd": False, "tags": []}
