"""Tests of the consumer, with mongomock in MongoDB's place: python -m unittest"""

import base64
import datetime
import gzip
import json
import os
import pathlib
import subprocess
import sys
import unittest

import mongomock
import zstandard
from aws_kinesis_agg.aggregator import RecordAggregator
from pymongo.errors import AutoReconnect, BulkWriteError

import consumer

HERE = pathlib.Path(__file__).parent


def record(data, key="k", number=1):
    """A record as Lambda brings it."""
    return {
        "eventID": "shardId-000000000000:%d" % number,
        "eventSource": "aws:kinesis",
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_770_000_000.5,
        },
    }


def event(*datas):
    return {"Records": [record(data, number=i + 1) for i, data in enumerate(datas)]}


def line(uid, **more):
    return json.dumps({"time": "2026-02-03T04:05:06.789012345Z", "log.record.uid": uid, "body": "hi", **more}).encode()


class Consumer(unittest.TestCase):
    def setUp(self):
        self.database = mongomock.MongoClient(tz_aware=True)["logs"]

    def consume(self, *datas):
        return consumer.consume(event(*datas), self.database)

    def all(self, collection="logs_2026_02_03"):
        return {one["_id"]: one for one in self.database[collection].find()}

    def unreadable(self):
        return self.all("logs_unreadable")

    def test_a_record_is_a_document_of_its_day(self):
        got = self.consume(line("u1", **{"http.request.method": "GET", "http.route": "/x", "tags": ["a", {"b.c": 1}]}))
        self.assertEqual(got, {"documents": 1, "unreadable": 0})
        self.assertEqual(
            self.all(),
            {
                "u1": {
                    "_id": "u1",
                    "at": datetime.datetime(2026, 2, 3, 4, 5, 6, 789000, datetime.timezone.utc),
                    "time": "2026-02-03T04:05:06.789012345Z",
                    "body": "hi",
                    "log": {"record": {"uid": "u1"}},
                    "http": {"request": {"method": "GET"}, "route": "/x"},
                    "tags": ["a", {"b": {"c": 1}}],
                }
            },
        )

    def test_days_are_of_the_record_in_utc(self):
        self.consume(line("a", time="2026-02-03T23:59:59.999999999Z"), line("b", time="2026-02-04T00:30:00+01:00"))
        self.consume(line("c", time="2026-02-04T00:00:00Z"))
        self.assertEqual(set(self.all()), {"a", "b"})
        self.assertEqual(set(self.all("logs_2026_02_04")), {"c"})

    def test_what_comes_again_changes_nothing(self):
        once = event(line("u1"), line("u2"))
        consumer.consume(once, self.database)
        before = self.all()
        consumer.consume(once, self.database)
        self.consume(line("u2", late=True), line("u3"), line("u3"))
        self.assertEqual(set(self.all()), {"u1", "u2", "u3"})
        self.assertEqual(self.all()["u2"], before["u2"])

    def test_equal_records_without_uid_are_two(self):
        data = b'{"time": "2026-02-03T04:05:06Z", "body": "hi"}'
        self.consume(data, data)
        self.consume(data, data)
        self.assertEqual(len(self.all()), 2)

    def test_compression_is_recognised(self):
        self.consume(
            gzip.compress(line("gzip")),
            zstandard.compress(line("zstd")),
            zstandard.ZstdCompressor(write_content_size=False).compress(line("zstd without size")),
            gzip.compress(line("two")) + gzip.compress(b"\n" + line("members")),
        )
        self.assertEqual(set(self.all()), {"gzip", "zstd", "zstd without size", "two", "members"})

    def test_a_batch_is_one_document_a_line(self):
        self.consume(line("a") + b"\n" + line("b", body="x\u2028y") + b"\n")
        self.assertEqual(self.all()["b"]["body"], "x\u2028y")
        self.assertEqual(len(self.all()), 2)

    def test_aggregates_are_taken_apart(self):
        aggregator = RecordAggregator()
        for i in range(50):
            aggregator.add_user_record("key-%d" % (i % 7), gzip.compress(line("u%d" % i)))
        aggregator.add_user_record("key", b"no JSON")
        _, _, data = aggregator.clear_and_get().get_contents()
        got = self.consume(line("before"), data)
        self.assertEqual(got, {"documents": 51, "unreadable": 1})
        self.assertEqual(set(self.all()), {"before"} | {"u%d" % i for i in range(50)})
        self.assertEqual(list(self.unreadable()), ["2/50"])

    def test_one_document_for_each_macro_transaction(self):
        folds = [
            line("f1", **{"fold.id": "f1", "request.id": "r1", "request.macro_id": "m"}),
            line("f2", **{"fold.id": "f2", "request.id": "r2", "request.macro_id": "m", "time": "2026-02-03T04:05:05Z"}),
            line("f3", **{"fold.id": "f3"}),
        ]
        self.consume(folds[0])
        self.consume(*folds)
        got = self.all()
        self.assertEqual(set(got), {"m", "f3"})
        self.assertEqual(set(got["m"]["events"]), {"f1", "f2"})
        self.assertEqual(got["m"]["events"]["f2"]["request"]["id"], "r2")
        self.assertEqual(got["m"]["at"].second, 5, "the first of its records")

    def test_without_folding_records_stay_alone(self):
        self.consume(line("a", **{"request.macro_id": "m"}), line("b", **{"request.macro_id": "m"}))
        self.assertEqual(set(self.all()), {"a", "b"})

    def test_ecs(self):
        self.consume(
            json.dumps(
                {
                    "@timestamp": "2026-02-03T04:05:06.000000001Z",
                    "log.level": "info",
                    "message": "hi",
                    "ecs.version": "9.4.0",
                    "event": {"id": "u1"},
                    "log": {"logger": "shop"},
                    "labels": {"fold_id": "f", "request_macro_id": "m"},
                }
            ).encode()
        )
        got = self.all()["m"]["events"]["u1"]
        self.assertEqual(got["log"], {"level": "info", "logger": "shop"})
        self.assertEqual(got["ecs"], {"version": "9.4.0"})

    def test_otlp_json(self):
        request = {
            "resourceLogs": [
                {
                    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                    "scopeLogs": [
                        {
                            "scope": {"name": "lib"},
                            "logRecords": [
                                {
                                    "timeUnixNano": "1770091506789012345",
                                    "severityText": "info",
                                    "severityNumber": 9,
                                    "body": {"stringValue": "hi"},
                                    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                                    "attributes": [
                                        {"key": "log.record.uid", "value": {"stringValue": "u1"}},
                                        {"key": "n", "value": {"intValue": "7"}},
                                        {"key": "l", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}, {"boolValue": True}]}}},
                                        {"key": "m", "value": {"kvlistValue": {"values": [{"key": "b", "value": {"bytesValue": "AAE="}}]}}},
                                        {"key": "none", "value": {}},
                                        {"key": "body", "value": {"stringValue": "an attribute"}},
                                    ],
                                },
                                {"observedTimeUnixNano": "1770091506000000000"},
                            ],
                        }
                    ],
                }
            ]
        }
        self.assertEqual(self.consume(json.dumps(request).encode())["documents"], 2)
        got = self.all()["u1"]
        self.assertEqual(got["time"], "2026-02-03T04:05:06.789012345Z")
        self.assertEqual((got["n"], got["l"], got["m"], got["none"]), (7, [1.5, True], {"b": b"\0\1"}, None))
        self.assertEqual((got["service"], got["scope"], got["severity_number"]), ({"name": "shop"}, "lib", 9))
        self.assertEqual((got["body"], got["attributes"]), ("hi", {"body": "an attribute"}))

    def test_spans_and_data_points_that_come_again(self):
        trace, other, span = "4b" * 16, "4c" * 16, "01" * 8
        spans = {"start_time": "2026-02-03T04:05:06Z", "trace_id": trace, "span_id": span, "name": "GET /"}
        point = {"name": "m", "time": "2026-02-03T04:05:06Z", "value": 1}
        ecs = {"@timestamp": "2026-02-03T04:05:06Z", "event.start": "2026-02-03T04:05:06Z", "event.end": "2026-02-03T04:05:07Z"}
        records = {
            "-".join((trace, span, "client")): {**spans, "kind": "client"},
            "-".join((trace, span, "server")): {**spans, "kind": "server"},
            "-".join((other, span, "unspecified")): {**spans, "trace_id": other},
            "-".join((trace, "02" * 8, "unspecified")): {**ecs, "trace.id": trace, "span.id": "02" * 8},
            "p1": {**point, "heartwood.record.uid": "p1"},
            "p2": {**point, "heartwood.record.uid": "p2"},
        }
        lines = [json.dumps(one).encode() for one in records.values()]
        self.consume(*lines)
        # Again, at other places of the stream and in a batch.
        self.consume(line("u"), *lines, *reversed(lines), b"\n".join(lines))
        self.assertEqual(set(self.all()), {"u", *records})
        self.assertEqual(self.all()["p1"]["value"], 1)

    def test_otlp_spans(self):
        now = "2026-02-03T04:05:06.789012345Z"
        span = {
            "traceId": "4b" * 16,
            "spanId": "01" * 8,
            "name": "GET /",
            "kind": 2,
            "startTimeUnixNano": "1770091506789012345",
            "endTimeUnixNano": "1770091506789012345",
            "status": {"code": 2, "message": "no"},
            "attributes": [{"key": "name", "value": {"stringValue": "x"}}],
            "events": [{"timeUnixNano": "1770091506789012345", "name": "e", "attributes": [{"key": "n", "value": {"intValue": "1"}}]}],
            "links": [{"traceId": "4c" * 16, "spanId": "02" * 8}],
        }
        data = json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "lib"}, "spans": [span]}]}]}).encode()
        self.consume(data, data)
        self.consume(line("u"), data)
        got = self.all()
        del got["u"]
        ((uid, document),) = got.items()
        self.assertEqual(uid, "4b" * 16 + "-" + "01" * 8 + "-server")
        del document["at"]
        self.assertEqual(
            document,
            {
                "_id": uid,
                "start_time": now,
                "end_time": now,
                "trace_id": "4b" * 16,
                "span_id": "01" * 8,
                "name": "GET /",
                "attributes": {"name": "x"},
                "kind": "server",
                "status": "error",
                "status_message": "no",
                "scope": "lib",
                "events": [{"time": now, "name": "e", "attributes": {"n": 1}}],
                "links": [{"trace_id": "4c" * 16, "span_id": "02" * 8, "attributes": {}}],
            },
        )

    def test_otlp_data_points(self):
        def metrics(kind, **point):
            about = point.pop("about", {})
            point["timeUnixNano"] = "1770091506789012345"
            other = {**point, "attributes": [{"key": "a", "value": {"bytesValue": "AAE="}}]}
            metric = {"name": "m", "unit": "s", kind: {**about, "dataPoints": [point, other]}}
            resource = {"attributes": [{"key": "r", "value": {"bytesValue": "AAE="}}]}
            return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}).encode()

        data = [
            metrics("gauge", asInt="0"),
            metrics("gauge", asDouble=0.5),
            metrics("sum", asInt="7", about={"aggregationTemporality": 1, "isMonotonic": True}),
            metrics("sum", asInt="7", about={"aggregationTemporality": 2, "isMonotonic": True}),
            metrics("histogram", count="3", sum=4, bucketCounts=["1", "2"], explicitBounds=[0.5]),
            metrics("exponentialHistogram", count="3", scale=-1, positive={"offset": 2, "bucketCounts": ["3"]}),
            metrics("summary", count="3", quantileValues=[{"quantile": 1, "value": 2}]),
        ]
        self.consume(*data)
        self.consume(line("u"), *data, *reversed(data))
        got = list(self.all().values())
        self.assertEqual(len(got), 2 * len(data) + 1)
        self.assertEqual([one["value"] for one in got if one.get("type") in ("gauge", "sum")], [0, 0, 0.5, 0.5, 7, 7, 7, 7])
        self.assertEqual([one.get("a") for one in got[:2]], [None, b"\0\1"])
        first = {one["type"]: one for one in reversed(got) if "type" in one}
        self.assertEqual((first["sum"]["temporality"], first["sum"]["monotonic"]), ("delta", True))
        self.assertEqual((first["histogram"]["count"], first["histogram"]["buckets"], first["histogram"]["bounds"]), (3, [1, 2], [0.5]))
        self.assertEqual(first["exponential_histogram"]["positive"], {"offset": 2, "buckets": [3]})
        self.assertEqual(first["summary"]["quantiles"], [{"quantile": 1, "value": 2}])

    def test_data_points_without_a_time_are_all_kept(self):
        metric = {"name": "m", "gauge": {"dataPoints": [{"asInt": "1"}]}}
        data = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()
        self.consume(data, data)
        self.consume(data, data)
        self.assertEqual(len(self.all("logs_2026_02_02")), 2)

    def test_what_cannot_be_read_is_kept_and_holds_nothing_up(self):
        bad = [
            b"",
            b"no JSON",
            b"[1]",
            b"\xff\xfe",
            gzip.compress(line("x"))[:-9],
            b"\x28\xb5\x2f\xfd....",
            gzip.compress(b" " * (consumer.LARGEST + 1)),
            b'{"time": "2026-02-03T04:05:06Z", "a": "\\ud800"}',
            b"[" * 100_000,
            b'{"a": [' + b"1," * 3_000_000 + b"1]}",
            b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "x"}]}]}]}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"status": {"code": 7}}]}]}]}',
            b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "of no type"}]}]}]}',
        ]
        got = self.consume(line("first"), *bad, line("last"))
        self.assertEqual(got, {"documents": 2, "unreadable": len(bad)})
        self.assertEqual(set(self.all()), {"first", "last"})
        kept = self.unreadable()
        self.assertEqual([one["data"] for one in kept.values()], bad)
        self.assertTrue(all(one["reason"] and one["partition_key"] == "k" for one in kept.values()))

    def test_without_a_time_the_arrival_counts(self):
        self.consume(b'{"log.record.uid": "u"}', b'{"log.record.uid": "v", "time": "yesterday"}')
        self.assertEqual(set(self.all("logs_2026_02_02")), {"u", "v"})

    def test_names_that_mean_something_to_mongodb(self):
        self.consume(
            line("u", **{"$set": 1, "a": 1, "a.b": 2, "a.b.c": 3, "x.y": {"z": 1}, "x": {"y": {"w": 2}}, "": 4, "n\0": 5, "_id": 6, "big": 1 << 70})
        )
        got = self.all()["u"]
        self.assertEqual((got["_$set"], got["a"], got["a_b"], got["a_b_c"]), (1, 1, 2, 3))
        self.assertEqual(got["x"], {"y": {"w": 2, "z": 1}})
        self.assertEqual((got["_"], got["n_"], got["__id"], got["big"]), (4, 5, 6, str(1 << 70)))

    def test_any_uid_is_one_name_of_its_own(self):
        uids = ["a.b$c", "a_b_c", "a%2Eb$c", "$"]
        self.consume(*(line(uid, **{"fold.id": "f"}) for uid in uids))
        self.assertEqual(list(self.all()["f"]["events"]), ["a%2Eb%24c", "a_b_c", "a%252Eb%24c", "%24"])

    def test_a_database_that_is_away_makes_lambda_come_again(self):
        class Away(dict):
            def __missing__(self, name):
                return self

            def bulk_write(self, *_, **__):
                raise AutoReconnect("away")

        with self.assertRaises(AutoReconnect):
            consumer.consume(event(line("u")), Away())

    def test_refused_writes(self):
        """The first write loses a race, and a second is too much for its document."""
        real, calls = self.database["logs_2026_02_03"], []

        class Refusing:
            def bulk_write(self, ops, ordered):
                calls.append(len(ops))
                if len(calls) > 1:
                    return real.bulk_write(ops, ordered=ordered)
                real.bulk_write(ops[2:], ordered=ordered)
                failed = [{"index": 0, "code": 11000, "errmsg": "dup"}, {"index": 1, "code": 17419, "errmsg": "too much"}]
                raise BulkWriteError({"writeErrors": failed, "writeConcernErrors": []})

        class Database(dict):
            def __missing__(inner, name):
                return self.database[name]

        got = consumer.consume(event(line("a"), line("b"), line("c")), Database({"logs_2026_02_03": Refusing()}))
        self.assertEqual(calls, [3, 1])
        self.assertEqual(got, {"documents": 2, "unreadable": 1})
        self.assertEqual(set(self.all()), {"a", "c"})
        self.assertEqual([one["reason"] for one in self.unreadable().values()], ["too much"])

    def test_the_handler_finds_its_database(self):
        os.environ["MONGODB_URI"] = "mongodb://127.0.0.1/"
        with mongomock.patch(servers=(("127.0.0.1", 27017),)):
            import pymongo

            got = consumer.handler(event(line("u")))
            self.assertEqual(got["documents"], 1)
            self.assertEqual(pymongo.MongoClient("127.0.0.1")["logs"]["logs_2026_02_03"].count_documents({}), 1)


class Template(unittest.TestCase):
    def test_it_is_valid(self):
        out = subprocess.run([pathlib.Path(sys.executable).parent / "cfn-lint", HERE / "template.yaml"], capture_output=True, text=True)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)


if __name__ == "__main__":
    unittest.main()
