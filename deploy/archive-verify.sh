#!/bin/sh
# Verifies an archive as `heartwood verify` does, and tells a collector how it ended: a
# record of the service archive-verify, of which the measure connector makes the metrics
# archive_verify_status and archive_verify_time. For a timer or cron:
#
#   archive-verify.sh s3://example-archive --root-key /etc/heartwood/root.pub
#
# HEARTWOOD names the command, HEARTWOOD_LOGFMT where the collector takes logfmt over http.
# It ends as verify did; with 3 where the collector could not be told.
set -u
heartwood=${HEARTWOOD:-heartwood}

"$heartwood" verify "$@"
status=$?

case $status in
0) level=info said="the archive is good" ;;
1) level=error said="something in the archive was tampered with" ;;
*) level=error said="the archive could not be checked" ;;
esac
"$heartwood" send --endpoint "${HEARTWOOD_LOGFMT:-http://127.0.0.1:5644}" \
	app=archive-verify "level=$level" "msg=$said" "archive=$1" \
	"sample#archive.verify.status=$status" "sample#archive.verify.time=$(date +%s)" || exit 3
exit $status
