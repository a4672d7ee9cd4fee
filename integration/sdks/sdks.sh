#!/bin/sh
# Prepares and runs the programs of this folder; README.md says what they do.
#
#   sdks.sh prepare LANGUAGE           install and build, when something changed
#   sdks.sh run LANGUAGE ARGUMENT...   run the program; prepare has to come first
#   sdks.sh snippet LANGUAGE           run what the repository's README shows
#
# What is installed and built goes to .cache/sdks of the repository.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache/sdks
action=${1:?action} language=${2:?language}
shift 2
source=$here/$language
into=$cache/$language

prepare_go() {
	CGO_ENABLED=0 go -C "$source" build -trimpath -o "$into/" . ./snippet
}

prepare_python() {
	python3 -m venv --clear "$into/venv"
	"$into/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$source/requirements.txt"
}

prepare_node() {
	mkdir -p "$into"
	cp "$source"/*.json "$source"/*.js "$source"/*.mjs "$into/"
	npm ci --prefix "$into" --silent --no-audit --no-fund
}

prepare_java() {
	mvn --file "$source/pom.xml" --batch-mode --quiet -Dbuild="$into" package
}

prepare_rust() {
	for package in sdks snippet; do
		cargo build --manifest-path "$source/Cargo.toml" --target-dir "$into" --locked --quiet --package $package
	done
}

# A page and its script, in one piece, once for each protocol.
prepare_browser() {
	mkdir -p "$into"
	cp "$source"/*.json "$source"/*.js "$into/"
	npm ci --prefix "$into" --silent --no-audit --no-fund
	(cd "$into" && node_modules/.bin/esbuild page.js --bundle --format=iife --outfile=page/json/page.js --log-level=warning)
	(cd "$into" && node_modules/.bin/esbuild page.js --bundle --format=iife --outfile=page/protobuf/page.js --log-level=warning \
		--alias:@opentelemetry/exporter-logs-otlp-http=@opentelemetry/exporter-logs-otlp-proto \
		--alias:@opentelemetry/exporter-trace-otlp-http=@opentelemetry/exporter-trace-otlp-proto)
}

# One lock for each language, so that tests that run side by side prepare it once.
prepare() {
	now=$(cd "$source" && find . -type f ! -path '*/__pycache__/*' ! -path '*/target/*' | LC_ALL=C sort | xargs cat "$here/sdks.sh" | cksum)
	if [ "$(cat "$cache/$language.sum" 2>/dev/null)" != "$now" ]; then
		rm -rf "$into"
		mkdir -p "$into"
		"prepare_$language" >&2
		echo "$now" >"$cache/$language.sum"
	fi
}

# With one of these, Python's requests takes no notice of an exporter's own certificate.
[ "$action" = prepare ] || unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 RUST_BACKTRACE=1
java() { exec java -XX:TieredStopAtLevel=1 -cp "$into/classes:$into/lib/*" "$@"; }

run() {
	case $language in
	go) exec "$into/go" "$@" ;;
	python) exec "$into/venv/bin/python" "$source/main.py" "$@" ;;
	node) exec node "$into/main.js" "$@" ;;
	java) java Main "$@" ;;
	rust) exec "$into/debug/sdks" "$@" ;;
	*) echo "sdks.sh: no language $language" >&2; exit 2 ;;
	esac
}

snippet() {
	case $language in
	go) exec "$into/snippet" ;;
	python) exec "$into/venv/bin/python" "$source/snippet.py" ;;
	node) exec node "$into/snippet.mjs" ;;
	java) java App ;;
	rust) exec "$into/debug/snippet" ;;
	*) echo "sdks.sh: no language $language" >&2; exit 2 ;;
	esac
}

case $action in
prepare)
	mkdir -p "$cache"
	if command -v flock >/dev/null; then
		exec 9>"$cache/$language.lock"
		flock 9
	fi
	prepare
	;;
run) run "$@" ;;
snippet) snippet ;;
*) echo "sdks.sh: no action $action" >&2; exit 2 ;;
esac
