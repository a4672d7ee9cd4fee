"""An AWS Lambda function that puts records from a Kinesis stream into MongoDB.

The stream is written by the kinesis exporter of Heartwood. Each user record has one
log record, span or data point, or several, as JSON: `encoding: json`, `ecs_encoding` or
`otlp_json`, with whatever `aggregation` and `compression`. There is one collection a
day, by the record's own time, and in it one document for each record, or for each
macro-transaction where records are folded. A record that comes again changes nothing.
"""

import base64
import datetime
import gzip
import hashlib
import io
import json
import os

import bson
import zstandard
from aws_kinesis_agg.deaggregator import iter_deaggregate_records
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

# MongoDB's documents have 16 MB at most; the rest is for what is put around ours.
LARGEST = 15 << 20
# What MongoDB answers the slower of two that make one document at a time. The slower
# one comes again, and finds it made.
DUPLICATE_KEY = 11000
RACES = 5
# Two uids stay two as names of an object's members.
ESCAPES = {ord(c): "%%%02X" % ord(c) for c in "%.$\0"}

_database = None


def handler(event, context=None):
    """What Lambda calls. What it raises makes Lambda come again with the same records."""
    global _database  # one connection for as long as this copy of the function lives
    if _database is None:
        from pymongo import MongoClient

        client = MongoClient(os.environ["MONGODB_URI"], w="majority", tz_aware=True)
        _database = client[os.environ.get("MONGODB_DATABASE", "logs")]
    return consume(event, _database, os.environ.get("COLLECTION_PREFIX", "logs"))


def consume(event, database, prefix="logs"):
    """Puts an event's records into the database, and counts what it did.

    Writes are the same whether they happen once or twice, so that whoever can't say
    whether this succeeded may call it again.
    """
    writes = {}  # collection -> [(write, where it comes from)]
    unreadable = []  # (where it comes from, the reason)
    for record in iter_deaggregate_records(event["Records"]):
        kinesis = record["kinesis"]
        data = base64.b64decode(kinesis["data"])
        place = "%s/%s" % (kinesis["sequenceNumber"], kinesis.get("subSequenceNumber", 0))
        arrived = datetime.datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], datetime.timezone.utc)
        origin = {"_id": place, "at": arrived, "partition_key": kinesis["partitionKey"], "data": data[:LARGEST]}
        try:
            documents = read(data, place, arrived)
        except Exception as error:  # whatever it is: what can't be read must not hold up its shard
            unreadable.append((origin, str(error) or type(error).__name__))
            continue
        for document in documents:
            day = document["at"].strftime("_%Y_%m_%d")
            writes.setdefault(prefix + day, []).append((write_of(document), origin))
    counts = {"documents": 0, "unreadable": 0}
    for collection, several in writes.items():
        refused = write(database[collection], several)
        counts["documents"] += len(several) - len(refused)
        unreadable += refused
    if unreadable:
        keep = []
        for origin, reason in unreadable:
            document = dict(origin, reason=reason)
            del document["_id"]
            keep.append((UpdateOne({"_id": origin["_id"]}, {"$setOnInsert": document}, upsert=True), origin))
        refused = write(database[prefix + "_unreadable"], keep)
        if refused:
            raise RuntimeError(refused[0][1])
        counts["unreadable"] = len(unreadable)
    return counts


def write(collection, several):
    """Writes to a collection, and gives the records that it does not take, with why."""
    refused = []
    for _ in range(RACES):
        try:
            collection.bulk_write([op for op, _ in several], ordered=False)
            return refused
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise  # some of it may not be safe
            failed = error.details["writeErrors"]
            refused += [(several[e["index"]][1], e["errmsg"]) for e in failed if e["code"] != DUPLICATE_KEY]
            several = [several[e["index"]] for e in failed if e["code"] == DUPLICATE_KEY]
            if not several:
                return refused
    raise RuntimeError("others were faster, %d times" % RACES)


def write_of(document):
    """The write that puts a document where it belongs.

    Records of one macro-transaction go into one document, each under its own uid.
    """
    uid, group = document["_id"], document.pop("_group")
    if group is None:
        del document["_id"]
        return UpdateOne({"_id": uid}, {"$setOnInsert": document}, upsert=True)
    del document["_id"]
    return UpdateOne(
        {"_id": group},
        {"$min": {"at": document["at"]}, "$set": {"events." + uid.translate(ESCAPES): document}},
        upsert=True,
    )


def read(data, place, arrived):
    """The documents of a user record's data; place names it where it has no uid."""
    text = decompress(data).decode()
    try:
        values = [json.loads(text)]
    except json.JSONDecodeError:
        values = [json.loads(line) for line in text.split("\n") if line.strip()]
    flat = []
    for value in values:
        if not isinstance(value, dict):
            raise ValueError("not a JSON object: %.40s" % value)
        of_otlp = next((read_otlp for name, read_otlp in OTLP.items() if name in value), None)
        flat.extend(of_otlp(value) if of_otlp else [value])
    if not flat:
        raise ValueError("no record in it")
    documents = [document_of(value, "%s/%d" % (place, i), arrived) for i, value in enumerate(flat)]
    for document in documents:
        # One that MongoDB's driver refuses would take all the others with it.
        if len(bson.encode(document)) > LARGEST:
            raise ValueError("larger than %d bytes as a document" % LARGEST)
    return documents


