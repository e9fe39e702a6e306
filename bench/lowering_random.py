"""Calls of Prisma Client drawn at random over a schema, the same ones for the same seed: `cases(text, seed, count)` gives
`(model, operation, args)`.

`lowering_cases.py` holds the shapes that somebody thought of; this holds those that nobody did: filters of filters, nested
reads and writes within each other, empty lists and empty objects. Most calls are small, as in real code. What Prisma refuses
is no case, so a drawn call may be wrong here and there.
`bench/lowering.py` asks both sides for them.
"""

import random

from lowering_cases import SCALARS, Schema

READS = ("findMany", "findMany", "findMany", "findFirst", "findUnique", "count", "aggregate", "groupBy")
WRITES = ("create", "createMany", "createManyAndReturn", "update", "update", "updateMany", "updateManyAndReturn", "upsert", "delete", "deleteMany")
NUMBERS = ("Int", "Float", "Decimal", "BigInt")
ORDERED = (*NUMBERS, "DateTime", "String")

VALUES = {
    "String": ["x", "y", "z"],
    "Int": [3, 5, 8],
    "BigInt": [4, 6, 9],
    "Float": [1.5, 2.5, 4.25],
    "Decimal": ["1.5", "2.5", "10"],
    "Boolean": [True, False],
    "DateTime": ["2024-01-01T00:00:00.000Z", "2024-06-01T12:30:00.000Z", "2025-01-01T00:00:00.000Z"],
}


