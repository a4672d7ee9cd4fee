#!/bin/sh
# The JSON Schemas of CycloneDX, for the tests.
#
#   sbom.sh prepare  get them from PyPI into .cache/sbom of the repository, when something
#                    changed, and print the folder that has them
set -eu

here=$(cd "$(dirname "$0")" && pwd)
into=$(cd "$here/../.." && pwd)/.cache/sbom
[ "${1:?action}" = prepare ] || { echo "sbom.sh: no action $1" >&2; exit 2; }

mkdir -p "$into"
now=$(cat "$here/sbom.sh" "$here/requirements.txt" | cksum)
if [ "$(cat "$into/sum" 2>/dev/null)" != "$now" ]; then
	rm -rf "$into/python" "$into/lib"
	python3 -m venv "$into/python"
	"$into/python/bin/pip" install --quiet --disable-pip-version-check --no-compile --no-deps --target "$into/lib" -r "$here/requirements.txt" >&2
	echo "$now" >"$into/sum"
fi
echo "$into/lib/cyclonedx/schema/_res"
