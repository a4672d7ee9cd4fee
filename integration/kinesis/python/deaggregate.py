"""Takes aggregates apart with AWS's library for Python.

Each line of the input is a Kinesis record as a Lambda function gets it; each line of
the output one user record.
"""

import json
import sys

from aws_kinesis_agg.deaggregator import deaggregate_records

for line in sys.stdin:
    for user in deaggregate_records([json.loads(line)]):
        kinesis = user["kinesis"]
        data = kinesis["data"]
        text = data if isinstance(data, str) else data.decode()
        print(json.dumps({"stream": user["stream"], "key": kinesis["partitionKey"], "data": text}))
