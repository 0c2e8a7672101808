"""What the functions print when Lambda's own runtime client runs them."""

from e2e.outsider import Outsider, at, record
from tidegate_local.stack import LocalStack

SECRET = "s3cr3t-value"


def test_what_the_functions_print_tells_operations_and_no_record(outsider: Outsider, stack: LocalStack) -> None:
    outsider.put_study("discreet")
    outsider.put_records(record("discreet", "marked-id", at("2025-03-01T12:00:00Z"), note={"S": SECRET}))
    operation = outsider.export_daily("discreet", "2025-03-02T00:00:00Z")
    (row,) = outsider.rows(operation)
    assert row["note"] == SECRET
    printed = stack.function_log.read_text()
    assert operation["operationId"] in printed
    assert SECRET not in printed
    assert "marked-id" not in printed
