#!/usr/bin/env bash
# Make the secrets that docker-compose.yml reads, each in a file of its own under docker/secrets; what is there stays.
set -euo pipefail
cd "$(dirname "$0")"
# Nobody but you can enter the folder. The files themselves are open, since containers read them as users of their own.
mkdir -p -m 0700 secrets
chmod 0700 secrets
fresh() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -s "secrets/$1" ] || { printf '%s' "$2" > "secrets/$1" && chmod 0644 "secrets/$1"; }; }
keep database-password "$(fresh)"
keep broker-password "$(fresh)"
keep database-url "postgresql://evalnb:$(cat secrets/database-password)@postgres:5432/evalnb"
keep broker-url "redis://:$(cat secrets/broker-password)@redis:6379/0"
echo "the secrets are in $PWD/secrets; now: docker compose up --wait"
