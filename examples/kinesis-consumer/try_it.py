"""Reads a stream as Lambda would, and prints what the consumer makes of it.

    pip install -r requirements.txt boto3 mongomock
    python try_it.py --stream orders-logs [--endpoint http://127.0.0.1:4568] [--repeat 2]

Without --mongodb nothing is written anywhere: a stand-in takes MongoDB's place. Each
document is printed as a line of JSON, with the collection that it is in.
"""

import argparse
import base64
import json
import sys

import boto3

import consumer


def events(kinesis, stream, batch):
    """All records of a stream as events of Lambda's, parents before their children."""
    token, shards = {"StreamName": stream}, []
    while token:
        page = kinesis.list_shards(**token)
        shards += page["Shards"]
        token = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
    for shard in sorted(shards, key=lambda shard: shard["ShardId"]):
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator, Limit=batch)
            iterator = page.get("NextShardIterator")
            if page["Records"]:
                yield {"Records": [lambda_record(stream, shard["ShardId"], record) for record in page["Records"]]}
            elif not page["MillisBehindLatest"]:
                break


def lambda_record(stream, shard, record):
    return {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": shard + ":" + record["SequenceNumber"],
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/lambda",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/" + stream,
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--stream", required=True)
    arguments.add_argument("--endpoint")
    arguments.add_argument("--region")
    arguments.add_argument("--mongodb", help="a URI, such as mongodb://127.0.0.1/")
    arguments.add_argument("--batch", type=int, default=100, help="records in an event")
    arguments.add_argument("--repeat", type=int, default=1, help="how often to bring each event")
    arguments.add_argument("--events", action="store_true", help="print the records instead, as Lambda brings them")
    given = arguments.parse_args()
    if given.mongodb:
        from pymongo import MongoClient as Client
    else:
        from mongomock import MongoClient as Client
    database = Client(given.mongodb)["logs"] if given.mongodb else Client()["logs"]
    kinesis = boto3.client("kinesis", endpoint_url=given.endpoint, region_name=given.region)
    for event in events(kinesis, given.stream, given.batch):
        if given.events:
            for record in event["Records"]:
                print(json.dumps(record))
            continue
        for _ in range(given.repeat):
            # As JSON, which is how Lambda brings it.
            print(consumer.consume(json.loads(json.dumps(event)), database), file=sys.stderr)
    for name in sorted(database.list_collection_names()):
        for document in database[name].find():
            print(json.dumps({"collection": name, "document": document}, default=str))


if __name__ == "__main__":
    main()
