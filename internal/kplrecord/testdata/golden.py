# Writes golden.bin and golden_hash_keys.bin with AWS's own library:
#
#   python3 -m venv /tmp/kpl
#   /tmp/kpl/bin/pip install aws-kinesis-agg==1.2.3 six==1.17.0 protobuf==7.36.2
#   /tmp/kpl/bin/python testdata/golden.py testdata
#
# The same records are made in kplrecord_test.go.
import sys

from aws_kinesis_agg.aggregator import AggRecord


def data(i):
    return bytes((i * 37 + j) % 256 for j in range(i * i * 7))


def write(name, hashed):
    record = AggRecord()
    for i in range(12):
        hash_key = str((i % 5) * 10**37) if hashed and i % 2 == 0 else None
        assert record.add_user_record("key-%d" % (i % 4), data(i), hash_key)
    with open(sys.argv[1] + "/" + name, "wb") as f:
        f.write(record.get_contents()[2])


write("golden.bin", False)
write("golden_hash_keys.bin", True)
