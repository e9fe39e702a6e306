"""Calls of Prisma Client over a schema, the same ones each time: `cases(text)` gives `(model, operation, args)`.

Each shape is a function from a model to arguments or nothing; every shape is tried on models spread over the schema until
it has been had SPREAD times. The schema is read with a few patterns of its own, so that no parser is shared with what is
measured.
"""

import re

SPREAD = 3
"""Models of one schema that a shape is tried on."""

SCALARS = {
    "String": "x",
    "Int": 3,
    "BigInt": 4,
    "Float": 1.5,
    "Decimal": "1.5",
    "Boolean": True,
    "DateTime": "2024-01-01T00:00:00.000Z",
    "Json": {"a": 1},
    "Bytes": {"$": "bytes"},
}


class Field:
    def __init__(self, name, type_name, mark, rest):
        self.name, self.type, self.rest = name, type_name, rest
        self.list, self.optional = mark == "[]", mark == "?"
        self.required = mark == ""
        self.default = "@default(" in rest or "@updatedAt" in rest
        self.generated = "autoincrement()" in rest or "dbgenerated(" in rest
        self.key = bool(re.search(r"@id\b|@unique\b", rest))


class Model:
    def __init__(self, schema, name, body):
        self.schema, self.name = schema, name
        self.fields, self.keys = [], []
        for line in body.splitlines():
            line = line.split("//")[0].strip()
            compound = re.match(r"@@(id|unique)\(\s*(?:fields:\s*)?\[([^\]]*)\](.*)\)", line)
            if compound:
                names = [re.sub(r"\(.*", "", part).strip() for part in compound[2].split(",")]
                named = re.search(r'name:\s*"(\w+)"', compound[3])
                if len(names) > 1:
                    self.keys.append((named[1] if named else "_".join(names), names, compound[1]))
            match = re.match(r"(\w+)\s+(\w+)(\[\]|\?)?\s*(.*)$", line)
            if match and not line.startswith("@@"):
                self.fields.append(Field(match[1], match[2], match[3] or "", match[4]))

    def scalars(self, *types):
        known = lambda field: field.type in SCALARS or field.type in self.schema.enums
        return [field for field in self.fields if known(field) and (not types or field.type in types)]

    def plain(self, *types):
        return [field for field in self.scalars(*types) if not field.list]

    def relations(self):
        return [field for field in self.fields if field.type in self.schema.models]

    def many(self):
        return [field for field in self.relations() if field.list]

    def one(self):
        return [field for field in self.relations() if not field.list]

    def here(self):
        return [field for field in self.one() if "fields:" in field.rest]

    def field(self, name):
        return next(field for field in self.fields if field.name == name)

    def value(self, field):
        if field.type in self.schema.enums:
            return self.schema.enums[field.type][0]
        return SCALARS[field.type]

    def unique(self):
        """A `where` that names one row."""
        for field in self.plain():
            if field.key:
                return {field.name: self.value(field)}
        for name, parts, _ in self.keys:
            return {name: {part: self.value(self.field(part)) for part in parts}}
        return None

    def single(self):
        """A key of one required field."""
        return next((field for field in self.plain() if field.key and field.required), None)

    def data(self, without=()):
        """What a row needs, with the keys of other rows as columns."""
        needed = [f for f in self.plain() if f.required and not f.default and f.name not in without]
        return {field.name: self.value(field) for field in needed}

    def keys_of(self, relation):
        match = re.search(r"fields:\s*\[([^\]]*)\]", relation.rest)
        return [part.strip() for part in match[1].split(",")] if match else []

    def target(self, relation):
        return self.schema.models[relation.type]

    def back(self, relation):
        """The field of the related model at the other end, where there is only one."""
        ends = [field for field in self.target(relation).relations() if field.type == self.name]
        own = [field for field in self.relations() if field.type == relation.type]
        return ends[0] if len(ends) == 1 and len(own) == 1 else None

    def child_data(self, relation):
        """A row of a relation, without its key."""
        back = self.back(relation)
        if back is None:
            return None
        child = self.target(relation)
        if any(f.type == "Unsupported" for f in child.fields):
            return None
        return child.data(child.keys_of(back))


