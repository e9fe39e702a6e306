"""The changes that `schema_pairs` makes to a schema. Each takes the generator of random numbers and the schema, changes it
in place, and says whether it found something to change."""

import schema_pairs as pairs

EXTENSIONS = ["citext", "pg_trgm", 'uuid_ossp(map: "uuid-ossp")', 'hstore(schema: "public")', 'pgcrypto(version: "1.3")']
OPERATORS = {
    "Gin": {"Json": [None, "JsonbOps", "JsonbPathOps"], "list": [None, "ArrayOps"], "String": ['raw("gin_trgm_ops")']},
    "Gist": {"Inet": ["InetOps"], "String": ['raw("gist_trgm_ops")']},
    "SpGist": {"String": [None, "TextOps"], "Inet": [None, "InetOps"]},
    "Brin": {
        "Int": [None, "Int4MinMaxOps", "Int4BloomOps", "Int4MinMaxMultiOps"],
        "BigInt": [None, "Int8MinMaxOps", "Int8BloomOps"],
        "DateTime": [None, "TimestampMinMaxOps", "TimestampBloomOps"],
        "Float": [None, "Float8MinMaxOps"],
        "Decimal": [None, "NumericMinMaxOps", "NumericBloomOps"],
        "String": [None, "TextMinMaxOps", "TextBloomOps"],
    },
}
WHERE = ['raw("{column} IS NOT NULL")', "{{ {field}: null }}", "{{ {field}: {{ not: null }} }}"]
VALUES = {"Boolean": ["true", "false"], "Int": ["1", "-3"], "String": ['"x"', '"it\'s"']}


def change(rng, schema):
    """Makes one change and returns its name."""
    for _ in range(50):
        one = rng.choice(CHANGES)
        if one(rng, schema):
            return one.__name__.replace("_", " ")
    return "nothing"


def model_name(rng, schema):
    return rng.choice(list(schema["models"])) if schema["models"] else None


def used(schema, name, field):
    """True where a key or relation needs the field of the model."""
    model = schema["models"][name]
    keys = [part["name"] for key in model["keys"] for part in key["fields"]] + ((model["id"] or {}).get("fields") or [])
    holds = [one["fields"] for one in schema["relations"] if one["from"] == name]
    aims = [one["references"] for one in schema["relations"] if one["to"] == name]
    return field in keys or any(field in fields for fields in holds + aims)


def some_field(rng, schema, free=False, test=lambda field: True):
    name = model_name(rng, schema)
    if name is None:
        return None, None
    fields = [field for field in schema["models"][name]["fields"] if test(field)]
    if free:
        fields = [field for field in fields if not used(schema, name, field["name"])]
    return (name, rng.choice(fields)) if fields else (None, None)


def add_model(rng, schema):
    pairs.new_model(rng, schema)
    return True


def drop_model(rng, schema):
    name = model_name(rng, schema)
    if name is None or len(schema["models"]) < 2:
        return False
    del schema["models"][name]
    schema["relations"] = [one for one in schema["relations"] if name not in (one["from"], one["to"])]
    return True


def map_model(rng, schema):
    model = schema["models"][model_name(rng, schema)]
    model["map"] = None if model["map"] else rng.choice(["renamed_table", "Ümlaut tables"])
    return True


def reorder_models(rng, schema):
    names = list(schema["models"])
    rng.shuffle(names)
    schema["models"] = {name: schema["models"][name] for name in names}
    return True


def reorder_fields(rng, schema):
    rng.shuffle(schema["models"][model_name(rng, schema)]["fields"])
    return True


def add_field(rng, schema):
    name = model_name(rng, schema)
    fields = schema["models"][name]["fields"]
    fields.insert(rng.randint(0, len(fields)), pairs.new_field(rng, schema, {field["name"] for field in fields}))
    return True


def drop_field(rng, schema):
    name, field = some_field(rng, schema, free=True)
    if field is None:
        return False
    schema["models"][name]["fields"].remove(field)
    return True


def map_field(rng, schema):
    _, field = some_field(rng, schema)
    field["map"] = None if field["map"] else "mapped"
    return True


def change_arity(rng, schema):
    _, field = some_field(rng, schema, free=True)
    if field is None:
        return False
    field["arity"] = rng.choice([arity for arity in ["", "?", "?", "[]"] if arity != field["arity"]])
    if field["default"] == "autoincrement()" or (field["default"] or "").startswith("[") or field["arity"] == "[]":
        field["default"] = None
    field["marks"] = []
    return True


