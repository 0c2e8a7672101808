"""The ways from page to file that are compared: who, which format, where to."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import records
from benchmarks.measure import Task

BASELINE: Final = "boto3"
"""Table.query and csv.DictWriter, uncompressed: 1.0."""
PARQUET_BASELINE: Final = "boto3-pyarrow"
LIMIT_CSV, LIMIT_JSONL = "all C, CSV", "all C, JSONL"


@dataclass(frozen=True, slots=True)
class Way:
    """One way. `known` are columns whose values it is known to change; a run of those that are `slow` has `Scale.slow`
    records at least, `Scale.by_reference` where it is our own.

    `environment` is the folder below .venv that its tool lives in ("" for our own, None for the program of limit.c).
    """

    name: str
    shown: str
    script: str
    environment: str | None
    format: str = "CSV"
    options: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    remark: str = ""
    slow: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is Tidegate's."""
        return self.environment == ""

    @property
    def to_s3(self) -> bool:
        """Whether it writes to the sink and not to a file."""
        return self.options.get("sink") == "s3"


_OURS: Final = ("benchmarks.ours", "")
WAYS: Final[Sequence[Way]] = (
    Way(BASELINE, "boto3 Table.query, csv.DictWriter", "benchmarks.peers.table_query", "bench-boto3",
        slow=True),
    Way("awswrangler", "awswrangler read_items, to_csv", "benchmarks.peers.wrangler", "bench-awswrangler",
        remark="the whole study in memory"),
    Way("dlt", "dlt pipeline to CSV files", "benchmarks.peers.dlt_pipeline", "bench-dlt"),
    Way("aiodynamo", "aiodynamo, csv.DictWriter", "benchmarks.peers.aiodynamo_rows", "bench-aiodynamo",
        remark="does not verify the checksum"),
    Way("pydynox", "pydynox (Rust), csv.DictWriter", "benchmarks.peers.pydynox_rows", "bench-pydynox",
        known=frozenset({"exact"}), remark="loses digits of numbers"),
    Way("tidegate-csv", "Tidegate, CSV", *_OURS, options={"format": "CSV"}),
    Way("tidegate-jsonl", "Tidegate, JSONL", *_OURS, "JSONL", options={"format": "JSONL"}),
    Way("tidegate-s3", "Tidegate, CSV to S3 over TLS", *_OURS, options={"format": "CSV", "sink": "s3"}),
    Way("tidegate-pure", "Tidegate, CSV, without the native module", *_OURS,
        options={"format": "CSV", "native": "no"}, slow=True),
    Way(PARQUET_BASELINE, "boto3 Table.query, pyarrow's ParquetWriter, zstd", "benchmarks.peers.table_parquet",
        "bench-pyarrow", "Parquet", options={"compression": "zstd"}, slow=True),
    Way("tidegate-parquet", "Tidegate, Parquet, zstd", *_OURS, "Parquet",
        options={"format": "Parquet", "compression": "zstd"}),
    Way("tidegate-snappy", "Tidegate, Parquet, snappy", *_OURS, "Parquet",
        options={"format": "Parquet", "compression": "snappy"}),
    Way(LIMIT_CSV, "all C: OpenSSL, one scanner, CSV", "limit", None),
    Way(LIMIT_JSONL, "all C, JSONL", "limit", None, "JSONL"),
    Way("boto3-gzip", "boto3 Table.query, csv.DictWriter, gzip 6", "benchmarks.peers.table_query", "bench-boto3",
        options={"compression": "gzip"}, slow=True),
    Way("tidegate-default", "Tidegate, CSV, the default's gzip", *_OURS,
        options={"format": "CSV", "compression": "gzip"}),
)  # fmt: skip


def task(count: int, output: Path, endpoint: str, options: Mapping[str, str]) -> Task:
    """The export of a whole study of `count` records into `output`."""
    low, high = records.millis(0), records.millis(count) - 1
    return Task(records.study(count), count, low, high, str(output), records.columns(), endpoint, dict(options))


def command(way: Way, warm: Task, full: Task, *, venv: Path, limit: Path, authority: Path) -> list[str]:
    """What runs the way in a process of its own: first `warm`, then `full`, which is measured."""
    if way.environment is not None:
        python = sys.executable if way.ours else str(venv / way.environment / "bin/python")
        return [python, "-m", way.script, json.dumps([asdict(warm), asdict(full)])]
    port = full.endpoint.rsplit(":", 1)[1]
    tasks = [str(part) for one in (warm, full) for part in (one.study, one.count, one.low, one.high, one.output)]
    return [str(limit), port, str(authority), way.format.lower(), ",".join(full.columns), *tasks]
