"""DynamoDB's items: they lie in the spool, and whoever asks for one gets a copy."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.spool import Place


class Items(MutableMapping[Any, Any]):
    """The items of a table by their hash keys, of which no two have the same."""

    def __init__(self) -> None:
        self._places: dict[Any, Place] = {}

    def places(self) -> list[tuple[Any, Place]]:
        """Return all keys, and where their items lie: an item that is written lies elsewhere."""
        return list(self._places.items())

    def __getitem__(self, key: Any) -> Any:
        return read(key, self._places[key])

    def __setitem__(self, key: Any, item: Any) -> None:
        self._places[key] = Place(msgspec.msgpack.encode(item.to_json()["Attributes"]))

    def __delitem__(self, key: Any) -> None:
        del self._places[key]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._places))

    def __len__(self) -> int:
        return len(self._places)


def read(key: Any, place: Place) -> Any:
    """Return an item as moto has it, but for the sizes that it asks for at each attribute."""
    item = object.__new__(Item)
    item.hash_key, item.range_key, item.attrs = key, None, LimitedSizeDict()
    for name, value in msgspec.msgpack.decode(place.read()).items():
        dict.__setitem__(item.attrs, name, DynamoType(value))
    return item


@hook(Table, "__init__", "Moto has an object in memory for every value in an item.")
def table(self: Any, *args: Any, **kwargs: Any) -> None:
    table.original(self, *args, **kwargs)
    if self.range_key_attr is None:
        self.items = Items()


@hook(DynamoDBBackend, "update_item", "Moto changes an item where it is, in its table.")
def update_item(self: Any, table_name: str, *args: Any, **kwargs: Any) -> Any:
    item = update_item.original(self, table_name, *args, **kwargs)
    items = self.get_table(table_name).items
    if isinstance(items, Items):
        items[item.hash_key] = item
    return item
