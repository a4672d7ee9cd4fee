#!/bin/sh
# Prepares and runs the programs of this folder; README.md has the table.
#
#   stdout.sh prepare LANGUAGE                 install and build, when something changed
#   stdout.sh list LANGUAGE                    the libraries and formats, one pair per line
#   stdout.sh run LANGUAGE LIBRARY FORMAT      run one; prepare has to come first
#   stdout.sh record LANGUAGE DIRECTORY        write what each one prints to a file there
#
# What is installed and built goes to .cache/stdout of the repository.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache/stdout
action=${1:?action} language=${2:?language}
shift 2
source=$here/$language
into=$cache/$language

prepare_python() {
	python3 -m venv --clear "$into/venv"
	"$into/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$source/requirements.txt"
}

prepare_node() {
	mkdir -p "$into"
	cp "$source"/*.json "$source"/*.js "$into/"
	npm ci --prefix "$into" --silent --no-audit --no-fund
}

prepare_go() {
	CGO_ENABLED=0 go -C "$source" build -trimpath -o "$into/stdout" .
}

prepare_java() {
	mvn --file "$source/pom.xml" --batch-mode --quiet -Dbuild="$into" package
}

prepare_rust() {
	cargo build --manifest-path "$source/Cargo.toml" --target-dir "$into" --locked --quiet
}

# Ruby needs nothing but itself.
prepare_ruby() {
	ruby -c "$source/main.rb" >/dev/null
	mkdir -p "$into"
}

# One lock for all, so that tests that run side by side prepare a language once.
prepare() {
	mkdir -p "$cache"
	now=$(cd "$source" && find . -type f ! -path '*/__pycache__/*' ! -path '*/target/*' | LC_ALL=C sort | xargs cat "$here/stdout.sh" | cksum)
	if [ "$(cat "$cache/$language.sum" 2>/dev/null)" != "$now" ]; then
		rm -rf "$into"
		"prepare_$language" >&2
		echo "$now" >"$cache/$language.sum"
	fi
}

run() {
	export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 RUST_BACKTRACE=1
	case $language in
	python) exec "$into/venv/bin/python" "$source/main.py" "$@" ;;
	node) exec node "$into/main.js" "$@" ;;
	go) exec "$into/stdout" "$@" ;;
	java) exec java -XX:TieredStopAtLevel=1 -cp "$into/classes:$into/lib/*" Main "$@" ;;
	rust) exec "$into/debug/stdout" "$@" ;;
	ruby) exec ruby "$source/main.rb" "$@" ;;
	*) echo "stdout.sh: no language $language" >&2; exit 2 ;;
	esac
}

# Both streams, as they come, with this machine's paths and name taken out.
record() {
	(run list) | while read -r library format; do
		written=$1/${language}_${library}_$format
		(run "$library" "$format" 2>&1 </dev/null || true) | sed \
			-e "s|$source|/srv/app|g" -e "s|$into|/srv/app|g" \
			-e "s|\"$(hostname)\"|\"web-1\"|g" >"$written"
		case $(head -c 1 "$written") in
		'{') mv "$written" "$written.jsonl" ;;
		*) mv "$written" "$written.txt" ;;
		esac
	done
}

case $action in
prepare)
	if command -v flock >/dev/null; then
		mkdir -p "$cache"
		exec 9>"$cache/lock"
		flock 9
	fi
	prepare
	;;
list) run list ;;
run) run "$@" ;;
record) record "${1:?directory}" ;;
*) echo "stdout.sh: no action $action" >&2; exit 2 ;;
esac
