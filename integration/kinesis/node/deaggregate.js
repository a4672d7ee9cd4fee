// Takes aggregates apart with AWS's library for Node. Each line of the input is a
// Kinesis record as a Lambda function gets it; each line of the output one user record.
const { deaggregateSync } = require('aws-kinesis-agg');
const lines = require('readline').createInterface({ input: process.stdin });

lines.on('line', (line) => {
	const record = JSON.parse(line);
	deaggregateSync(record.kinesis, true, (err, users) => {
		if (err) {
			throw err;
		}
		for (const user of users) {
			console.log(JSON.stringify({ stream: record.stream, key: user.partitionKey, data: user.data }));
		}
	});
});
