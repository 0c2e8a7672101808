"""Random pages over DynamoDB's whole value space, written with escapes that DynamoDB itself would not use."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from random import Random
from typing import Any

from tidegate.constants import constant_of
from tidegate.dialects import QUOTINGS, Dialect
from tidegate.formats import format_of
from tidegate.model import ColumnSpec, FormatSpec
from tidegate.native import FORMATS, ByTable, Inside, ItemSpec, Origin, RowSpec
from tidegate.paths import steps_of

Item = dict[str, dict[str, Any]]
NAMES = (
    "id",
    "sort",
    "at",
    "a",
    "b",
    "B",
    "BS",
    "S",
    "M",
    "=n",
    "x.y",
    "b[1]",
    "é",
    "comma,name",
    "a_name_longer_than_eight",
)
_TEXTS = (
    "",
    "x",
    "=1+1",
    "-",
    "@",
    "\t",
    "\r",
    "plain text",
    "a,b",
    'quo"te',
    "\\",
    "line\nline",
    "\r\n",
    "\x00",
    "\x1f",
)
_ODD = (
    "\x7f",
    "\u2028",
    "\ufeff",
    "\N{GRINNING FACE}",
    "é",
    "日本語",
    "\U0010ffff",
    "\ud7ff",
    "\ue000",
    "'",
    "/",
    "\b\f",
)
CONSTANTS: dict[str, dict[str, Any]] = {
    "constant none": {},
    "constant text": {"S": 'sa"id, "no"'},
    "\tconstant formula": {"S": "=1"},
    "constant number": {"N": "1.50"},
    "constant long": {"S": "constant " * 40},
    "constant truth": {"BOOL": True},
}
"""Columns that are the same in every record, by their names."""
_MILLIS = 1475539200000
TYPES = (
    "text", "binary", "boolean", "int64", "decimal(3,1)", "decimal(18,2)", "decimal(38,0)", "decimal(38,18)",
    "decimal(21,19)", "timestamp(iso8601,3)", "timestamp(iso8601,0)", "timestamp(epochMillis)",
)  # fmt: skip
"""Those that the library writes."""
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "/": "\\/"}


class PageMaker:
    """Makes specifications, and pages that fit them, from a random generator alone."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def items_spec(self) -> ItemSpec:
        """Which attributes are key and time, and what is shown."""
        choose = self._random
        key = ("id",) if choose.random() < 0.7 else ("id", "sort")
        shown = None if choose.random() < 0.6 else frozenset(choose.sample(NAMES, choose.randrange(len(NAMES))))
        owner = (
            None
            if choose.random() < 0.7
            else (choose.choice(("a", "b", "sort")), choose.choice(("x", "", "AA==", "1")))
        )
        return ItemSpec(key, "at", choose.choice(("epochMillis", "epochSeconds", "iso8601")), shown, owner)

    def target(self) -> RowSpec | ByTable | None:
        """Some columns, a few under other names or twice; or packed lines, each table's apart or not (None)."""
        choose = self._random
        if choose.random() < 0.3:
            return None if choose.random() < 0.5 else ByTable(tuple(choose.sample(NAMES, choose.choice((1, 1, 2)))))
        attributes = choose.sample(NAMES, choose.randrange(1, len(NAMES) + 1))
        columns: list[tuple[str, Origin]] = [
            (name if choose.random() < 0.7 else f'{name}"\n{at}', name) for at, name in enumerate(attributes)
        ]
        if choose.random() < 0.2:
            columns.append(("again", attributes[0]))
        if choose.random() < 0.4:
            columns += [(f"inside {at}", self._path()) for at in range(choose.randrange(4))]
        spec = RowSpec(
            choose.choice((*FORMATS, "Parquet")), choose.random() < 0.7, tuple(columns), choose.random() < 0.8
        )
        types = tuple(self._type(origin) for _, origin in columns)
        if choose.random() < 0.2:
            spec = replace(spec, ignored=frozenset(choose.sample(NAMES, 7)))
        if spec.format == "Parquet":
            spec = replace(spec, types=types)
        elif spec.format == "TSV":
            spec = replace(spec, dialect=self._dialect())
        return spec if choose.random() < 0.6 else self._with_constants(spec)

    def _with_constants(self, spec: RowSpec) -> RowSpec:
        choose = self._random
        form = FormatSpec(spec.format, formula_guard=spec.formula_guard, dialect=spec.dialect)
        columns, types = list(spec.columns), list(spec.types)
        for name in choose.sample(sorted(CONSTANTS), choose.choice((1, 1, 2))):
            one = constant_of(ColumnSpec(None, name, constant=CONSTANTS[name]), form, format_of(form), "text")
            assert one is not None
            place = choose.randrange(len(columns) + 1)
            columns.insert(place, (name, one))
            types.insert(place, "text")
        return replace(spec, columns=tuple(columns), types=tuple(types) if spec.types else ())

    def _dialect(self) -> Dialect:
        """Any; the texts that stand for no value may be what values read as."""
        choose = self._random
        delimiter = choose.choice("\t\t,;|\\/= [:\x01\x7f")
        marks = [
            mark
            for mark in (None, None, "", "NULL", "x", "0", "true", "[]", "'=1+1", "\\N")
            if delimiter not in (mark or "")
        ]
        return Dialect(
            delimiter, choose.choice(QUOTINGS), choose.choice(("\r\n", "\n")),
            null_text=choose.choice(marks), missing_text=choose.choice(marks),
        )  # fmt: skip

    def _path(self) -> Inside:
        """One that leads somewhere now and then: the items' maps have members of the same names."""
        choose = self._random
        steps = choose.choices(("a", "b", "B", "M", "é", "comma,name", "=n", "x"), k=choose.choice((1, 2, 2, 3)))
        places = choose.choices(("", "", "[0]", "[1]", "[2][0]"), k=len(steps))
        text = ".".join(map("".join, zip(steps, places, strict=True)))
        return Inside(text, steps_of(text))

    def _type(self, attribute: Origin) -> str:
        """Mostly one that holds everything: a value that does not fit has its whole page refused."""
        choose = self._random
        if attribute == "at" and choose.random() < 0.7:
            return choose.choice(("timestamp(epochMillis)", "timestamp(epochSeconds)", "timestamp(iso8601)"))
        return "text" if choose.random() < 0.7 else choose.choice(TYPES)

    def items(self, spec: ItemSpec, most: int = 5) -> list[Item]:
        """Items with a key and a time that can be read."""
        return [self._item(spec) for _ in range(self._random.randrange(most + 1))]

    def page(self, items: list[Item]) -> bytes:
        """The answer that has them, its members and attributes in any order."""
        written = "[" + ",".join(self._object(item) for item in items) + "]"
        members = [f'"Count":{len(items)}', f'"Items":{written}', f'"ScannedCount":{len(items)}']
        if self._random.random() < 0.3:
            members.append(f'"LastEvaluatedKey":{self._object({"id": {"S": self.text()}, "b": self._binary()})}')
        if self._random.random() < 0.1:
            members.append('"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5,"Table":{"CapacityUnits":1}}')
        if self._random.random() < 0.3:
            self._random.shuffle(members)
        return ("{" + ",".join(members) + "}").encode()

    def window(self) -> tuple[int, int]:
        """Bounds that have all, some or none of the items."""
        low = self._random.choice((0, _MILLIS, _MILLIS + 5000))
        return low, self._random.choice((1 << 60, low + 5000, low))

    def text(self) -> str:
        """Any text, most often short and with what formats have to treat."""
        choose = self._random
        pieces = choose.choices(_TEXTS + _ODD, k=choose.choice((0, 1, 1, 1, 2, 3, 9)))
        return "".join(pieces) if choose.random() < 0.9 else "word " * choose.randrange(40)

    def _item(self, spec: ItemSpec) -> Item:
        choose = self._random
        others = choose.sample(NAMES, choose.randrange(len(NAMES)))
        item = {name: self._value() for name in others}
        item |= {name: self._key_part() for name in spec.key}
        item[spec.time] = self._time(spec.time_type)
        order = list(item)
        if choose.random() < 0.3:
            choose.shuffle(order)
        return {name: item[name] for name in order}

    def _time(self, notation: str) -> dict[str, Any]:
        choose = self._random
        millis = _MILLIS + choose.randrange(10_000)
        if notation == "iso8601":
            fraction = choose.choice(("", ".5", ".000", ".123456", ".999999999"))
            return {"S": f"2016-10-04T00:00:{millis % 60:02d}{fraction}{choose.choice(('Z', '+00:00'))}"}
        if notation == "epochSeconds":
            return {"N": choose.choice((f"{millis // 1000}", f"{millis // 1000}.{millis % 1000:03d}", "-0.0005"))}
        return {"N": choose.choice((f"{millis}", f"{millis}", f"{millis}.75", "-1.5", "0"))}

    def _key_part(self) -> dict[str, Any]:
        return self._random.choice(({"S": self.text() or "k"}, {"N": self._number()}, self._binary()))

    def _number(self) -> str:
        choose = self._random
        digits = str(choose.randrange(10 ** choose.choice((1, 1, 2, 5, 38))))
        if choose.random() < 0.4 and len(digits) > 1:
            digits = f"{digits[0]}.{digits[1:]}" + "0" * choose.randrange(3)
        exponent = choose.choice(("", "", "", "E+2", "e-3", "E0", "E-130"))
        return choose.choice(("", "-")) + digits + exponent

    def _binary(self) -> dict[str, Any]:
        return {"B": b64encode(self._random.randbytes(self._random.choice((0, 1, 2, 3, 10)))).decode()}

    def _value(self, depth: int = 0) -> dict[str, Any]:
        choose = self._random
        kind = choose.choice("SSSNNB0TU123" if depth > 3 else "SSSNNB0TU123LM")
        match kind:
            case "S":
                return {"S": self.text()}
            case "N":
                return {"N": self._number()}
            case "B":
                return self._binary()
            case "0":
                return {"NULL": True}
            case "T" | "U":
                return {"BOOL": kind == "T"}
            case "1":
                return {"SS": [self.text() for _ in range(self._some())]}
            case "2":
                return {"NS": [self._number() for _ in range(self._some())]}
            case "3":
                return {"BS": [self._binary()["B"] for _ in range(self._some())]}
            case "L":
                return {"L": [self._value(depth + 1) for _ in range(self._some())]}
        return {"M": {choose.choice((*NAMES, self.text())): self._value(depth + 1) for _ in range(self._some())}}

    def _some(self) -> int:
        return self._random.choice((0, 1, 2, 3, 3, 20))

    def _object(self, members: dict[str, Any], *, attribute_names: bool = True) -> str:
        # An attribute's name with escapes is refused, so that there would be nothing left to compare.
        names = (f'"{name}"' if attribute_names else self._string(name) for name in members)
        return "{" + ",".join(f"{n}:{self._json(v)}" for n, v in zip(names, members.values(), strict=True)) + "}"

    def _json(self, value: dict[str, Any]) -> str:
        ((kind, raw),) = value.items()
        if kind == "M":
            inner = self._object(raw, attribute_names=False)
        elif kind == "L":
            inner = "[" + ",".join(self._json(one) for one in raw) + "]"
        elif kind in {"BOOL", "NULL"}:
            inner = "true" if raw else "false"
        elif kind in {"SS", "NS", "BS"}:
            inner = "[" + ",".join(self._string(one) if kind == "SS" else f'"{one}"' for one in raw) + "]"
        else:
            # A time with escapes is refused, as is an attribute's name.
            inner = f'"{raw}"' if kind != "S" or raw.startswith("2016-") else self._string(raw)
        return f'{{"{kind}":{inner}}}'

    def _string(self, text: str) -> str:
        return '"' + "".join(self._character(c) for c in text) + '"'

    def _character(self, character: str) -> str:
        choice = self._random.random()
        if choice > 0.95:
            units = character.encode("utf-16-be", "surrogatepass").hex(sep=",", bytes_per_sep=2).split(",")
            return "".join(f"\\u{unit.upper() if choice > 0.97 else unit}" for unit in units)
        if character in _SHORT and (character != "/" or choice > 0.5):
            return _SHORT[character]
        return f"\\u{ord(character):04x}" if character < " " else character


_TOKENS = (
    *(
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"\x00",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"0",
        b"-",
    ),
    *(b"e9", b"E99999999999", b".5", b"=", b"\\ud800", b"\\udc00", b"\\u002c", b'\\"', b"\\/", b'{"S":"x"}', b"true"),
    *(
        b'{"X":"x"}',
        b'"BS":[',
        b'"id":',
        b'"at":',
        b'"a":{"S":"again"},',
        b'"Count":1,',
        b'{"L":[' * 50,
        b"null",
        b'""',
    ),
)


def mutated(random: Random, page: bytes) -> bytes:
    """The page with a few bytes flipped, cut out, inserted or repeated."""
    data = bytearray(page)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(data) + 1)
        match random.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 1:
                del data[at : at + random.choice((1, 1, 2, 5, 50))]
            case 2:
                del data[at:]
            case 3:
                start = random.randrange(len(data) + 1)
                data[at:at] = data[start : start + random.choice((1, 4, 20, 100))]
            case 4 if at < len(data):
                data[at] = random.randrange(256)
            case _:
                data[at:at] = random.choice(_TOKENS)
    return bytes(data)
