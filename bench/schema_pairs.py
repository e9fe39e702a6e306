"""Pairs of Prisma schemas for `conformance`: a random schema and one that some changes have made of it.

Everything comes from a seed, so a pair can be made again by its number. Schemas are plain data (dicts), written out as text
by `text`; whether one is valid is for Prisma to say.
"""

import copy
import json
import random

import schema_changes

SCALARS = ["String", "Boolean", "Int", "BigInt", "Float", "Decimal", "DateTime", "Json", "Bytes"]
NATIVE = {
    "String": ["Text", "VarChar", "VarChar(20)", "VarChar(191)", "Char", "Char(8)", "Citext", "Uuid", "Xml", "Inet"]
    + ["Bit", "Bit(4)", "VarBit", "VarBit(9)"],
    "Boolean": ["Boolean"],
    "Int": ["Integer", "SmallInt", "Oid"],
    "BigInt": ["BigInt"],
    "Float": ["DoublePrecision", "Real"],
    "Decimal": ["Decimal", "Decimal(10, 2)", "Decimal(12, 0)", "Decimal(20, 0)", "Money"],
    "DateTime": ["Timestamp", "Timestamp(3)", "Timestamp(6)", "Timestamptz", "Timestamptz(3)", "Timestamptz(6)", "Date"]
    + ["Time", "Time(3)", "Timetz", "Timetz(6)"],
    "Json": ["JsonB", "Json"],
    "Bytes": ["ByteA"],
}
UNSUPPORTED = ["tsvector", "interval", "point", "int4range", "cidr", "geometry(Point, 4326)", "polygon"]
DEFAULTS = {
    "String": ['"x"', '""', '"it\'s"', '"two\\nlines"', '"a \\"b\\""', '"Grüße"', '"back\\\\slash"', "uuid()", "cuid()"]
    + ["nanoid()", "ulid()", "cuid(2)", "uuid(7)", 'dbgenerated("gen_random_uuid()")', 'dbgenerated("md5(\'a\')")'],
    "Boolean": ["true", "false"],
    "Int": ["0", "1", "42", "-7", "autoincrement()", 'dbgenerated("1 + 1")'],
    "BigInt": ["0", "9007199254740993", "-1", "autoincrement()"],
    "Float": ["0", "1.5", "-2.25", "100", "3.10"],
    "Decimal": ["0", "1.10", "12.345", "-1", "100.00"],
    "DateTime": ["now()", '"2020-01-02T03:04:05Z"', '"2020-01-02T03:04:05.678+02:00"', 'dbgenerated("now() + \'1 day\'")'],
    "Json": ['"{}"', '"{\\"a\\": [1, 2]}"', '"[]"', '"null"'],
    "Bytes": ['"aGVsbG8="', '""'],
}
LISTS = {
    "String": ["[]", '["a"]', '["a", "b c", "it\'s"]'],
    "Boolean": ["[]", "[true, false]"],
    "Int": ["[]", "[1, -2, 3]"],
    "BigInt": ["[]", "[9007199254740993]"],
    "Float": ["[]", "[1.5, 2]"],
    "Decimal": ["[]", "[1.10, 2]"],
    "DateTime": ["[]", '["2020-01-02T03:04:05Z"]'],
    "Json": ["[]", '["{}", "[1]"]'],
    "Bytes": ["[]", '["aGVsbG8="]'],
}
ACTIONS = ["Cascade", "Restrict", "NoAction", "SetNull", "SetDefault"]
WORDS = ["user", "post", "Comment", "tag", "order", "Line", "team", "audit", "file", "Group", "select", "Straße", "price"]
LONG = "aVeryLongNameThatGoesOnAndOnUntilPostgresCutsIt"
NAMESPACES = ["public", "audit", "Billing"]


def name_of(rng, taken, style):
    for number in range(1000):
        word = rng.choice(WORDS).replace("ß", "ss")
        name = word.capitalize() if style == "type" else word[0].lower() + word[1:]
        if rng.random() < 0.04:
            name += LONG
        name += str(number) if number else ""
        if name not in taken:
            return name
    raise ValueError("no name is free")


def new_default(rng, field, enums, changed=False):
    """A default that fits the field, or none. Now and then one that its native type makes odd."""
    kind, native = field["type"], field.get("native") or ""
    if kind in enums:
        values = [value["name"] for value in enums[kind]["values"]]
        return f"[{', '.join(rng.sample(values, min(2, len(values))))}]" if field["arity"] == "[]" else rng.choice(values)
    if kind not in DEFAULTS:
        return None
    if field["arity"] == "[]":
        return rng.choice(LISTS[kind])
    choices = DEFAULTS[kind]
    if kind == "String" and native.startswith(("Uuid", "Xml", "Inet", "Bit", "VarBit", "Char")):
        choices = ['dbgenerated("gen_random_uuid()")', "uuid()"] if native == "Uuid" else ['"1"']
    picked = rng.choice(choices)
    if picked == "autoincrement()" and (changed or field["arity"] != "" or native == "Oid"):
        return "7"
    return picked


