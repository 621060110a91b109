#!/usr/bin/env bash
# Make sure that there is a Chromium for the browser tests, and print where.
set -euo pipefail
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
  [ -n "$name" ] && command -v "$name" && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; } >&2
  command -v chromium && exit 0
fi
.venv/bin/python -m playwright install chromium >&2
.venv/bin/python -c 'from playwright.sync_api import sync_playwright as p
with p() as one: print(one.chromium.executable_path)'
