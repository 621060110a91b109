#!/usr/bin/env bash
# Make sure that the distribution's own PostgreSQL (with pgvector) and Redis are installed, for the tests marked `outside`.
# Nothing is started here: the tests start them on private sockets. Says what is missing where it cannot be had.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # RUNLEVEL: packages must not start services

programs() { printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1 | xargs dirname; }
version() { programs | cut -d/ -f5; }
have_postgres() { [ -x "$(programs)/initdb" ]; }
have_pgvector() { have_postgres && [ -e "/usr/share/postgresql/$(version)/extension/vector.control" ]; }
have_redis() { command -v redis-server >/dev/null; }
have_pgvector && have_redis && exit 0

install() { apt-get install -y -q --no-install-recommends "$@"; }

# Debian 12 ships PostgreSQL 15 without pgvector; the source package of Debian 13 builds against it. It comes by apt,
# from the mirror that this machine already uses, with apt's own check of its signature.
build_pgvector() {
  install "postgresql-server-dev-$(version)" build-essential
  local place mirror
  place=$(mktemp -d)
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1)
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > "$place/sources.list"
  mkdir -p "$place/lists/partial"
  local apt=(apt-get -q -o "Dir::Etc::sourcelist=$place/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$place/lists" -o APT::Sandbox::User=root)
  "${apt[@]}" update
  (
    cd "$place" && "${apt[@]}" source --download-only pgvector
    mkdir source && tar -xf pgvector_*.orig.tar.* -C source --strip-components=1
    make -C source -s OPTFLAGS="" PG_CONFIG="$(programs)/pg_config" with_llvm=no
    make -C source -s install PG_CONFIG="$(programs)/pg_config" with_llvm=no
  )
  rm -rf "$place"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  {
    apt-get update -q
    # No cluster of the distribution's making: the tests own theirs.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
    have_redis || install redis-server
    have_postgres || install postgresql
    have_pgvector || install "postgresql-$(version)-pgvector" || build_pgvector
  } >&2
fi
have_pgvector && have_redis || echo "outside servers: install postgresql, its pgvector and redis-server to run the tests marked outside"
