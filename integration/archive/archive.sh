#!/bin/sh
# Readers of others for archives, for the tests.
#
#   archive.sh prepare           install DuckDB (PyPI) into .cache/archive, when something changed
#   archive.sh python ARGUMENTS  run Python with it
#
# zstd and gzip, the command-line tools, are the system's own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
into=$(cd "$here/../.." && pwd)/.cache/archive
action=${1:?action}
shift

prepare() {
	now=$(cd "$here" && cat archive.sh requirements.txt | cksum)
	if [ "$(cat "$into/sum" 2>/dev/null)" != "$now" ]; then
		rm -rf "$into/python"
		python3 -m venv "$into/python"
		"$into/python/bin/pip" install --quiet --disable-pip-version-check --no-compile --no-deps -r "$here/requirements.txt" >&2
		echo "$now" >"$into/sum"
	fi
}

case $action in
prepare)
	mkdir -p "$into"
	if command -v flock >/dev/null; then
		exec 9>"$into/lock"
		flock 9
	fi
	prepare
	;;
python)
	export PYTHONDONTWRITEBYTECODE=1
	exec "$into/python/bin/python" "$@"
	;;
*) echo "archive.sh: no action $action" >&2; exit 2 ;;
esac
