#!/bin/sh
# Names what is missing before a build, with what to do about it.
#
#   sh internal/tools/preflight.sh build|run
#
# Ends with status 1 when the build cannot succeed. What may yet go well is only
# said. HEARTWOOD_PREFLIGHT=off skips it all.
set -u

want_minor=26 # of Go 1; as go.mod says

# Measured on this project: modules in GOMODCACHE with their archives 2.5 GB, the
# build cache of the three programs 2 GB, bin/ 0.2 GB; the linker's largest
# resident size 2.4 GB.
modules_mb=2600
cache_mb=2200
bin_mb=250
link_mb=2500

[ "${HEARTWOOD_PREFLIGHT:-}" != off ] || exit 0

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
bin=$root/bin
problems=0

problem() {
	problems=$((problems + 1))
	printf 'preflight: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf '           %s\n' "$2" >&2
}

note() {
	printf 'preflight: note: %s\n' "$1" >&2
}

# --- Go -------------------------------------------------------------------------

check_go() {
	if ! command -v go >/dev/null 2>&1; then
		problem "there is no go on the PATH; Go 1.$want_minor or newer is needed" \
			"Get it from https://go.dev/dl/ and add its bin folder to the PATH, often /usr/local/go/bin."
		return 1
	fi
	# The toolchain on this machine, not one that go would fetch.
	found=$(cd / && GOTOOLCHAIN=local GOFLAGS='' go env GOVERSION 2>/dev/null)
	case $found in
	go1.*) minor=${found#go1.} ;;
	devel*) return 0 ;;
	*)
		problem "\`go env GOVERSION\` says \"$found\", which is no version of Go" "Is $(command -v go) the Go toolchain?"
		return 1
		;;
	esac
	minor=${minor%%[!0-9]*}
	[ "${minor:-0}" -lt "$want_minor" ] || return 0

	toolchain=$(cd / && GOTOOLCHAIN='' go env GOTOOLCHAIN 2>/dev/null)
	toolchain=${GOTOOLCHAIN:-$toolchain}
	if [ "$minor" -ge 21 ] && [ "$toolchain" != local ]; then
		note "$found is older than Go 1.$want_minor; it will fetch a newer toolchain by itself (some 70 MB)"
		return 0
	fi
	problem "$(command -v go) is $found; Go 1.$want_minor or newer is needed" \
		"Get it from https://go.dev/dl/. $([ "$minor" -lt 21 ] || echo 'Or let this one fetch it: unset GOTOOLCHAIN, or set it to auto.')"
	return 1
}

# --- disk -----------------------------------------------------------------------

# existing prints the nearest folder above $1 that exists.
existing() {
	dir=$1
	while [ ! -d "$dir" ]; do
		above=$(dirname "$dir")
		[ "$above" != "$dir" ] || break
		dir=$above
	done
	printf '%s\n' "$dir"
}

# df_field prints a column of df's answer about $1, in POSIX's format: 1 is the
# device, 4 the free kilobytes.
df_field() {
	df -Pk "$1" 2>/dev/null | awk -v column="$2" 'NR == 2 { print $column }'
}

check_writable() {
	[ ! -d "$1" ] || [ -w "$1" ] || problem "$1 is not writable" "$2"
}

# check_disk adds up what each file system has to take, for several of the folders
# are usually on one.
check_disk() {
	modules=$(existing "$(go env GOMODCACHE)")
	cache=$(existing "$(go env GOCACHE)")
	need_modules=$modules_mb need_cache=$cache_mb need_bin=$bin_mb
	# What is there already need not be there twice.
	[ ! -d "$modules/cache/download/go.opentelemetry.io/collector/otelcol" ] || need_modules=100
	if [ -x "$bin/otelcol-heartwood" ]; then
		need_cache=300 need_bin=0
	fi
	check_writable "$modules" "Set GOMODCACHE to a folder that is yours."
	check_writable "$cache" "Set GOCACHE to a folder that is yours."
	check_writable "$root" "bin/ and .run/ are made there: clone into a folder that is yours."

	done_devices=' '
	for dir in "$modules" "$cache" "$root"; do
		device=$(df_field "$dir" 1)
		free_kb=$(df_field "$dir" 4)
		case $free_kb in '' | *[!0-9]*) continue ;; esac # df does not say
		case $done_devices in *" $device "*) continue ;; esac
		done_devices="$done_devices$device "
		need=0 what=''
		[ "$(df_field "$modules" 1)" != "$device" ] || { need=$((need + need_modules)); what="$what modules"; }
		[ "$(df_field "$cache" 1)" != "$device" ] || { need=$((need + need_cache)); what="$what, build cache"; }
		[ "$(df_field "$root" 1)" != "$device" ] || { need=$((need + need_bin)); what="$what, bin/"; }
		free=$((free_kb / 1024))
		[ "$free" -ge "$need" ] || problem \
			"$free MB are free on the disk of $dir; the build needs about $need MB there ($(printf '%s' "$what" | sed 's/^[ ,]*//'))" \
			"Make room (\`go clean -cache\` frees an old build cache), or set GOMODCACHE and GOCACHE to another disk."
	done
}

# --- memory ---------------------------------------------------------------------

# available_mb prints how much memory a new process could get, or nothing where
# the system does not say.
available_mb() {
	if [ -r /proc/meminfo ]; then
		mb=$(awk '$1 == "MemAvailable:" || $1 == "SwapFree:" { kb += $2 } END { print int(kb / 1024) }' /proc/meminfo)
		for limit in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
			[ -r "$limit" ] || continue
			limit_mb=$(awk '/^[0-9]+$/ { printf "%.0f\n", $1 / 1048576 }' "$limit")
			if [ -n "$limit_mb" ] && [ "$limit_mb" -lt "$mb" ]; then
				mb=$limit_mb
			fi
		done
		printf '%s\n' "$mb"
	elif command -v sysctl >/dev/null 2>&1; then
		sysctl -n hw.memsize 2>/dev/null | awk '{ printf "%.0f\n", $1 / 1048576 }'
	fi
}

check_memory() {
	[ ! -x "$bin/otelcol-heartwood" ] || return 0 # it was linked here before
	mb=$(available_mb)
	[ -n "$mb" ] && [ "$mb" -lt "$link_mb" ] || return 0
	note "$mb MB of memory are available and the linker needs about $link_mb MB; if it is killed, close other programs or add swap"
}

case ${1:-} in
build | run) ;;
*)
	echo "usage: preflight.sh build|run" >&2
	exit 2
	;;
esac

if check_go; then
	check_disk
	check_memory
fi
[ "$problems" -eq 0 ]