class Draw:
    def __init__(self, schema, seed):
        self.schema, self.random = schema, random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def one(self, items):
        return self.random.choice(list(items))

    def some(self, items, least=1, most=3):
        items = list(items)
        return self.random.sample(items, min(len(items), self.random.randint(least, most)))

    def value(self, model, field):
        """One of several values of the type of a field."""
        if field.type in self.schema.enums:
            return self.one(self.schema.enums[field.type])
        return self.one(VALUES.get(field.type, [SCALARS[field.type]]))

    def values(self, model, field, least=1):
        """Values for a list: mostly different ones."""
        known = self.schema.enums.get(field.type) or VALUES.get(field.type) or [SCALARS[field.type]]
        return self.some(known, least, 3) if len(known) >= least else [*known, *known]

    # What rows are asked for.

    def scalar_filter(self, model, field):
        value, ordered, text = self.value(model, field), field.type in ORDERED, field.type == "String"
        listed = self.values(model, field)
        if field.list:
            return self.one([{"has": value}, {"hasSome": listed}, {"hasEvery": listed}, {"isEmpty": True}, {"equals": listed}])
        if field.type == "Json":
            return self.one([{"path": ["a"], "equals": 1}, {"equals": value}, {"path": ["a", "b"], "string_contains": "x"}, {"path": ["l"], "array_contains": [1]}, {"not": value}, {"path": ["n"], "gt": 3}])
        found = [value, value, {"equals": value}, {"not": value}, {"in": listed}, {"in": listed}, {"notIn": listed}, {"in": []}, {"notIn": []}, {"not": {"in": listed}}]
        if field.optional:
            found += [None, {"not": None}, {"equals": None}, {"not": {"equals": None}}]
        if ordered:
            found += [{"gt": value}, {"gte": value, "lt": value}, {"lte": value, "not": value}, {"not": {"gt": value}}]
        if text:
            found += [{"contains": "a"}, {"startsWith": "a", "mode": "insensitive"}, {"endsWith": "a"}, {"equals": "a", "mode": "insensitive"}]
            found += [{"not": {"contains": "a"}}, {"in": ["a", "b"], "mode": "insensitive"}, {"contains": "a", "not": "b"}, {"gte": "a", "startsWith": "b"}]
        return self.one(found)

    def relation_filter(self, model, field, depth):
        inner = self.where(model.target(field), depth - 1)
        if field.list:
            return self.one([{"some": inner}, {"none": inner}, {"every": inner}, {"some": {}}, {"none": {}}, {"some": inner, "none": self.where(model.target(field), depth - 1)}])
        found = [inner, inner, {"is": inner}, {"isNot": inner}]
        return self.one(found + ([None, {"is": None}, {"isNot": None}] if field.optional else []))

    def where(self, model, depth=2):
        found = {}
        for field in self.some(model.scalars(), 0 if self.chance(0.1) else 1, 2):
            found[field.name] = self.scalar_filter(model, field)
        if depth > 0 and model.relations() and self.chance(0.35):
            field = self.one(model.relations())
            found[field.name] = self.relation_filter(model, field, depth)
        if depth > 0 and self.chance(0.3):
            key = self.one(["AND", "OR", "NOT"])
            parts = [self.where(model, depth - 1) for _ in range(self.random.randint(0 if self.chance(0.1) else 1, 3))]
            found[key] = parts[0] if parts and key != "OR" and self.chance(0.3) else parts
        return found

    def unique(self, model):
        found = [{field.name: self.value(model, field)} for field in model.plain() if field.key]
        found += [{name: {part: self.value(model, model.field(part)) for part in parts}} for name, parts, _ in model.keys]
        return self.one(found)

    def unique_where(self, model):
        more = {name: part for name, part in self.where(model, 1).items()} if self.chance(0.2) else {}
        return {**more, **self.unique(model)}

    # What comes back.

    def order(self, model, depth=1):
        field, direction = self.one([field for field in model.scalars() if field.type != "Json"]), self.one(["asc", "desc"])
        if depth and model.here() and self.chance(0.15):
            relation = self.one(model.here())
            return {relation.name: self.order(model.target(relation), depth - 1)}
        if depth and model.many() and self.chance(0.1):
            return {self.one(model.many()).name: {"_count": direction}}
        if field.optional and self.chance(0.3):
            return {field.name: {"sort": direction, "nulls": self.one(["first", "last"])}}
        return {field.name: direction}

    def page(self, model, nested=False):
        found = {}
        if self.chance(0.5):
            found["where"] = self.where(model, 1 if nested else 2)
        if self.chance(0.4):
            orders = [self.order(model) for _ in range(self.random.randint(1, 2))]
            found["orderBy"] = orders[0] if len(orders) == 1 and self.chance(0.6) else orders
        if self.chance(0.4):
            found["take"] = self.one([1, 1, 5, 20, -3, 0])
        if self.chance(0.2):
            found["skip"] = self.one([0, 1, 10])
        if self.chance(0.1) and model.unique():
            found["cursor"] = self.unique(model)
        if self.chance(0.1):
            fields = self.some([field for field in model.plain() if field.type not in ("Json", "Bytes")], 1, 2)
            found["distinct"] = [field.name for field in fields]
        return found

    def shown(self, model, depth=2, key=None):
        """`include`, `select`, `omit` or nothing."""
        relations = model.relations()
        if depth == 0 or self.chance(0.35):
            if self.chance(0.4):
                return {"select": {field.name: True for field in self.some(model.scalars())}}
            return {"omit": {self.one(model.scalars()).name: True}} if self.chance(0.1) else {}
        select = not relations or self.chance(0.5)
        found = {field.name: True for field in self.some(model.scalars(), 0)} if select else {}
        for field in self.some(relations, 0 if select else 1, 2):
            if self.chance(0.3):
                found[field.name] = True
                continue
            target = model.target(field)
            nested = self.page(target, nested=True) if field.list else {}
            if not field.list and field.optional and self.chance(0.1):
                nested = {"where": self.where(target, 1)}
            found[field.name] = {**nested, **self.shown(target, depth - 1)}
        if model.many() and self.chance(0.15):
            counted = {}
            for field in self.some(model.many()):
                counted[field.name] = {"where": self.where(model.target(field), 1)} if self.chance(0.4) else True
            found["_count"] = {"select": counted} if self.chance(0.8) else True
        return {"select" if select else "include": found} if found else {}

    # What is written.

    def row(self, model, without=()):
        found = model.data(without)
        for field in model.scalars():
            if field.name not in found and field.name not in without and self.chance(0.15):
                value = self.value(model, field)
                found[field.name] = self.one([[value], []]) if field.list else self.one([value, None]) if field.optional else value
        return found

    def child(self, model, relation):
        back = model.back(relation)
        if back is None or any(field.type == "Unsupported" for field in model.target(relation).fields):
            return None
        return model.target(relation), model.target(relation).keys_of(back)

    def created(self, model, without=(), depth=1):
        """`data` of a create; `without` are columns that somebody else fills."""
        found = self.row(model, without)
        if depth and model.relations() and self.chance(0.5):
            for relation in self.some(model.relations(), 1, 2):
                if any(key in without for key in model.keys_of(relation)):
                    continue
                nested = self.nested_create(model, relation, depth - 1)
                if nested is not None:
                    found[relation.name] = nested
        # Columns and relations do not mix: a row that connects says all its keys so.
        named = [relation for relation in model.here() if relation.name in found]
        for relation in model.here() if named else ():
            if any(key in without for key in model.keys_of(relation)):
                return self.row(model, without)
            for key in model.keys_of(relation):
                there = found.pop(key, None)
                if there is not None and relation.name not in found:
                    found[relation.name] = {"connect": self.unique(model.target(relation))}
        return found

    def nested_create(self, model, relation, depth):
        known = self.child(model, relation)
        target = model.target(relation)
        if known is None or not target.unique():
            return None
        keys = known[1]
        make = lambda: self.created(target, keys, depth)
        many = lambda make: [make() for _ in range(self.one([0, 1, 1, 2, 3]))] if relation.list and self.chance(0.7) else make()
        way = self.one(["create", "create", "connect", "connectOrCreate", "createMany"])
        if way == "createMany":
            if not relation.list or model.back(relation).list:
                return None
            rows = [self.row(target, keys) for _ in range(self.random.randint(0, 2))]
            return {"createMany": {"data": rows, **({"skipDuplicates": True} if self.chance(0.4) else {})}}
        part = {
            "create": make,
            "connect": lambda: self.unique(target),
            "connectOrCreate": lambda: {"where": self.unique(target), "create": make()},
        }[way]
        return {way: many(part)}

    def changes(self, model):
        found = {}
        for field in self.some([field for field in model.scalars() if not field.key], 0 if self.chance(0.2) else 1, 3):
            value = self.value(model, field)
            if field.list:
                found[field.name] = self.one([{"set": [value]}, {"push": value}, [value], {"push": [value, value]}])
            elif field.type in NUMBERS:
                found[field.name] = self.one([value, {"increment": value}, {"set": value}, {"decrement": value}, {"multiply": value}])
            else:
                found[field.name] = self.one([value, {"set": value}, *([None] if field.optional and field.type != "Json" else [])])
        return found

    def changed(self, model, depth=1):
        found = self.changes(model)
        if depth and model.relations() and self.chance(0.5):
            for relation in self.some(model.relations(), 1, 2):
                nested = self.nested_change(model, relation, depth - 1)
                if nested is not None:
                    found[relation.name] = nested
        named = [relation for relation in model.here() if relation.name in found]
        for relation in model.here() if named else ():
            for key in model.keys_of(relation):
                found.pop(key, None)
        return found

    def nested_change(self, model, relation, depth):
        if self.chance(0.3):
            return self.nested_create(model, relation, depth)
        known, target = self.child(model, relation), model.target(relation)
        if known is None or not target.unique():
            return None
        keys = known[1]
        listed = lambda make: [make() for _ in range(self.one([0, 1, 2]))] if self.chance(0.4) else make()
        if relation.list:
            ways = {
                "update": lambda: listed(lambda: {"where": self.unique(target), "data": self.changed(target, depth)}),
                "updateMany": lambda: listed(lambda: {"where": self.where(target, 1), "data": self.changes(target)}),
                "delete": lambda: listed(lambda: self.unique(target)),
                "deleteMany": lambda: listed(lambda: self.where(target, 1)),
                "upsert": lambda: listed(lambda: {"where": self.unique(target), "create": self.created(target, keys, depth), "update": self.changed(target, depth)}),
                "set": lambda: listed(lambda: self.unique(target)),
                "disconnect": lambda: listed(lambda: self.unique(target)),
            }
        else:
            ways = {
                "update": lambda: self.changed(target, depth),
                "upsert": lambda: {"create": self.created(target, keys, depth), "update": self.changed(target, depth)},
                "disconnect": lambda: True,
                "delete": lambda: True,
            }
        chosen = self.some(ways, 1, 1 if self.chance(0.8) else 2)
        return {way: ways[way]() for way in chosen}

    # Whole calls.

    def call(self, model, operation):
        if operation in ("findMany", "findFirst"):
            return {**self.page(model), **self.shown(model)}
        if operation == "findUnique":
            return {"where": self.unique_where(model), **self.shown(model)}
        if operation == "count":
            return {name: part for name, part in self.page(model).items() if name != "distinct"}
        if operation == "aggregate":
            numbers = [field.name for field in model.plain(*NUMBERS)]
            any_field = [field.name for field in model.plain(*ORDERED)]
            asked = {name: {field: True for field in self.some(numbers)} for name in self.some(["_sum", "_avg"]) if numbers}
            asked |= {name: {field: True for field in self.some(any_field)} for name in self.some(["_min", "_max", "_count"], 0) if any_field}
            page = {name: part for name, part in self.page(model).items() if name != "distinct"}
            return {**page, **(asked or {"_count": True})}
        if operation == "groupBy":
            by = self.some([field.name for field in model.plain() if field.type not in ("Json", "Bytes")], 1, 2)
            numbers = [field.name for field in model.plain(*NUMBERS)]
            found = {"by": by, "_count": self.one([True, {"_all": True}, {by[0]: True}])}
            if numbers and self.chance(0.5):
                found["_sum"] = {self.one(numbers): True}
            if self.chance(0.4):
                found["where"] = self.where(model, 1)
            if self.chance(0.4):
                found["orderBy"] = self.one([{by[0]: "asc"}, {"_count": {by[0]: "desc"}}, [{name: "desc"} for name in by]])
                if self.chance(0.5):
                    found["take"] = 5
            if numbers and self.chance(0.3):
                number = self.one(numbers)
                found["having"] = {number: {self.one(["_sum", "_avg", "_min", "_count"]): {self.one(["gt", "lte", "equals"]): 3}}}
            return found
        if operation == "create":
            return {"data": self.created(model, (), 2), **self.shown(model, 1)}
        if operation in ("createMany", "createManyAndReturn"):
            found = {"data": [self.row(model) for _ in range(self.random.randint(1, 3))]}
            if self.chance(0.3):
                found["skipDuplicates"] = True
            return found
        if operation == "update":
            return {"where": self.unique_where(model), "data": self.changed(model, 2), **self.shown(model, 1)}
        if operation in ("updateMany", "updateManyAndReturn"):
            return {"where": self.where(model), "data": self.changes(model), **({"limit": 3} if self.chance(0.1) else {})}
        if operation == "upsert":
            unique = self.unique(model)
            plain = {name: value for name, value in unique.items() if not isinstance(value, dict)}
            create = {**self.created(model, (), 1), **(plain if self.chance(0.5) else {})}
            return {"where": unique, "create": create, "update": self.changed(model, 1), **self.shown(model, 1)}
        if operation == "delete":
            return {"where": self.unique_where(model), **self.shown(model, 1)}
        return {"where": self.where(model), **({"limit": 3} if self.chance(0.1) else {})}


def cases(text, seed, count):
    schema = Schema(text)
    models = schema.all()
    draw = Draw(schema, seed)
    for _ in range(count):
        model, operation = draw.one(models), draw.one(READS if draw.chance(0.55) else WRITES)
        yield model.name, operation, draw.call(model, operation)