def change_type(rng, schema):
    name, field = some_field(rng, schema, test=lambda field: field["default"] != "autoincrement()")
    if field is None:
        return False
    links = [one for one in schema["relations"] if name in (one["from"], one["to"]) and one["kind"] != "nn"]
    if any(field["name"] in one["fields"] + one["references"] for one in links):
        return False
    other = pairs.new_field(rng, schema, set(), key=used(schema, name, field["name"]))
    for part in ("type", "native", "default"):
        field[part] = other[part]
    if field["arity"] != other["arity"]:
        field["default"] = None
    field["marks"] = []
    return True


NUMBERS = ["Int", "BigInt", "Float", "Decimal"]


def change_number(rng, schema):
    """Another type of number, and the same default."""
    def is_constant(field):
        return field["type"] in NUMBERS and field["default"] and "(" not in field["default"]

    _, field = some_field(rng, schema, free=True, test=is_constant)
    if field is None:
        return False
    whole = "." not in field["default"]
    others = [other for other in NUMBERS if other != field["type"] and (whole or other in ("Float", "Decimal"))]
    field.update(type=rng.choice(others), native=None)
    return True


def change_native(rng, schema):
    _, field = some_field(rng, schema, test=lambda field: field["type"] in pairs.NATIVE)
    if field is None:
        return False
    field["native"] = rng.choice([None, *pairs.NATIVE[field["type"]]])
    return True


def change_default(rng, schema):
    _, field = some_field(rng, schema, test=lambda field: field["type"] in pairs.DEFAULTS or field["type"] in schema["enums"])
    if field is None:
        return False
    field["default"] = None if field["default"] and rng.random() < 0.4 else pairs.new_default(rng, field, schema["enums"], changed=True)
    return True


def toggle_autoincrement(rng, schema):
    _, field = some_field(rng, schema, test=lambda field: field["type"] in ("Int", "BigInt") and field["arity"] == "")
    if field is None or field["native"] == "Oid" or rng.random() < 0.7:
        return False
    field["default"] = None if field["default"] == "autoincrement()" else "autoincrement()"
    return True


def set_compound_id(rng, model, name):
    usable = [field for field in model["fields"] if field["arity"] == "" and not field["type"].startswith(("Unsupported", "Json", "Bytes"))]
    usable = [field for field in usable if field["native"] not in ("Xml", "Json")]
    if len(usable) < 2:
        return False
    picked = rng.sample(usable, 2)
    model["id"] = {"fields": [field["name"] for field in picked], "map": f"key_{name}"[:60] if rng.random() < 0.04 else None}
    return True


def change_id(rng, schema):
    name = model_name(rng, schema)
    model = schema["models"][name]
    if any(name in (one["from"], one["to"]) and one["kind"] == "nn" for one in schema["relations"]):
        return False
    if any(one["to"] == name for one in schema["relations"]):
        return False
    kind = rng.random()
    if kind < 0.3 and model["id"]:
        model["id"]["map"] = None if model["id"]["map"] else f"renamed_{name}"[:60]
        return True
    if kind < 0.5 and model["id"] and any(key["kind"] == "unique" for key in model["keys"]):
        model["id"] = None
        return True
    if kind < 0.7:
        unique = [key for key in model["keys"] if key["kind"] == "unique" and not key.get("where")]
        if unique and not model["id"]:
            key = rng.choice(unique)
            model["keys"].remove(key)
            model["id"] = {"fields": [part["name"] for part in key["fields"]], "map": None}
            return True
    return set_compound_id(rng, model, name)


def keyable(field):
    return not field["type"].startswith("Unsupported") and field["native"] not in ("Xml", "Json")