class Schema:
    def __init__(self, text):
        text = re.sub(r"///?.*", "", text)
        self.enums = {}
        for name, body in re.findall(r"^enum (\w+)\s*\{(.*?)^\}", text, re.S | re.M):
            self.enums[name] = [line.split()[0] for line in body.splitlines() if line.strip() and "@@" not in line]
        self.models = {}
        bodies = re.findall(r"^model (\w+)\s*\{(.*?)^\}", text, re.S | re.M)
        self.models = {name: None for name, _ in bodies}
        for name, body in bodies:
            self.models[name] = Model(self, name, body)

    def all(self):
        return [model for model in self.models.values() if model.unique() and "_" not in model.name]


SHAPES = []


def shape(operation):
    def register(make):
        SHAPES.append((operation, make))
        return make

    return register


def pick(fields, at=0):
    return fields[at % len(fields)] if fields else None


def names(fields):
    return {field.name: True for field in fields}


@shape("findMany")
def everything(model):
    return {}


@shape("findMany")
def equal_and_page(model):
    fields = model.plain("String", "Int")
    return {"where": {fields[-1].name: model.value(fields[-1])}, "take": 10, "skip": 20} if fields else None


@shape("findMany")
def ranges(model):
    fields = model.plain("DateTime", "Int", "Decimal", "Float", "BigInt")
    if not fields:
        return None
    field, value = fields[-1], model.value(fields[-1])
    return {"where": {field.name: {"gte": value, "lt": value}}, "orderBy": {field.name: "desc"}, "take": 5}


@shape("findMany")
def patterns(model):
    fields = model.plain("String")
    if not fields:
        return None
    field = fields[-1].name
    return {"where": {"OR": [{field: {"contains": "a"}}, {field: {"startsWith": "b", "mode": "insensitive"}}]}, "take": 3}


@shape("findMany")
def insensitive(model):
    fields = model.plain("String")
    field = fields[-1].name if fields else None
    return {"where": {field: {"equals": "A", "mode": "insensitive"}, "NOT": {field: {"endsWith": "z"}}}} if field else None


@shape("findMany")
def lists(model):
    fields = model.plain("String", "Int", *model.schema.enums)
    if not fields:
        return None
    first, last = fields[0], fields[-1]
    return {"where": {first.name: {"in": [model.value(first)]}, last.name: {"notIn": [model.value(last)]}}}


@shape("findMany")
def nulls(model):
    fields = [field for field in model.plain() if field.optional and field.type != "Json"]
    if not fields:
        return None
    first, last = fields[0], fields[-1]
    return {"where": {"AND": [{first.name: None}, {last.name: {"not": None}}]}, "select": {last.name: True}}


@shape("findMany")
def not_group(model):
    fields = model.plain("String", "Boolean", *model.schema.enums)
    if len(fields) < 2:
        return None
    a, b = fields[0], fields[-1]
    return {"where": {"NOT": [{a.name: model.value(a)}, {"AND": [{b.name: model.value(b)}, {a.name: {"not": model.value(a)}}]}]}}


@shape("findMany")
def scalar_list(model):
    fields = [field for field in model.scalars() if field.list and field.type != "Json"]
    if not fields:
        return None
    field = fields[0]
    value = model.value(field)
    return {"where": {"OR": [{field.name: {"has": value}}, {field.name: {"hasSome": [value]}}, {field.name: {"isEmpty": True}}]}}


@shape("findMany")
def json_path(model):
    fields = model.plain("Json")
    field = fields[0].name if fields else None
    return {"where": {field: {"path": ["a", "b"], "equals": "x"}}, "take": 1} if field else None


@shape("findMany")
def json_text(model):
    fields = model.plain("Json")
    field = fields[0].name if fields else None
    return {"where": {"OR": [{field: {"path": ["a"], "string_contains": "x"}}, {field: {"equals": {"a": 1}}}]}} if field else None


@shape("findMany")
def some(model):
    relation = pick(model.many())
    fields = model.target(relation).plain("String", "Int") if relation else []
    return {"where": {relation.name: {"some": {fields[-1].name: model.target(relation).value(fields[-1])}}}} if fields else None