def new_field(rng, schema, taken, key=False):
    enums = schema["enums"]
    field = {"name": name_of(rng, taken, "field"), "arity": "", "default": None, "native": None, "map": None, "marks": []}
    kind = rng.random()
    if kind < 0.16 and enums:
        field["type"] = rng.choice(sorted(enums))
    elif kind < 0.21 and not key:
        field["type"] = f'Unsupported("{rng.choice(UNSUPPORTED)}")'
    else:
        field["type"] = rng.choice(SCALARS)
    if not key:
        field["arity"] = rng.choices(["", "?", "[]"], [5, 4, 1.5])[0]
    if field["type"] in NATIVE and rng.random() < 0.4:
        field["native"] = rng.choice(NATIVE[field["type"]])
    if rng.random() < 0.4:
        field["default"] = new_default(rng, field, enums)
    if "interval" in field["type"] and rng.random() < 0.4 and field["arity"] != "[]":
        field["default"] = "dbgenerated(\"'1 day'::interval\")"
    if rng.random() < 0.15:
        field["map"] = field["name"].upper() + "_col"
    if field["type"] == "DateTime" and field["arity"] == "" and rng.random() < 0.2:
        field["marks"].append("@updatedAt")
    return field


def new_enum(rng, schema):
    name = name_of(rng, set(schema["enums"]) | set(schema["models"]), "type")
    values = [{"name": value, "map": None} for value in rng.sample(["A", "B", "C", "ACTIVE", "Gone", "new_one"], rng.randint(1, 5))]
    if rng.random() < 0.3:
        values[0]["map"] = "first value's" if rng.random() < 0.02 else "first value"
    map_name = f"{name.lower()}_kind" if rng.random() < 0.25 else None
    schema["enums"][name] = {"values": values, "map": map_name, "namespace": namespace(rng, schema)}


def namespace(rng, schema):
    return rng.choice(schema["namespaces"]) if schema["namespaces"] else None


def new_model(rng, schema):
    name = name_of(rng, set(schema["enums"]) | set(schema["models"]), "type")
    model = {"fields": [], "id": None, "keys": [], "map": None, "namespace": namespace(rng, schema), "ignored": False}
    model["map"] = f"{name.lower()}s" if rng.random() < 0.3 else None
    taken = set()
    for at in range(rng.randint(2, 9)):
        field = new_field(rng, schema, taken, key=at == 0)
        taken.add(field["name"])
        model["fields"].append(field)
    style = rng.random()
    if style < 0.6:
        first = model["fields"][0]
        first.update(rng.choice(ID_FIELDS), marks=[])
        model["id"] = {"fields": [first["name"]], "map": f"custom_{name}"[:60] if rng.random() < 0.06 else None}
    elif style < 0.85:
        schema_changes.set_compound_id(rng, model, name)
    if model["id"] is None:
        model["keys"].append({"kind": "unique", "fields": [{"name": model["fields"][0]["name"]}], "map": None, "type": None})
    schema["models"][name] = model
    for _ in range(rng.randint(0, 3)):
        schema_changes.add_key(rng, schema, name)
    return name


ID_FIELDS = [
    {"type": "Int", "native": None, "default": "autoincrement()"},
    {"type": "BigInt", "native": None, "default": "autoincrement()"},
    {"type": "Int", "native": "SmallInt", "default": "autoincrement()"},
    {"type": "Int", "native": None, "default": None},
    {"type": "String", "native": None, "default": "cuid()"},
    {"type": "String", "native": "Uuid", "default": 'dbgenerated("gen_random_uuid()")'},
    {"type": "String", "native": "VarChar(30)", "default": "uuid()"},
]


def new_schema(rng):
    schema = {"enums": {}, "models": {}, "relations": [], "namespaces": None, "mode": None, "features": [], "extensions": []}
    if rng.random() < 0.2:
        schema["namespaces"] = NAMESPACES[: rng.randint(1, 3)]
    if rng.random() < 0.06:
        schema["mode"] = rng.choice(["prisma", "foreignKeys"])
    if rng.random() < 0.12:
        schema["features"].append("postgresqlExtensions")
        schema["extensions"] = rng.sample(schema_changes.EXTENSIONS, rng.randint(0, 2))
    if rng.random() < 0.25:
        schema["features"].append("partialIndexes")
    for _ in range(rng.randint(0, 3)):
        new_enum(rng, schema)
    for _ in range(rng.randint(1, 5)):
        new_model(rng, schema)
    for _ in range(rng.randint(0, 4)):
        schema_changes.add_relation(rng, schema)
    return schema


