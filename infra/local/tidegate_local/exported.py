"""Exports as their reader sees them: a manifest and the parts it names, fetched from the bucket and proven."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = "/manifest.json"


@dataclass(frozen=True, slots=True)
class Export:
    """One manifest with its parts, as files under `folder` with the keys as their paths. Its format is CSV."""

    key: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def study(self) -> str:
        """The study that was exported."""
        return str(self.manifest["study"])

    @property
    def parts(self) -> Sequence[Mapping[str, Any]]:
        """What the manifest says of each part: key, table, records, bytes, sha256."""
        return list(self.manifest["parts"])

    @property
    def manifest_path(self) -> Path:
        """The manifest's file."""
        return self.local(self.key)

    def local(self, key: str) -> Path:
        """Return the file that the object `key` was fetched into."""
        return self.folder / key

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each way in which the parts are not what the manifest says; nothing if all is well."""
        for part in self.parts:
            path = self.local(part["key"])
            if not path.is_file():
                yield f"{part['key']} is named by the manifest and is not in the bucket"
                continue
            stored = path.read_bytes()
            if (len(stored), hashlib.sha256(stored).hexdigest()) != (part["bytes"], part["sha256"]):
                yield f"{part['key']} has other bytes than its manifest says"
            if len(_rows(path)) != part["records"]:
                yield f"{part['key']} has {len(_rows(path))} records, its manifest says {part['records']}"
        if sum(part["records"] for part in self.parts) != self.manifest["records"]:
            yield f"the parts of {self.key} have other records in sum than its manifest says"

    def record_ids(self) -> list[str]:
        """Return the `id` of every record, in the order of the parts."""
        return [row["id"] for part in self.parts for row in _rows(self.local(part["key"]))]

    def lines(self) -> list[str]:
        """Return the lines of the first part as text; a record whose text has line breaks takes several."""
        return _text(self.local(self.parts[0]["key"])).splitlines()


def download(s3: "S3Client", bucket: str, keys: Iterable[str], folder: Path) -> list[Export]:
    """Fetch the objects `keys` of `bucket` into `folder`, each at its key as path. Return their exports, by study."""
    found = sorted(keys)
    for key in found:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    manifests = [key for key in found if key.endswith(MANIFEST)]
    exports = [Export(key, folder, json.loads((folder / key).read_bytes())) for key in manifests]
    return sorted(exports, key=lambda export: export.study)


def _text(path: Path) -> str:
    stored = path.read_bytes()
    return (gzip.decompress(stored) if path.suffix == ".gz" else stored).decode("utf-8")


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(path), newline="")))
