#!/bin/sh
# Makes what the image is made of, from programs that `make release` or `make build` has left in bin/:
#
#   distribution/rootfs.sh DIR
#
# DIR/root is the image's /, which belongs to root and is only read; DIR/state are the
# folders that belong to the image's user, 10001. integration/image_linux_test.go runs it.
set -eu
cd "$(dirname "$0")/.."
root=$1/root state=$1/state

install -d "$root/usr/local/bin" "$root/usr/local/share" "$root/etc/ssl/certs" "$root/etc/otelcol-heartwood"
install -m 0755 bin/otelcol-heartwood bin/heartwood bin/shop "$root/usr/local/bin/"
install -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# Time zones, for loggers that write local time: ZONEINFO names the file.
install -m 0644 "$(go env GOROOT)/lib/time/zoneinfo.zip" "$root/usr/local/share/"
printf 'root:x:0:0:root:/:/sbin/nologin\nheartwood:x:10001:10001:heartwood:/var/lib/otelcol-heartwood:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nheartwood:x:10001:\n' >"$root/etc/group"
# Go asks the files first, as everyone else does.
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"

install -d "$state/var/lib/otelcol-heartwood" "$state/var/log/shop" "$state/tmp"
