"""aiodynamo with aiohttp: an asynchronous iterator of items, csv.DictWriter. It does not verify x-amz-crc32."""

import asyncio
import csv
import os
import ssl
from decimal import Decimal
from pathlib import Path

from aiodynamo.client import Client
from aiodynamo.credentials import Credentials
from aiodynamo.expressions import HashKey, RangeKey
from aiodynamo.http.aiohttp import AIOHTTP
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from benchmarks.measure import INDEX, REGION, TABLE, Task, measured


def export(task: Task) -> str:
    """One event loop, one connection."""
    asyncio.run(_export(task))
    return ""


async def _export(task: Task) -> None:
    trusted = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    async with ClientSession(connector=TCPConnector(ssl=trusted)) as session:
        client = Client(AIOHTTP(session), Credentials.auto(), REGION, endpoint=URL(task.endpoint), numeric_type=Decimal)
        condition = HashKey("studyId", task.study) & RangeKey("uploadedOn").between(task.low, task.high)
        with Path(task.output).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, task.columns)
            writer.writeheader()
            async for item in client.query(TABLE, condition, index=INDEX):
                writer.writerow(item)


if __name__ == "__main__":
    measured(export)