@shape("findMany")
def none_and_every(model):
    relation = pick(model.many(), -1)
    fields = model.target(relation).plain("String", "Int") if relation else []
    if not fields:
        return None
    inner = {fields[-1].name: model.target(relation).value(fields[-1])}
    return {"where": {relation.name: {"none": {}, "every": inner}}}


@shape("findMany")
def to_one(model):
    relation = pick(model.here())
    fields = model.target(relation).plain("String", "Int") if relation else []
    return {"where": {relation.name: {fields[-1].name: model.target(relation).value(fields[-1])}}, "take": 3} if fields else None


@shape("findMany")
def is_not(model):
    relation = pick(model.here(), -1)
    fields = model.target(relation).plain("String", "Int") if relation else []
    return {"where": {relation.name: {"isNot": {fields[-1].name: model.target(relation).value(fields[-1])}}}} if fields else None


@shape("findMany")
def no_relation(model):
    relations = [relation for relation in model.one() if relation.optional]
    return {"where": {relations[0].name: None, "NOT": {relations[-1].name: None}}} if relations else None


@shape("findMany")
def deep(model):
    for relation in model.many():
        child = model.target(relation)
        for inner in child.here():
            fields = child.target(inner).plain("String")
            if fields and inner.type != model.name:
                return {"where": {relation.name: {"some": {inner.name: {fields[-1].name: {"contains": "x"}}}}}, "take": 2}
    return None


@shape("findMany")
def include_many(model):
    relations = model.many()
    return {"include": names(relations[:2]), "take": 10} if relations else None


@shape("findMany")
def include_one(model):
    relations = model.one()
    return {"include": names(relations[:3])} if relations else None


@shape("findMany")
def select_deep(model):
    for relation in model.many():
        child = model.target(relation)
        if child.here() and child.plain("String"):
            inner = {child.plain("String")[0].name: True, child.here()[0].name: True}
            return {"select": {model.plain()[0].name: True, relation.name: {"select": inner}}, "take": 5}
    return None


@shape("findMany")
def nested_page(model):
    relation = pick(model.many())
    return {"include": {relation.name: {"take": 3, "skip": 1}}} if relation else None


@shape("findMany")
def nested_order(model):
    relation = pick(model.many(), -1)
    fields = model.target(relation).plain("DateTime", "Int") if relation else []
    return {"include": {relation.name: {"orderBy": {fields[0].name: "desc"}, "where": {fields[0].name: {"not": None} if fields[0].optional else {"gt": model.target(relation).value(fields[0])}}}}, "take": 2} if fields else None


@shape("findMany")
def counts(model):
    return {"include": {"_count": True}, "take": 3} if model.many() else None


@shape("findMany")
def count_some(model):
    relation = pick(model.many(), -1)
    fields = model.target(relation).plain("String") if relation else []
    return {"select": {"_count": {"select": {relation.name: {"where": {fields[-1].name: "x"}}}}}} if fields else None


@shape("findMany")
def omit(model):
    return {"omit": {model.plain()[-1].name: True}, "take": 1}


@shape("findMany")
def order_relation(model):
    relation = pick(model.here())
    fields = model.target(relation).plain("String") if relation else []
    return {"orderBy": [{relation.name: {fields[-1].name: "asc"}}, {model.plain()[0].name: "desc"}], "take": 4} if fields else None


@shape("findMany")
def order_count(model):
    relation = pick(model.many())
    return {"orderBy": {relation.name: {"_count": "desc"}}, "take": 4} if relation else None


@shape("findMany")
def order_nulls(model):
    fields = [field for field in model.plain() if field.optional and field.type != "Json"]
    return {"orderBy": [{fields[0].name: {"sort": "desc", "nulls": "last"}}]} if fields else None


@shape("findMany")
def last_rows(model):
    fields = model.plain("DateTime")
    return {"orderBy": {fields[0].name: "asc"}, "take": -5} if fields else None


@shape("findMany")
def cursor(model):
    return {"cursor": model.unique(), "take": 10, "skip": 1}


@shape("findMany")
def cursor_unstable(model):
    fields = model.plain("DateTime", "String")
    return {"cursor": model.unique(), "take": 10, "orderBy": {fields[-1].name: "desc"}} if fields else None


