"""What a worker loads for Parquet: nothing before an export wants it, and then its compressor alone."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import tidegate.bootstrap, tidegate.export, tidegate.readback
LIBRARIES = {"pyarrow", "duckdb", "numpy", "pandas", "cramjam"}  # urllib3 loads zstd, checksums isal
before = sorted(LIBRARIES & set(sys.modules))
from tidegate.definition import from_document
from tidegate.model import Record
from tidegate.write import PartWriter
class Store:
    def put(self, key, data): pass
    def least_piece(self, stored): return 1
chosen = from_document({"source": {"table": "R"}, "format": {"type": "Parquet", "compression": "snappy"}}, 1)
writer = PartWriter(chosen, "exports/", "work/", Store(), ("id",), None)
writer.add([Record(("a",), 1, {"id": {"S": "a"}})])
assert writer.finish().records == 1
print(json.dumps([before, sorted(LIBRARIES & set(sys.modules))]))
"""


def test_only_the_chosen_compressor_is_loaded_and_only_by_an_export_that_uses_it() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)  # noqa: S603
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == [[], ["cramjam"]]
