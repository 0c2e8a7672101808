"""How the pages of a Parquet file are compressed; each library is loaded by those who use it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, TypeAlias

from tidegate.errors import FatalError
from tidegate.immutable import dataclass

Buffer: TypeAlias = bytes | bytearray | memoryview

GZIP_LEVEL: Final = 2
"""ISA-L's, as in parts of text."""
ZSTD_LEVEL: Final = 3
_GZIP_HEADER: Final = 31


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to compress a page. `number` is Parquet's; `decompress` is told how many bytes come out."""

    number: int
    compress: Callable[[Buffer], bytes]
    decompress: Callable[[Buffer, int], bytes]


def codec_of(name: str) -> Codec:
    """The codec of that name in a definition. Raises FatalError for one that does not exist."""
    if name not in _CODECS:
        raise FatalError(
            f"There is no compression {name!r} of Parquet files.",
            code="UNKNOWN_COMPRESSION",
            remedy=f"Set format.compression of the export to one of {', '.join(_CODECS)}.",
        )
    return _CODECS[name]


def codec_of_number(number: int) -> Codec:
    """The codec of that number in a file. Raises ValueError for one that is not written here."""
    for codec in _CODECS.values():
        if codec.number == number:
            return codec
    raise ValueError(f"its pages are compressed in way {number}, which is not known here")


def _zstd() -> Any:
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _zstd_compressed(plain: Buffer) -> bytes:
    return bytes(_zstd().compress(plain, ZSTD_LEVEL))


def _zstd_plain(stored: Buffer, size: int) -> bytes:  # noqa: ARG001 - a codec's
    module = _zstd()
    try:
        return bytes(module.decompress(stored))
    except module.ZstdError as error:
        raise OSError(str(error)) from None


def _gzip_compressed(plain: Buffer) -> bytes:
    from isal import isal_zlib  # noqa: PLC0415  # only those who write gzip load it

    return isal_zlib.compress(plain, GZIP_LEVEL, _GZIP_HEADER)


def _gzip_plain(stored: Buffer, size: int) -> bytes:
    import zlib  # noqa: PLC0415

    return zlib.decompress(stored, _GZIP_HEADER, size)


def _snappy_compressed(plain: Buffer) -> bytes:
    return bytes(import_module("cramjam").snappy.compress_raw(plain))


def _snappy_plain(stored: Buffer, size: int) -> bytes:  # noqa: ARG001 - a codec's
    cramjam = import_module("cramjam")
    try:
        return bytes(cramjam.snappy.decompress_raw(stored))
    except cramjam.DecompressionError as error:
        raise OSError(str(error)) from None


_CODECS: Final[Mapping[str, Codec]] = {
    "zstd": Codec(6, _zstd_compressed, _zstd_plain),
    "snappy": Codec(1, _snappy_compressed, _snappy_plain),
    "gzip": Codec(2, _gzip_compressed, _gzip_plain),
    "none": Codec(0, bytes, lambda stored, _: bytes(stored)),
}