@shape("findMany")
def cursor_stable(model):
    fields, key = [field for field in model.plain("DateTime") if field.required], model.single()
    return {"cursor": model.unique(), "take": 10, "orderBy": [{fields[0].name: "desc"}, {key.name: "asc"}]} if fields and key else None


@shape("findMany")
def distinct(model):
    fields = model.plain("String", "Int")
    return {"distinct": [fields[-1].name], "take": 2, "orderBy": {fields[0].name: "asc"}} if fields else None


@shape("findFirst")
def first(model):
    fields = model.plain("String", "Int", *model.schema.enums)
    return {"where": {fields[-1].name: model.value(fields[-1])}, "orderBy": {fields[0].name: "desc"}} if fields else None


@shape("findFirst")
def first_include(model):
    relations = model.relations()
    return {"where": model.data(), "include": {relations[-1].name: {"take": 2} if relations[-1].list else True}} if relations and model.data() and not any(f.type == "Json" for f in model.plain()) else None


@shape("findFirstOrThrow")
def first_or_throw(model):
    fields = model.plain("String", "Int")
    return {"where": {fields[0].name: {"in": [model.value(fields[0])]}}, "select": {fields[-1].name: True}} if fields else None


@shape("findUnique")
def unique(model):
    return {"where": model.unique()}


@shape("findUnique")
def unique_nested(model):
    relation = pick(model.many())
    return {"where": model.unique(), "select": {relation.name: {"take": 2, "orderBy": {model.target(relation).plain()[0].name: "asc"}}}} if relation else None


@shape("findUnique")
def unique_compound(model):
    for name, parts, _ in model.keys:
        return {"where": {name: {part: model.value(model.field(part)) for part in parts}}}
    return None


@shape("findUniqueOrThrow")
def unique_or_throw(model):
    fields = [field for field in model.plain("String") if not field.key]
    return {"where": {**model.unique(), fields[-1].name: "x"}, "include": names(model.one()[:1])} if fields and model.one() else None


@shape("count")
def count(model):
    return {}


@shape("count")
def count_where(model):
    fields = model.plain("String", "DateTime")
    return {"where": {fields[-1].name: {"gt": model.value(fields[-1])}}} if fields else None


@shape("count")
def count_related(model):
    relation = pick(model.relations())
    fields = model.target(relation).plain("String", "Int") if relation else []
    if not fields:
        return None
    inner = {fields[-1].name: model.target(relation).value(fields[-1])}
    return {"where": {relation.name: {"some": inner} if relation.list else inner}}


@shape("count")
def count_columns(model):
    return {"select": {"_all": True, model.plain()[-1].name: True}, "take": 7} if model.plain()[-1].type != "Json" else None


@shape("aggregate")
def aggregate(model):
    fields = [field for field in model.plain("Int", "Float", "Decimal", "BigInt")]
    return {"_sum": names(fields), "_avg": names(fields[:1]), "_count": True} if fields else None


@shape("aggregate")
def extremes(model):
    fields = [field for field in model.plain("DateTime", "String", *model.schema.enums)]
    return {"_min": names(fields), "_max": names(fields[:1]), "where": {fields[-1].name: model.value(fields[-1])}} if fields else None


@shape("groupBy")
def group(model):
    fields = model.plain("String", "Boolean", *model.schema.enums)
    return {"by": [fields[-1].name], "_count": {"_all": True}} if fields else None


@shape("groupBy")
def group_having(model):
    by, numbers = model.plain("String", *model.schema.enums), model.plain("Int", "Float", "Decimal")
    if not by or not numbers:
        return None
    number = numbers[-1]
    return {
        "by": [by[0].name],
        "_sum": {number.name: True},
        "having": {number.name: {"_avg": {"gt": model.value(number)}}},
        "orderBy": {"_sum": {number.name: "desc"}},
        "take": 5,
    }


@shape("groupBy")
def group_two(model):
    fields = model.plain("String", "DateTime", *model.schema.enums)
    return {"by": [fields[0].name, fields[-1].name], "_count": True, "where": {fields[0].name: model.value(fields[0])}, "orderBy": {fields[0].name: "asc"}} if len(fields) > 1 else None


