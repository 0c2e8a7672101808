"""moto's answers for less work: what it finds out anew at each call, although it is always the same, is kept.

Nothing that moto answers, keeps or refuses differs from what it does without.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore import useragent
from moto.core import responses as core_responses
from moto.core.constants import MISSING
from moto.core.serialize import AttributePickerContext, ResponseSerializer, XFormedAttributePicker
from moto.dynamodb.parsing import ast_nodes
from moto.moto_api._internal.moto_random import MotoRandom
from moto.sqs import models as sqs_models

KEYS = "_keys_in_a_dict"
AST: Any = ast_nodes
responses: Any = core_responses
queues: Any = sqs_models
Function = Callable[..., Any]


def cheapen() -> None:
    """Do so from now on, in this whole process. Called again, it changes nothing."""
    for owner, name, _, cheaper in _replaced():
        setattr(owner, name, cheaper)


@contextmanager
def as_it_was_made() -> Iterator[None]:
    """moto itself for the length of a block, to compare with."""
    for owner, name, made, _ in _replaced():
        setattr(owner, name, made)
    try:
        yield
    finally:
        cheapen()


@cache
def _replaced() -> list[tuple[Any, str, Function, Function]]:
    """Owner and name of each function, with moto's own and with what stands in for it."""
    found: list[tuple[Any, str, Callable[[Function], Function]]] = [
        (responses, "method_names_from_class", cache),
        (responses, "camelcase_to_underscores", cache),
        (queues, "camelcase_to_underscores", cache),
        (useragent, "sanitize_user_agent_string_component", cache),
        (ResponseSerializer, "get_value", _by_kept_keys),
        (AST.DepthFirstTraverser, "traverse_node_recursively", lambda _: _traversed),
        (MotoRandom, "get_random_string", lambda _: _drawn_at_once),
    ]
    return [(owner, name, getattr(owner, name), cheaper(getattr(owner, name))) for owner, name, cheaper in found]


def _by_kept_keys(value_of: Function) -> Function:
    """`ResponseSerializer.get_value`, which tries up to ten names for each member of each structure of an answer.

    Which ones depends on the shape alone if the structure is a dict, as DynamoDB's are.
    """

    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        picker = self._value_picker
        if type(value) is not dict or type(picker) is not XFormedAttributePicker or picker.response_transformers:
            return value_of(self, value, key, shape)
        keys = shape.__dict__.get(KEYS)
        if keys is None:
            keys = shape.__dict__[KEYS] = tuple(picker.get_possible_keys(AttributePickerContext({}, key, shape)))
            assert not any("." in possible for possible in keys), f"{keys} are paths, which only moto itself follows"
        for possible in keys:
            found = value.get(possible, MISSING)
            if found is not MISSING:
                return found
        return None

    return get_value


def _traversed(self: Any, node: Any, child_id: int = -1) -> Any:
    """`DepthFirstTraverser.traverse_node_recursively`, with its map of processors made once and not at each node."""
    kind: Any = type(node)
    if not _is_node(kind):
        return node
    parent = node.parent
    for number, child in enumerate(node.children or ()):
        self.pre_processing_of_child(node, number)
        _traversed(self, child, number)
    processor = _processor(self, kind)
    if processor is None:
        return node
    processed = processor(node)
    processed.parent = parent
    if parent:
        parent.children[child_id] = processed
    return processed


@cache
def _is_node(kind: type) -> bool:
    return issubclass(kind, AST.Node)


def _processor(self: Any, kind: type) -> Function | None:
    known: dict[type, Function | None] = self.__dict__.setdefault("_processors", {})
    if kind not in known:
        by_kind: Mapping[type, Function] = self._processing_map()
        known[kind] = next((processor for of, processor in by_kind.items() if issubclass(kind, of)), None)
    return known[kind]


def _drawn_at_once(self: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
    """`MotoRandom.get_random_string`, which draws the 52 letters of each answer's id one by one."""
    pool = string.ascii_letters + (string.digits if include_digits else "")
    drawn = "".join(self.choices(pool, k=length))
    return drawn.lower() if lower_case else drawn