def decompress(data):
    """gzip and zstd are known by their first bytes."""
    if data[:2] == b"\x1f\x8b":
        source = gzip.GzipFile(fileobj=io.BytesIO(data))
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        source = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    else:
        source = io.BytesIO(data)
    out = source.read(LARGEST + 1)
    if len(out) > LARGEST:
        raise ValueError("larger than %d bytes" % LARGEST)
    return out


def document_of(value, place, arrived):
    """A record as a document: names with points are nested, `at` is its time as a date.

    `_id` is the record's uid; `_group` the id of what it is a part of, or None.
    """
    nested = nest(value)
    times = [find(nested, name) for name in ("time", "@timestamp", "observed_time", "start_time")]
    uid = uid_of(nested)
    fold = find(nested, "fold", "id") or find(nested, "labels", "fold_id")
    macro = find(nested, "request", "macro_id") or find(nested, "labels", "request_macro_id")
    nested["at"] = moment(*times) or arrived
    nested["_id"] = uid if isinstance(uid, str) and uid else hashlib.sha256(place.encode()).hexdigest()
    nested["_group"] = (macro or fold) if fold else None
    return nested


def uid_of(nested):
    """What a record is known by when it comes again; None: it has nothing like that.

    A log record and a data point carry it; a span's is made of its ids, and its kind,
    as a client and its server may have the same ids.
    """
    uid = find(nested, "log", "record", "uid") or find(nested, "event", "id") or find(nested, "heartwood", "record", "uid")
    if uid:
        return uid
    for trace, span, start in (
        (find(nested, "trace_id"), find(nested, "span_id"), find(nested, "start_time")),
        (find(nested, "trace", "id"), find(nested, "span", "id"), find(nested, "event", "start") and find(nested, "event", "end")),  # ECS
    ):
        if trace and span and start:
            return "%s-%s-%s" % (trace, span, find(nested, "kind") or "unspecified")
    return None