@shape("create")
def create(model):
    return {"data": model.data()}


@shape("create")
def create_select(model):
    return {"data": model.data(), "select": names(model.plain()[:2])}


@shape("create")
def create_include(model):
    relation = pick(model.relations())
    return {"data": model.data(), "include": {relation.name: True}} if relation else None


@shape("create")
def create_connect(model):
    relation = next((relation for relation in model.here() if model.target(relation).unique()), None)
    if relation is None:
        return None
    keys = {key for other in model.here() for key in model.keys_of(other)}
    data = model.data(keys)
    for other in model.here():
        if other.required or other is relation:
            if not model.target(other).unique():
                return None
            data[other.name] = {"connect": model.target(other).unique()}
    return {"data": data}


@shape("create")
def create_child(model):
    for relation in model.many():
        child = model.child_data(relation)
        if child is not None:
            return {"data": {**model.data(), relation.name: {"create": [child]}}}
    return None


@shape("create")
def create_children(model):
    for relation in model.many():
        child = model.child_data(relation)
        if child is not None:
            return {"data": {**model.data(), relation.name: {"create": [child, child]}}, "include": {relation.name: True}}
    return None


@shape("create")
def connect_children(model):
    for relation in model.many():
        if model.target(relation).unique() and model.back(relation):
            return {"data": {**model.data(), relation.name: {"connect": [model.target(relation).unique()]}}}
    return None


@shape("createMany")
def create_many(model):
    return {"data": [model.data(), model.data()]}


@shape("createMany")
def create_many_skip(model):
    optional = [field for field in model.plain("String", "Int") if field.optional]
    more = {field.name: model.value(field) for field in optional[:1]}
    return {"data": [model.data(), {**model.data(), **more}], "skipDuplicates": True}


@shape("createManyAndReturn")
def create_many_return(model):
    return {"data": [model.data()], "select": names(model.plain()[:3])}


@shape("update")
def update(model):
    fields = [field for field in model.plain("String", "Boolean", *model.schema.enums) if not field.key]
    return {"where": model.unique(), "data": {fields[-1].name: model.value(fields[-1])}} if fields else None


@shape("update")
def update_number(model):
    fields = [field for field in model.plain("Int", "Float", "Decimal") if not field.key]
    return {"where": model.unique(), "data": {fields[-1].name: {"increment": model.value(fields[-1])}}, "select": {model.plain()[0].name: True}} if fields else None


@shape("update")
def update_include(model):
    fields = [field for field in model.plain("String") if not field.key]
    relation = pick(model.many())
    return {"where": model.unique(), "data": {fields[-1].name: "y"}, "include": {relation.name: True}} if fields and relation else None


@shape("update")
def update_create_child(model):
    for relation in model.many():
        child = model.child_data(relation)
        if child is not None:
            return {"where": model.unique(), "data": {relation.name: {"create": child}}}
    return None


@shape("update")
def update_children(model):
    fields = [field for field in model.plain("String") if not field.key]
    for relation in model.many():
        child = model.target(relation)
        written = [field for field in child.plain("String") if not field.key]
        if fields and written and child.unique() and model.back(relation):
            change = {"where": child.unique(), "data": {written[-1].name: "z"}}
            return {"where": model.unique(), "data": {fields[-1].name: "y", relation.name: {"update": change, "deleteMany": {written[-1].name: "w"}}}}
    return None


@shape("update")
def update_connect(model):
    relation = next((relation for relation in model.here() if model.target(relation).unique()), None)
    return {"where": model.unique(), "data": {relation.name: {"connect": model.target(relation).unique()}}} if relation else None


@shape("update")
def update_upsert(model):
    for relation in model.many():
        child, data = model.target(relation), model.child_data(relation)
        written = [field for field in child.plain("String") if not field.key]
        if data is not None and written and child.unique():
            upsert = {"where": child.unique(), "create": data, "update": {written[-1].name: "z"}}
            return {"where": model.unique(), "data": {relation.name: {"upsert": upsert}}, "select": {model.plain()[0].name: True}}
    return None