def attribute(name, *arguments):
    given = [argument for argument in arguments if argument]
    return f"{name}({', '.join(given)})" if given else name


def field_text(schema, name, model, field):
    out = [field["name"], field["type"] + field["arity"]]
    key = model["id"]
    if key and key["fields"] == [field["name"]] and not key.get("block"):
        out.append(attribute("@id", key["map"] and f'map: "{key["map"]}"'))
    for one in model["keys"]:
        if one["kind"] == "unique" and not one.get("block") and [part["name"] for part in one["fields"]] == [field["name"]]:
            out.append(attribute("@unique", one["map"] and f'map: "{one["map"]}"', sort_text(one["fields"][0]), where_text(schema, one)))
    if field["default"] is not None:
        out.append(f"@default({field['default']})")
    if field["native"]:
        out.append(f"@db.{field['native']}")
    if field["map"]:
        out.append(f'@map("{field["map"]}")')
    return " ".join(out + field["marks"])


def sort_text(part):
    return part.get("sort") and f"sort: {part['sort']}"


def where_text(schema, key):
    return key.get("where") and "partialIndexes" in schema["features"] and f"where: {key['where']}"


def key_text(schema, key):
    parts = []
    for part in key["fields"]:
        parts.append(attribute(part["name"], part.get("ops") and f"ops: {part['ops']}", sort_text(part)))
    head = "@@unique" if key["kind"] == "unique" else "@@index"
    kind = key["type"] and f"type: {key['type']}"
    return attribute(head, f"[{', '.join(parts)}]", key["map"] and f'map: "{key["map"]}"', kind, where_text(schema, key))


def relation_lines(schema):
    """The relation fields of every model: name to lines."""
    lines = {name: [] for name in schema["models"]}
    for at, relation in enumerate(schema["relations"]):
        label = f'"{relation["name"]}"'
        here, there = relation["from"], relation["to"]
        if relation["kind"] == "nn":
            lines[here].append(f"rel{at}a {there}[] @relation({label})")
            lines[there].append(f"rel{at}b {here}[] @relation({label})")
            continue
        optional = "?" if relation["optional"] else ""
        arguments = [label, f"fields: [{', '.join(relation['fields'])}]", f"references: [{', '.join(relation['references'])}]"]
        arguments += [f"{key}: {relation[key]}" for key in ("onDelete", "onUpdate") if relation[key]]
        arguments += [f'map: "{relation["map"]}"'] if relation["map"] else []
        lines[here].append(f"rel{at}a {there}{optional} @relation({', '.join(arguments)})")
        lines[there].append(f"rel{at}b {here}{'?' if relation['kind'] == '11' else '[]'} @relation({label})")
    return lines


def text(schema):
    source = ['provider = "postgresql"']
    if schema["namespaces"]:
        source.append(f"schemas = {json.dumps(schema['namespaces'])}")
    if schema["mode"]:
        source.append(f'relationMode = "{schema["mode"]}"')
    if schema["extensions"]:
        source.append(f"extensions = [{', '.join(schema['extensions'])}]")
    blocks = [block("datasource db", source)]
    if schema["features"]:
        blocks.append(block("generator client", ['provider = "prisma-client"', f"previewFeatures = {json.dumps(schema['features'])}"]))
    for name, enum in schema["enums"].items():
        lines = [value["name"] + (f' @map("{value["map"]}")' if value["map"] else "") for value in enum["values"]]
        blocks.append(block(f"enum {name}", lines + tail(enum)))
    relations = relation_lines(schema)
    for name, model in schema["models"].items():
        lines = [field_text(schema, name, model, field) for field in model["fields"]] + relations[name]
        key = model["id"]
        if key and (len(key["fields"]) > 1 or key.get("block")):
            lines.append(attribute("@@id", f"[{', '.join(key['fields'])}]", key["map"] and f'map: "{key["map"]}"'))
        lines += [key_text(schema, one) for one in model["keys"] if one["kind"] != "unique" or one.get("block") or len(one["fields"]) > 1]
        blocks.append(block(f"model {name}", lines + tail(model) + (["@@ignore"] if model["ignored"] else [])))
    return "\n".join(blocks)


def tail(thing):
    lines = [f'@@map("{thing["map"]}")'] if thing["map"] else []
    return lines + ([f'@@schema("{thing["namespace"]}")'] if thing["namespace"] else [])


def block(head, lines):
    return f"{head} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def pair(seed):
    """Two schemas and the names of the changes that lead from one to the other."""
    rng = random.Random(seed)
    before = new_schema(rng)
    if rng.random() < 0.06:
        return None, text(before), ["from empty"]
    after = copy.deepcopy(before)
    names = [schema_changes.change(rng, after) for _ in range(rng.choices([1, 2, 3, 6], [4, 3, 2, 1])[0])]
    return text(before), text(after), names
