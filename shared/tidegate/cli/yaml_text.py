"""Untrusted YAML text, read strictly: plain data alone, of bounded size however often it refers to itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from tidegate.json_text import LIMIT_BYTES

MOST_NODES = 100_000
"""Aliases written out. A few lines of them can stand for more values than any memory holds."""
MOST_NESTED = 64
LONGEST_NUMBER = 40
"""Characters; Python makes integers of longer ones that it cannot write out again."""
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str")}
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML's own types but for two: an instant stays the text that it is, and no key may come twice."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_object(text: str) -> dict[str, Any]:
    """The one object that `text` holds.

    Raises ValueError with a reason for people: more than 256 KB, not YAML, more than one document, a key twice in one
    object, a tag that stands for more than plain data, nested too deeply, too many values once aliases are written
    out, an alias inside what it names, an unpaired surrogate, not an object.
    """
    if len(text.encode()) > LIMIT_BYTES:
        raise ValueError(f"it has {len(text.encode())} bytes; {LIMIT_BYTES} are allowed")
    try:
        document = _constructed(_Loader(text))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it does not hold one object")  # noqa: TRY004  # the content is wrong, not an argument
    return document


def _constructed(loader: yaml.SafeLoader) -> Any:
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _Measure().size(root, 0)
        return loader.construct_document(root)
    finally:
        loader.dispose()


class _Measure:
    """The number of values below each node, aliases written out; each node is looked at once."""

    def __init__(self) -> None:
        self._sizes: dict[int, int | None] = {}

    def size(self, node: yaml.Node, depth: int) -> int:
        """How many values a node stands for. Raises ValueError for what no definition needs."""
        if id(node) in self._sizes:
            known = self._sizes[id(node)]
            if known is None:
                raise ValueError(f"{_place(node)} holds an alias of itself")
            return known
        if depth > MOST_NESTED:
            raise ValueError("it is nested too deeply")
        self._check_plain(node)
        self._sizes[id(node)] = None
        size = 1 + sum(self.size(inner, depth + 1) for inner in _below(node))
        if size > MOST_NODES:
            raise ValueError(f"it stands for more than {MOST_NODES} values once its aliases are written out")
        self._sizes[id(node)] = size
        return size

    def _check_plain(self, node: yaml.Node) -> None:
        if node.tag not in _PLAIN:
            raise ValueError(f"{_place(node)} has the tag {node.tag[:80]}, which is no plain data")
        if not isinstance(node, yaml.ScalarNode):
            return
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            raise ValueError(f"{_place(node)} holds an unpaired surrogate, which no UTF-8 text can hold")


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [inner for pair in node.value for inner in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _place(node: yaml.Node) -> str:
    return f"what begins in line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping = loader.construct_mapping(node, deep=True)
    if len(mapping) < len(node.value):
        raise ValueError(f"a key comes twice in the object that begins in line {node.start_mark.line + 1}")
    return mapping


def _scalar(construct: Callable[[yaml.SafeLoader, yaml.ScalarNode], Any]) -> Callable[..., Any]:
    """A constructor that refuses what its type does not take with the place, whatever PyYAML's own raises for it."""

    def constructed(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
        try:
            if len(node.value) <= LONGEST_NUMBER:
                return construct(loader, node)
        except (ValueError, LookupError, ArithmeticError):
            pass
        raise ValueError(f"{_place(node)} is not of the type {node.tag.rpartition(':')[2]}, or too long for it")

    return constructed


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _scalar(yaml.SafeLoader.construct_yaml_int))
_Loader.add_constructor("tag:yaml.org,2002:float", _scalar(yaml.SafeLoader.construct_yaml_float))
_Loader.add_constructor("tag:yaml.org,2002:bool", _scalar(yaml.SafeLoader.construct_yaml_bool))
