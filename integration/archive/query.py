"""Reads a downloaded archive with DuckDB, and says what it read.

query.py FOLDER CLASS DAY HOUR

Prints JSON: the rows of a partition, all rows, how many files there are, and how many
were read for the partition's.
"""

import json
import re
import sys

import duckdb

folder, category, day, hour = sys.argv[1:5]
db = duckdb.connect()
source = (
    f"read_json('{folder}/category=*/**/*.jsonl*', format='newline_delimited', "
    "hive_partitioning=true, hive_types={'category': VARCHAR, 'dt': DATE, 'hour': VARCHAR}, "
    "columns={'log.record.uid': 'VARCHAR', 'n': 'BIGINT'})"
)
where = f"category = '{category}' AND dt = DATE '{day}' AND hour = '{hour}'"
plan = "\n".join(str(row[1]) for row in db.execute(f"EXPLAIN ANALYZE SELECT n FROM {source} WHERE {where}").fetchall())
read = re.search(r"Total Files Read:\s*(\d+)", plan)
print(json.dumps({
    "rows": db.execute(f"SELECT count(*) FROM {source} WHERE {where}").fetchone()[0],
    "all": db.execute(f"SELECT count(DISTINCT \"log.record.uid\") FROM {source}").fetchone()[0],
    "by_class": dict(db.execute(f"SELECT category, count(*) FROM {source} GROUP BY 1").fetchall()),
    "files": db.execute(f"SELECT count(*) FROM glob('{folder}/category=*/**/*.jsonl*')").fetchone()[0],
    "read": int(read.group(1)) if read else -1,
    "plan": plan,
}))
