"""What a million records cost to export, from the CPU that was measured; prices in US dollars, with their sources.

List prices of us-east-1 without free tier and discounts, looked up in November 2026; check them before you quote them.
"""

from __future__ import annotations

from typing import Final

from benchmarks.records import RECORD_BYTES

LAMBDA_GB_SECOND: Final = 0.0000133334
"""arm64: https://aws.amazon.com/lambda/pricing/"""
VCPU_MEGABYTES: Final = 1769
"""The memory at which a function has one vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
EXPORT_TO_S3_GB: Final = 0.10
"""DynamoDB's export to S3: https://aws.amazon.com/dynamodb/pricing/on-demand/"""
READ_REQUEST_UNIT: Final = 0.125 / 1_000_000
"""On demand: https://aws.amazon.com/dynamodb/pricing/on-demand/"""
_MILLION: Final = 1_000_000
_UNIT_BYTES: Final = 4096


def lambda_cost(records_per_cpu_second: float) -> float:
    """Dollars of Lambda for a million records, where a function has one vCPU and is never idle.

    An arm64 vCPU is taken to be as fast as the core that was measured.
    """
    return _MILLION / records_per_cpu_second * VCPU_MEGABYTES / 1024 * LAMBDA_GB_SECOND


def native_export_cost() -> float:
    """Dollars of DynamoDB's own export of a million records, of which a table has no others: it exports all or nothing.

    Incremental exports are priced by what they read as well; the continuous backups that both need are not in it.
    """
    return _MILLION * RECORD_BYTES / 1e9 * EXPORT_TO_S3_GB


def query_cost() -> float:
    """Dollars of eventually consistent reads of a million records by Query, which all but the native export pay."""
    return _MILLION * RECORD_BYTES / _UNIT_BYTES / 2 * READ_REQUEST_UNIT