@shape("update")
def update_set(model):
    for relation in model.many():
        back = model.back(relation)
        if back is not None and (back.list or back.optional) and model.target(relation).unique():
            return {"where": model.unique(), "data": {relation.name: {"set": [model.target(relation).unique()]}}}
    return None


@shape("update")
def update_disconnect(model):
    for relation in model.here():
        if relation.optional:
            return {"where": model.unique(), "data": {relation.name: {"disconnect": True}}}
    return None


@shape("update")
def connect_or_create(model):
    for relation in model.many():
        data = model.child_data(relation)
        if data is not None and model.target(relation).unique():
            item = {"where": model.target(relation).unique(), "create": data}
            return {"where": model.unique(), "data": {relation.name: {"connectOrCreate": item}}}
    return None


@shape("updateMany")
def update_many(model):
    fields = [field for field in model.plain("String", "Boolean", *model.schema.enums) if not field.key]
    return {"where": {fields[0].name: model.value(fields[0])}, "data": {fields[-1].name: model.value(fields[-1])}} if fields else None


@shape("updateMany")
def update_many_related(model):
    fields = [field for field in model.plain("String") if not field.key]
    relation = pick(model.here())
    inner = model.target(relation).plain("String") if relation else []
    return {"where": {relation.name: {inner[-1].name: "x"}}, "data": {fields[-1].name: "y"}, "limit": 4} if fields and inner else None


@shape("updateManyAndReturn")
def update_many_return(model):
    fields = [field for field in model.plain("String", "Boolean") if not field.key]
    return {"where": {fields[0].name: model.value(fields[0])}, "data": {fields[-1].name: model.value(fields[-1])}, "select": names(model.plain()[:2])} if fields else None


@shape("upsert")
def upsert(model):
    key = model.single()
    fields = [field for field in model.plain("String", "Boolean") if not field.key]
    if key is None or not fields:
        return None
    create = {**model.data(), key.name: model.value(key)}
    return {"where": {key.name: model.value(key)}, "create": create, "update": {fields[-1].name: model.value(fields[-1])}}


@shape("upsert")
def upsert_emulated(model):
    key = next((field for field in model.plain("String") if field.key and field.required), None)
    fields = [field for field in model.plain("String", "Boolean") if not field.key]
    create = {**model.data(), key.name: "other"} if key else None
    return {"where": {key.name: "x"}, "create": create, "update": {fields[-1].name: model.value(fields[-1])}} if key and fields else None


@shape("upsert")
def upsert_compound(model):
    fields = [field for field in model.plain("String", "Boolean", "Int") if not field.key]
    for name, parts, _ in model.keys:
        values = {part: model.value(model.field(part)) for part in parts}
        written = [field for field in fields if field.name not in parts]
        if written:
            return {"where": {name: values}, "create": {**model.data(), **values}, "update": {written[-1].name: model.value(written[-1])}}
    return None


@shape("upsert")
def upsert_nothing(model):
    return {"where": model.unique(), "create": model.data(), "update": {}, "select": {model.plain()[0].name: True}}


@shape("delete")
def delete(model):
    return {"where": model.unique()}


@shape("delete")
def delete_include(model):
    relation = pick(model.one())
    return {"where": model.unique(), "include": {relation.name: True}} if relation else None


@shape("deleteMany")
def delete_many(model):
    fields = model.plain("DateTime", "String")
    return {"where": {fields[-1].name: {"lt": model.value(fields[-1])}}} if fields else None


@shape("deleteMany")
def delete_many_related(model):
    relation = pick(model.relations())
    fields = model.target(relation).plain("String", "Int") if relation else []
    if not fields:
        return None
    inner = {fields[-1].name: model.target(relation).value(fields[-1])}
    return {"where": {relation.name: {"none": inner} if relation.list else inner}, "limit": 9}


def cases(text):
    models = Schema(text).all()
    for at, (operation, make) in enumerate(SHAPES):
        had = 0
        # Begin elsewhere for each shape, so that the models take turns.
        for step in range(len(models)):
            model = models[(at * 7 + step * 3) % len(models)] if len(models) % 3 else models[(at * 7 + step) % len(models)]
            args = make(model)
            if args is not None:
                yield model.name, operation, args
                had += 1
                if had == SPREAD:
                    break