def add_key(rng, schema, name=None):
    name = name or model_name(rng, schema)
    model = schema["models"][name]
    if rng.random() < 0.25:
        return add_special_index(rng, model)
    usable = [field for field in model["fields"] if keyable(field) and field["type"] != "Json"]
    if not usable:
        return False
    picked = rng.sample(usable, min(len(usable), rng.choice([1, 1, 2, 3])))
    parts = [{"name": field["name"], "sort": rng.choice([None, None, None, "Desc", "Asc"])} for field in picked]
    kind = rng.choice(["unique", "index", "index"])
    if any(key["kind"] == kind and [part["name"] for part in key["fields"]] == [part["name"] for part in parts] for key in model["keys"]):
        return False
    key = {"kind": kind, "fields": parts, "map": None, "type": None, "block": len(parts) > 1 or rng.random() < 0.3}
    if rng.random() < 0.15:
        key["map"] = f"{name}_on_{'_'.join(field['name'] for field in picked)}"[:60]
    if kind == "index" and len(parts) == 1 and rng.random() < 0.1:
        key["type"], parts[0]["sort"] = "Hash", None
    if rng.random() < 0.3:
        key["where"] = condition(rng, rng.choice(usable))
    model["keys"].append(key)
    return True


def condition(rng, field):
    if field["arity"] == "" and field["type"] in VALUES and rng.random() < 0.6:
        value = rng.choice(VALUES[field["type"]])
        return rng.choice([f"{{ {field['name']}: {value} }}", f"{{ {field['name']}: {{ not: {value} }} }}"])
    column = '\\"' + (field["map"] or field["name"]) + '\\"'
    return rng.choice(WHERE).format(column=column, field=field["name"])


def add_special_index(rng, model):
    choices = []
    for method, classes in OPERATORS.items():
        for field in model["fields"]:
            kind = "list" if field["arity"] == "[]" else field["native"] if field["native"] == "Inet" else field["type"]
            if kind in classes and (field["native"] is None or kind == "Inet"):
                choices += [(method, field["name"], ops) for ops in classes[kind]]
    if not choices:
        return False
    method, field, ops = rng.choice(choices)
    model["keys"].append({"kind": "index", "fields": [{"name": field, "ops": ops}], "map": None, "type": method})
    return True


def drop_key(rng, schema):
    model = schema["models"][model_name(rng, schema)]
    if not model["keys"]:
        return False
    model["keys"].remove(rng.choice(model["keys"]))
    return True


def change_key(rng, schema):
    model = schema["models"][model_name(rng, schema)]
    if not model["keys"]:
        return False
    key = rng.choice(model["keys"])
    what = rng.randint(0, 4)
    if what == 0:
        key["map"] = None if key["map"] else f"renamed_{rng.randint(0, 999)}"
    elif what == 1 and key["type"] is None:
        key["fields"][0]["sort"] = "Desc" if key["fields"][0].get("sort") != "Desc" else None
    elif what == 2 and len(key["fields"]) > 1:
        key["fields"].reverse()
    elif what == 3:
        fields = {field["name"]: field for field in model["fields"]}
        key["where"] = None if key.get("where") else condition(rng, fields[key["fields"][0]["name"]])
    elif key["kind"] == "unique":
        key.update(kind="index", block=True)
    elif key["type"] is None:
        key.update(kind="unique", block=True)
    return True


def add_relation(rng, schema):
    names = list(schema["models"])
    if not names:
        return False
    kind = rng.choice(["1n", "1n", "1n", "11", "nn", "compound"])
    here, there = rng.choice(names), rng.choice(names)
    if rng.random() < 0.2:
        there = here
    number = len(schema["relations"])
    taken = {one["name"] for one in schema["relations"]}
    name = next(f"R{at}" for at in range(number, number + 99) if f"R{at}" not in taken)
    target = schema["models"][there]
    key = (target["id"] or {}).get("fields") or []
    if kind == "nn":
        if len(key) != 1 or len((schema["models"][here]["id"] or {}).get("fields") or []) != 1:
            return False
        schema["relations"].append({"kind": "nn", "name": name, "from": here, "to": there, "fields": [], "references": []})
        return True
    if not key or (len(key) > 1) != (kind == "compound"):
        return False
    holder = schema["models"][here]
    optional = rng.random() < 0.5
    fields = []
    for part in key:
        aim = next(field for field in target["fields"] if field["name"] == part)
        taken = {field["name"] for field in holder["fields"]}
        own = next(f"{name}{part}{at or ''}" for at in range(99) if f"{name}{part}{at or ''}" not in taken)
        field = {"name": own, "type": aim["type"], "native": aim["native"], "arity": "?" if optional else ""}
        holder["fields"].append({**field, "default": None, "map": None, "marks": []})
        fields.append(own)
    if kind == "11":
        holder["keys"].append({"kind": "unique", "fields": [{"name": fields[0]}], "map": None, "type": None})
    relation = {"kind": "11" if kind == "11" else "1n", "name": name, "from": here, "to": there, "fields": fields}
    relation |= {"references": list(key), "optional": optional, "map": f"fk_{name}" if rng.random() < 0.15 else None}
    relation |= {side: rng.choice(pairs.ACTIONS) if rng.random() < 0.3 else None for side in ("onDelete", "onUpdate")}
    schema["relations"].append(relation)
    return True