def nest(value):
    """Takes names with points apart, at all depths.

    {"a.b": 1, "a": {"c": 2}} is {"a": {"b": 1, "c": 2}}. Where a name is wanted both
    for a value and for what is below it, the longer one keeps its place as a_b.
    """
    if isinstance(value, list):
        return [nest(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        return str(value)  # MongoDB's integers have 64 bits
    if not isinstance(value, dict):
        return value
    out = {}
    # Shorter names first, so that the outcome does not depend on the order.
    for name in sorted(value, key=lambda name: (name.count("."), name)):
        put(out, [safe(part) for part in name.split(".")], nest(value[name]))
    return out


def put(into, path, value):
    at = into
    for i, part in enumerate(path):
        last = i == len(path) - 1
        if last and part not in at:
            at[part] = value
            return
        if last and isinstance(at[part], dict) and isinstance(value, dict):
            for name, one in value.items():
                put(at[part], [name], one)
            return
        if last or not isinstance(at.setdefault(part, {}), dict):
            name = "_".join(path[i:])
            while name in at:
                name += "_"
            at[name] = value
            return
        at = at[part]


def safe(name):
    """A name that MongoDB takes for a name and nothing else."""
    name = name.replace("\0", "_").replace(".", "_")
    return name if name and name[0] != "$" and name not in ("_id", "_group") else "_" + name


def find(value, *path):
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def moment(*texts):
    """The first text that is a time. MongoDB keeps milliseconds."""
    for text in texts:
        if isinstance(text, str):
            try:
                # Nine digits are more than Python reads.
                whole, point, rest = text.replace("Z", "+00:00").partition(".")
                if point:
                    zone = rest.lstrip("0123456789")
                    whole += "." + rest[: len(rest) - len(zone)].ljust(6, "0")[:6] + zone
                return datetime.datetime.fromisoformat(whole).astimezone(datetime.timezone.utc)
            except (ValueError, OverflowError):
                continue
    return None


def otlp_logs(request):
    """The records of an ExportLogsServiceRequest, named as `encoding: json` does."""
    for resource, scope, record in otlp_items(request["resourceLogs"], "scopeLogs", "logRecords"):
        yield named(
            resource,
            record,
            time=nanoseconds(record.get("timeUnixNano")),
            observed_time=nanoseconds(record.get("observedTimeUnixNano")),
            severity=record.get("severityText"),
            severity_number=record.get("severityNumber") or None,
            body=any_value(record.get("body", {})),
            event_name=record.get("eventName"),
            trace_id=record.get("traceId"),
            span_id=record.get("spanId"),
            flags=record.get("flags") or None,
            scope=scope.get("name"),
        )


def otlp_spans(request):
    """The spans of an ExportTraceServiceRequest, likewise."""
    for resource, scope, span in otlp_items(request["resourceSpans"], "scopeSpans", "spans"):
        status = span.get("status", {})
        events = [
            {"time": nanoseconds(one.get("timeUnixNano")), "name": one.get("name"), "attributes": attributes(one)}
            for one in span.get("events", ())
        ]
        links = [
            {"trace_id": one.get("traceId"), "span_id": one.get("spanId"), "attributes": attributes(one)}
            for one in span.get("links", ())
        ]
        yield named(
            resource,
            span,
            start_time=nanoseconds(span.get("startTimeUnixNano")),
            end_time=nanoseconds(span.get("endTimeUnixNano")),
            name=span.get("name"),
            kind=KINDS.get(span.get("kind")),
            status=("unset", "ok", "error")[status.get("code", 0)],
            status_message=status.get("message"),
            trace_id=span.get("traceId"),
            span_id=span.get("spanId"),
            parent_span_id=span.get("parentSpanId"),
            trace_state=span.get("traceState"),
            flags=span.get("flags") or None,
            scope=scope.get("name"),
            events=events or None,
            links=links or None,
        )


def otlp_points(request):
    """The data points of an ExportMetricsServiceRequest, likewise.

    A data point in OTLP has no uid, so one is made here, of all that the point says:
    what says the same again is the same point. Without a time it has none.
    """
    for resource, scope, metric in otlp_items(request["resourceMetrics"], "scopeMetrics", "metrics"):
        kind = next((kind for kind in POINTS if kind in metric), None)
        if kind is None:
            raise ValueError("a metric of no known type")
        about = {name: one for name, one in metric[kind].items() if name != "dataPoints"}
        for point in metric[kind].get("dataPoints", ()):
            flat = named(
                resource,
                point,
                name=metric.get("name"),
                unit=metric.get("unit"),
                type=POINTS[kind],
                temporality=(None, "delta", "cumulative")[about.get("aggregationTemporality", 0)],
                monotonic=about.get("isMonotonic", False) if kind == "sum" else None,
                time=nanoseconds(point.get("timeUnixNano")),
                start_time=nanoseconds(point.get("startTimeUnixNano")),
                value=whole(point["asInt"]) if "asInt" in point else point.get("asDouble"),
                count=whole(point.get("count", 0)) if kind not in ("gauge", "sum") else None,
                sum=point.get("sum"),
                min=point.get("min"),
                max=point.get("max"),
                buckets=[whole(n) for n in point.get("bucketCounts", ())] or None,
                bounds=point.get("explicitBounds"),
                scale=point.get("scale"),
                zero_count=whole(point.get("zeroCount")),
                zero_threshold=point.get("zeroThreshold"),
                positive=side(point.get("positive")),
                negative=side(point.get("negative")),
                quantiles=point.get("quantileValues"),
                flags=point.get("flags") or None,
                scope=scope.get("name"),
            )
            if flat.get("time"):
                said = [resource, scope, metric.get("name"), metric.get("unit"), kind, about, point]
                text = json.dumps(said, sort_keys=True, default=repr)  # bytes
                flat["heartwood.record.uid"] = hashlib.sha256(text.encode()).hexdigest()
            yield flat


OTLP = {"resourceLogs": otlp_logs, "resourceSpans": otlp_spans, "resourceMetrics": otlp_points}
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
POINTS = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponentialHistogram": "exponential_histogram",
    "summary": "summary",
}


def otlp_items(resources, scopes, items):
    """Each item of a request, with its resource's attributes and its scope."""
    for of_resource in resources:
        resource = attributes(of_resource.get("resource", {}))
        for of_scope in of_resource.get(scopes, ()):
            for item in of_scope.get(items, ()):
                yield resource, of_scope.get("scope", {}), item


def named(resource, item, **fields):
    """A flat record. Where a field and an attribute meet, the attribute moves."""
    flat = {**resource, **attributes(item)}
    for name, value in fields.items():
        if value not in (None, ""):
            if name in flat:
                flat["attributes." + name] = flat[name]
            flat[name] = value
    return flat


def whole(number):
    """OTLP's JSON has numbers of 64 bits as text."""
    return None if number is None else int(number)


def side(buckets):
    """The buckets on one side of an exponential histogram."""
    if not buckets or not buckets.get("bucketCounts"):
        return None
    return {"offset": buckets.get("offset", 0), "buckets": [whole(n) for n in buckets["bucketCounts"]]}


def attributes(of):
    return {one["key"]: any_value(one.get("value", {})) for one in of.get("attributes", ())}


def any_value(value):
    for kind, one in value.items():
        if kind == "intValue":
            return int(one)
        if kind == "arrayValue":
            return [any_value(v) for v in one.get("values", ())]
        if kind == "kvlistValue":
            return {v["key"]: any_value(v.get("value", {})) for v in one.get("values", ())}
        if kind == "bytesValue":
            return base64.b64decode(one)
        return one
    return None


def nanoseconds(text):
    """Unix time in nanoseconds, as RFC 3339 with nine digits."""
    n = int(text or 0)
    if n == 0:
        return None
    whole = datetime.datetime.fromtimestamp(n // 10**9, datetime.timezone.utc)
    return whole.strftime("%Y-%m-%dT%H:%M:%S.") + "%09dZ" % (n % 10**9)
