#!/bin/sh
# Install Debian packages that the tests use, where they are missing and we may; say in one line what stays missing.
set -u
have() {
  case $1 in
    postgresql) command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
missing=""
for name in "$@"; do have "$name" || missing="$missing $name"; done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get install -y --no-install-recommends $missing; } >/tmp/fachkreis-apt.log 2>&1 || tail -n 5 /tmp/fachkreis-apt.log
fi
for name in $missing; do
  have "$name" && continue
  echo "$name is missing: its tests are skipped (with CI=true they fail)"
  [ "${CI:-}" = true ] && exit 1
done
exit 0
