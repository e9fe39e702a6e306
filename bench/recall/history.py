"""The state of a schema while its migrations run, as far as the recall list needs it.

Which file made a table, the types of its columns, which table an index or a constraint belongs to, which checks say
that a column is not null. Everything is followed by name through renames and drops.
"""

from dataclasses import dataclass, field

from sqltext import NAME, NUMBER, WORD, Cursor, split_commas

CONSTRAINT_WORDS = (
    "not", "null", "default", "primary", "unique", "references", "check", "constraint", "generated", "collate",
    "using", "deferrable", "initially",
)

SYNONYMS = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean", "float8":
    "double precision", "float4": "real", "float": "double precision", "decimal": "numeric", "character varying":
    "varchar", "character": "char", "timestamp without time zone": "timestamp", "timestamp with time zone":
    "timestamptz", "time without time zone": "time", "time with time zone": "timetz", "varchar": "varchar",
}  # fmt: skip


@dataclass
class Type:
    """`name` in lower case without its modifier; `modifier` its numbers; `array` whether brackets follow."""

    name: str
    modifier: tuple = ()
    array: bool = False

    def __str__(self):
        return self.name + (str(self.modifier) if self.modifier else "") + ("[]" if self.array else "")


@dataclass
class Column:
    type: Type
    not_null: bool = False


@dataclass
class Table:
    file: str
    columns: dict = field(default_factory=dict)
    primary_key: bool = False


@dataclass
class Schema:
    tables: dict = field(default_factory=dict)
    indexes: dict = field(default_factory=dict)
    """Name of an index to its table."""
    constraints: dict = field(default_factory=dict)
    """(table, constraint) to ("foreign key" | "check" | …, valid, file, column that a check says is not null)."""
    views: dict = field(default_factory=dict)
    """Name of a view to the file that made it."""
    domains: dict = field(default_factory=dict)
    """Name of a domain to its base type."""

    def is_older(self, table, file):
        """Whether an earlier file made it, so that it may hold rows. What is not known counts as younger."""
        known = self.tables.get(table)
        return known is not None and known.file != file

    def rename_table(self, old, new):
        if old in self.tables:
            self.tables[new] = self.tables.pop(old)
        for name, table in list(self.indexes.items()):
            if table == old:
                self.indexes[name] = new
        for (table, name), value in list(self.constraints.items()):
            if table == old:
                self.constraints[(new, name)] = self.constraints.pop((table, name))

    def drop_table(self, name):
        self.tables.pop(name, None)
        self.indexes = {index: table for index, table in self.indexes.items() if table != name}
        self.constraints = {key: value for key, value in self.constraints.items() if key[0] != name}


def read_type(parts):
    """The type at the front of `parts`, and how many tokens it takes."""
    words, modifier, at = [], (), 0
    quoted = False
    if at < len(parts) and parts[at].kind == NAME:
        cursor = Cursor(parts)
        words, at, quoted = [cursor.name()], cursor.at, True
    else:
        while at < len(parts) and parts[at].kind in (WORD, NAME) and parts[at].text not in CONSTRAINT_WORDS:
            words.append(parts[at].text)
            at += 1
            if at < len(parts) and parts[at].is_mark("."):
                # A namespace before the type.
                words.clear()
                quoted = parts[at + 1].kind == NAME if at + 1 < len(parts) else False
                at += 1
            if at < len(parts) and parts[at].is_mark("(") and not modifier:
                close = next(i for i in range(at, len(parts)) if parts[i].is_mark(")"))
                modifier = tuple(int(token.text) for token in parts[at:close] if token.kind == NUMBER)
                at = close + 1
    if at < len(parts) and parts[at].is_mark("(") and not modifier:
        close = next(i for i in range(at, len(parts)) if parts[i].is_mark(")"))
        modifier = tuple(int(token.text) for token in parts[at:close] if token.kind == NUMBER)
        at = close + 1
    array = False
    while at + 1 < len(parts) and parts[at].is_mark("["):
        array = True
        at += 2 if parts[at + 1].is_mark("]") else 3
    name = " ".join(words)
    return Type(name if quoted else SYNONYMS.get(name, name), modifier, array), at


def default_of(options):
    """The tokens of a DEFAULT clause, or none."""
    for at, token in enumerate(options):
        if token.is_word("default"):
            depth, end = 0, at + 1
            while end < len(options):
                token = options[end]
                if token.is_mark("(", "["):
                    depth += 1
                elif token.is_mark(")", "]"):
                    depth -= 1
                elif depth == 0 and end > at + 1 and token.is_word(*CONSTRAINT_WORDS):
                    break
                end += 1
            return options[at + 1 : end]
    return None


def has_words(parts, *words):
    """Whether these words stand next to each other."""
    return any(
        all(at + ahead < len(parts) and parts[at + ahead].is_word(word) for ahead, word in enumerate(words))
        for at in range(len(parts))
    )


def define_table(schema, name, inside, file):
    """CREATE TABLE's parentheses."""
    table = Table(file)
    schema.tables[name] = table
    for piece in split_commas(inside):
        first = piece[0]
        if first.is_word("constraint", "primary", "unique", "foreign", "check", "exclude", "like"):
            note_constraint(schema, name, piece, file)
            continue
        kind, length = read_type(piece[1:])
        options = piece[1 + length :]
        primary = has_words(options, "primary", "key")
        table.primary_key |= primary
        table.columns[first.text] = Column(kind, has_words(options, "not", "null") or primary)


def note_constraint(schema, table, parts, file):
    """A table constraint; returns its kind and name."""
    cursor = Cursor(parts)
    name = cursor.next().text if cursor.take("constraint") else None
    first = cursor.peek()
    kind = "foreign key" if first.is_word("foreign") else "primary key" if first.is_word("primary") else first.text
    rest = cursor.rest()
    if kind == "primary key" and table in schema.tables:
        schema.tables[table].primary_key = True
        columns = Cursor(rest[2:]).parenthesized() if len(rest) > 2 and rest[2].is_mark("(") else []
        for token in columns:
            if token.text in schema.tables[table].columns:
                schema.tables[table].columns[token.text].not_null = True
    not_null_column = None
    if kind == "check":
        inside = [token for token in Cursor(rest[1:]).parenthesized() if not token.is_mark("(", ")")]
        if len(inside) == 4 and [token.text for token in inside[1:]] == ["is", "not", "null"]:
            not_null_column = inside[0].text
    valid = not has_words(rest, "not", "valid")
    if name:
        schema.constraints[(table, name)] = (kind, valid, file, not_null_column)
    if kind in ("unique", "primary key", "exclude") and name and not has_words(rest, "using", "index"):
        schema.indexes[name] = table
    return kind, name
