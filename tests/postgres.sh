#!/usr/bin/env bash
# Run a command with a PostgreSQL server of its own: a private port, a folder that is gone afterwards.
# Without PostgreSQL the command runs on SQLite alone and one line says so; with CI=true that is a failure.
set -u
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { found=$(command -v initdb) && bin=$(dirname "$found"); }
if [ -z "$bin" ]; then
  echo "PostgreSQL is not installed: tests run on SQLite only" >&2
  [ "${CI:-}" = true ] && exit 1
  exec "$@"
fi
folder=$(mktemp -d /tmp/fachkreis-postgres.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then  # PostgreSQL refuses to run as root
  id postgres >/dev/null 2>&1 || useradd --system postgres
  chown postgres "$folder"
  as=(setpriv --reuid=postgres --regid="$(id -g postgres)" --clear-groups)
fi
stop() { "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1; rm -rf "$folder"; }
trap stop EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder" || exit 1
"${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$folder/log" 2>&1 &&
  "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/data/server.log" -o \
    "-p $port -k $folder -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200" start >/dev/null ||
  { cat "$folder"/log "$folder"/data/server.log >&2; exit 1; }
cd "$OLDPWD" || exit 1
FORUM_TEST_DATABASE="postgresql://postgres@127.0.0.1:$port/postgres" "$@"
