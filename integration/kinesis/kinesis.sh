#!/bin/sh
# Servers that stand for Amazon Kinesis, and AWS's readers of aggregates, for the tests.
#
#   kinesis.sh prepare                    install, when something changed
#   kinesis.sh run kinesis-local PORT TLS run kinesis-local (npm) in the foreground, on
#                                         plain HTTP's port; it wants one for TLS, too
#   kinesis.sh run moto PORT              run moto's server (PyPI) in the foreground
#   kinesis.sh deaggregate python|node    Lambda's records, a line each, to user records
#   kinesis.sh python ARGUMENTS           run Python with what is installed
#
# What is installed goes to .cache/kinesis of the repository.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
into=$root/.cache/kinesis
action=${1:?action}
shift

prepare() {
	mkdir -p "$into"
	now=$(cd "$here" && cat kinesis.sh node/package-lock.json python/requirements.txt | cksum)
	if [ "$(cat "$into/sum" 2>/dev/null)" != "$now" ]; then
		rm -rf "$into/node" "$into/python"
		mkdir -p "$into/node"
		cp "$here/node/"*.json "$into/node/"
		npm ci --prefix "$into/node" --ignore-scripts --silent --no-audit --no-fund >&2
		python3 -m venv "$into/python"
		"$into/python/bin/pip" install --quiet --disable-pip-version-check --no-compile --no-deps -r "$here/python/requirements.txt" >&2
		echo "$now" >"$into/sum"
	fi
}

run() {
	server=${1:?server} port=${2:?port}
	case $server in
	kinesis-local)
		modules=$into/node/node_modules/kinesis-local
		export KINESIS_MOCK_CERT_PATH="$modules/server.json"
		export KINESIS_MOCK_PLAIN_PORT="$port" KINESIS_MOCK_TLS_PORT="${3:?port}"
		export CREATE_STREAM_DURATION=10ms SPLIT_SHARD_DURATION=10ms MERGE_SHARDS_DURATION=10ms
		export UPDATE_SHARD_COUNT_DURATION=10ms SHARD_LIMIT=200 LOG_LEVEL=ERROR
		exec node "$modules/main.js"
		;;
	moto) exec "$into/python/bin/moto_server" -H 127.0.0.1 -p "$port" ;;
	*) echo "kinesis.sh: no server $server" >&2; exit 2 ;;
	esac
}

deaggregate() {
	case ${1:?language} in
	python) exec "$into/python/bin/python" "$here/python/deaggregate.py" ;;
	node) NODE_PATH=$into/node/node_modules exec node "$here/node/deaggregate.js" ;;
	*) echo "kinesis.sh: no language $1" >&2; exit 2 ;;
	esac
}

case $action in
prepare)
	if command -v flock >/dev/null; then
		mkdir -p "$into"
		exec 9>"$into/lock"
		flock 9
	fi
	prepare
	;;
run) run "$@" ;;
deaggregate) deaggregate "$@" ;;
python)
	export PYTHONDONTWRITEBYTECODE=1
	exec "$into/python/bin/python" "$@"
	;;
*) echo "kinesis.sh: no action $action" >&2; exit 2 ;;
esac
