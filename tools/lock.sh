#!/usr/bin/env bash
# Write the three hashed locks anew: uv itself, everything that evalnb and its development need, and SAM 2.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.build/uv/bin/uv
pin() { # output, comment, uv arguments…
  local out=$1 comment=$2; shift 2
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade "$@" -o "$out.new"
  { echo "# $comment Made by \`make lock\`."; grep -v '^#' "$out.new"; } > "$out"
  rm "$out.new"
}
pin requirements.lock "Every Python dependency of evalnb and of its development, pinned and hashed." \
  pyproject.toml --extra models --extra server --extra lab --extra video --extra dev --extra peers
printf 'sam2>=1.1\n' | pin requirements-sam2.lock \
  "SAM 2 builds from source against the torch already installed, hence its own file." --no-deps -
printf 'uv\n' | pin requirements-uv.lock "The installer that reads the other locks." -
