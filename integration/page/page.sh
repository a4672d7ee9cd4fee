#!/bin/sh
# Prepares and runs the checks of the viewer's page, in .cache/page of the repository.
#
#   page.sh prepare          install the driver of the browser, when it changed
#   page.sh run ARGUMENT...  run checks.mjs; prepare has to come first
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache/page
action=${1:?action}
shift

case $action in
prepare)
	mkdir -p "$cache"
	now=$(cat "$here/package.json" "$here/package-lock.json" | cksum)
	if [ "$(cat "$cache/sum" 2>/dev/null)" != "$now" ]; then
		cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$cache/"
		npm ci --prefix "$cache" --silent --no-audit --no-fund
		echo "$now" >"$cache/sum"
	fi
	;;
run)
	cp "$here/checks.mjs" "$cache/"
	exec node "$cache/checks.mjs" "$@"
	;;
esac
