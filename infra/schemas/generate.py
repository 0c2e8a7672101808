"""Write the published JSON schemas anew from the models that check the data: `python infra/schemas/generate.py`."""

from __future__ import annotations

import json
from pathlib import Path

from tidegate import announcement, definition_schema, request, schedule, source_listing

FOLDER = Path(__file__).parent
SCHEMAS = {
    "request.schema.json": request.json_schema,
    "schedule.schema.json": schedule.json_schema,
    "export.schema.json": definition_schema.json_schema,
    "event.schema.json": announcement.json_schema,
    "source-result.schema.json": source_listing.result_schema,
}


def texts() -> dict[str, str]:
    """The text of each schema by its file name, as it must stand in this folder."""
    return {name: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n" for name, schema in SCHEMAS.items()}


def main() -> None:
    """Write each schema into this folder."""
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
