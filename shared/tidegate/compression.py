"""How parts are compressed: a chain of members (gzip) or frames (zstd), which every reader takes as one file.

The levels are chosen by measurement (docs/adr/0015-compression.md). Each member depends on its plain bytes alone.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO, Final, TypeAlias, cast

from tidegate.errors import FatalError
from tidegate.immutable import dataclass

Buffer: TypeAlias = bytes | bytearray | memoryview

GZIP_LEVEL: Final = 2
"""Of ISA-L. On rows of ids, numbers and text a fifth of the CPU of zlib's level 4, for 3 % more bytes."""
ZSTD_LEVEL: Final = 3
"""zstd's own default: a tenth fewer bytes than gzip, for twice the CPU of ISA-L."""
_GZIP_HEADER: Final = 31


@dataclass(frozen=True, slots=True)
class Compression:
    """One way to compress: what it adds to a part's name, what the object then is, and the two directions.

    `compress` gives a whole member; `reader` reads a chain of them from a binary file.
    """

    suffix: str
    media_type: str | None
    compress: Callable[[Buffer], bytes]
    reader: Callable[[BinaryIO], BinaryIO]


def compression_of(name: str) -> Compression:
    """The compression of that name in a definition. Raises FatalError for one that does not exist."""
    if name not in _COMPRESSIONS:
        raise FatalError(
            f"There is no compression {name!r}.",
            code="UNKNOWN_COMPRESSION",
            remedy=f"Set format.compression of the export to one of {', '.join(_COMPRESSIONS)}.",
        )
    return _COMPRESSIONS[name]


def compression_of_key(key: str) -> Compression:
    """How the object of this name is compressed."""
    return next(one for one in _COMPRESSIONS.values() if key.endswith(one.suffix))


def _gzip(plain: Buffer) -> bytes:
    from isal import isal_zlib  # noqa: PLC0415  # only those who write gzip load it

    return isal_zlib.compress(plain, GZIP_LEVEL, _GZIP_HEADER)


def _gunzip(stored: BinaryIO) -> BinaryIO:
    import gzip  # noqa: PLC0415

    return cast("BinaryIO", gzip.GzipFile(fileobj=stored, mode="rb"))


def _zstd(plain: Buffer) -> bytes:
    return bytes(_zstd_module().compress(plain, ZSTD_LEVEL))


def _unzstd(stored: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_ZstdReader(stored)))


class _ZstdReader(io.RawIOBase):
    """The plain bytes of a chain of frames; what is no zstd is an OSError, as it is with gzip."""

    def __init__(self, stored: BinaryIO) -> None:
        self._module = _zstd_module()
        self._file = self._module.ZstdFile(stored)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._file.readinto(buffer))
        except self._module.ZstdError as error:
            raise OSError(str(error)) from None


def _zstd_module() -> ModuleType:
    # Only those who use zstd load it.
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


_COMPRESSIONS: Final[Mapping[str, Compression]] = {
    "gzip": Compression(".gz", "application/gzip", _gzip, _gunzip),
    "zstd": Compression(".zst", "application/zstd", _zstd, _unzstd),
    "none": Compression("", None, bytes, lambda stored: stored),
}
