#!/bin/sh
# A Kafka broker for the tests, from Maven Central.
#
#   kafka.sh prepare                  install, when something changed
#   kafka.sh run DIRECTORY PORT PORT2 run one in the foreground, with its data in the
#                                     directory; brokers' and controllers' port
#
# What is installed goes to .cache/kafka of the repository.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
into=$(cd "$here/../.." && pwd)/.cache/kafka
action=${1:?action}
shift

prepare() {
	now=$(cksum <"$here/pom.xml")
	if [ "$(cat "$into.sum" 2>/dev/null)" != "$now" ]; then
		rm -rf "$into"
		mkdir -p "$into"
		mvn --file "$here/pom.xml" --batch-mode --quiet dependency:copy-dependencies -DoutputDirectory="$into" >&2
		echo "$now" >"$into.sum"
	fi
}

run() {
	directory=${1:?directory} port=${2:?port} controller=${3:?port}
	mkdir -p "$directory"
	cat >"$directory/server.properties" <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
		advertised.listeners=PLAINTEXT://127.0.0.1:$port
		controller.listener.names=CONTROLLER
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
		log.dirs=$directory/data
		num.partitions=4
		offsets.topic.num.partitions=1
		offsets.topic.replication.factor=1
		group.initial.rebalance.delay.ms=0
	END
	java -cp "$into/*" kafka.tools.StorageTool format --ignore-formatted -t 4L6g3nShT-eMCtK--X86sw -c "$directory/server.properties" >/dev/null
	exec java -Xmx256m -cp "$into/*" kafka.Kafka "$directory/server.properties"
}

"$action" "$@"