def drop_relation(rng, schema):
    if not schema["relations"]:
        return False
    schema["relations"].remove(rng.choice(schema["relations"]))
    return True


def change_relation(rng, schema):
    held = [one for one in schema["relations"] if one["kind"] != "nn"]
    if not held:
        return False
    relation = rng.choice(held)
    what = rng.randint(0, 2)
    if what == 0:
        relation[rng.choice(["onDelete", "onUpdate"])] = rng.choice([None, *pairs.ACTIONS])
    elif what == 1:
        relation["map"] = None if relation["map"] else f"renamed_fk_{relation['name']}"
    else:
        relation["optional"] = not relation["optional"]
        for field in schema["models"][relation["from"]]["fields"]:
            if field["name"] in relation["fields"]:
                field["arity"] = "?" if relation["optional"] else ""
    return True


def add_enum(rng, schema):
    pairs.new_enum(rng, schema)
    return True


def change_enum(rng, schema):
    if not schema["enums"]:
        return False
    enum = schema["enums"][rng.choice(list(schema["enums"]))]
    values, what = enum["values"], rng.random()
    known = {value["name"] for value in values}
    if what < 0.4:
        for value in rng.sample([f"NEW{at}" for at in range(9) if f"NEW{at}" not in known], rng.choice([1, 1, 2])):
            values.insert(rng.randint(0, len(values)), {"name": value, "map": None})
    elif what < 0.8 and len(values) > 1:
        gone = rng.choice(values)
        values.remove(gone)
        for model in schema["models"].values():
            for field in model["fields"]:
                if schema["enums"].get(field["type"]) is enum and gone["name"] in (field["default"] or ""):
                    field["default"] = values[0]["name"] if field["arity"] != "[]" else "[]"
    elif what < 0.9:
        values[-1]["map"] = None if values[-1]["map"] else "other value"
    else:
        enum["map"] = None if enum["map"] else "renamed_enum"
    return True


def drop_enum(rng, schema):
    if not schema["enums"]:
        return False
    name = rng.choice(list(schema["enums"]))
    for model in schema["models"].values():
        for field in model["fields"]:
            if field["type"] == name:
                field.update(type="String", default=None)
    del schema["enums"][name]
    return True


def move_namespace(rng, schema):
    if not schema["namespaces"]:
        return False
    thing = rng.choice([*schema["models"].values(), *schema["enums"].values()])
    thing["namespace"] = rng.choice(schema["namespaces"])
    return True


def add_namespace(rng, schema):
    missing = [name for name in pairs.NAMESPACES if name not in (schema["namespaces"] or [])]
    if not schema["namespaces"] or not missing:
        return False
    schema["namespaces"].append(missing[0])
    schema["models"][model_name(rng, schema)]["namespace"] = missing[0]
    return True


def change_mode(rng, schema):
    if rng.random() < 0.7:
        return False
    schema["mode"] = None if schema["mode"] else "prisma"
    return True


def change_extensions(rng, schema):
    if "postgresqlExtensions" not in schema["features"]:
        return False
    one = rng.choice(EXTENSIONS)
    known = [name for name in schema["extensions"] if name.split("(")[0] == one.split("(")[0]]
    schema["extensions"] = [name for name in schema["extensions"] if name not in known] + ([] if known else [one])
    return True


def ignore_model(rng, schema):
    model = schema["models"][model_name(rng, schema)]
    model["ignored"] = not model["ignored"]
    return True


FREQUENT = [add_field, drop_field, change_arity, change_type, change_native, change_default, change_enum, change_key, add_key]
CHANGES = FREQUENT * 2 + [add_model, drop_model, map_model, reorder_models, reorder_fields, map_field, toggle_autoincrement]
CHANGES += [change_id, drop_key, add_relation, drop_relation, change_relation, change_relation, add_enum, drop_enum, change_number]
CHANGES += [move_namespace, add_namespace, change_mode, change_extensions, ignore_model]
