"""Whether ALTER COLUMN … TYPE makes PostgreSQL write the table anew, by the rules of its documentation.

Sources: "ALTER TABLE", Notes; the transform functions that PostgreSQL keeps for length coercions (varchar, varbit,
numeric, timestamp, timestamptz, time, timetz, interval), which drop a coercion that only widens.
"""

from sqltext import Cursor

from history import read_type

WIDENS_BY_LENGTH = {"varchar", "bit varying", "varbit"}
PRECISION = {"timestamp", "timestamptz", "time", "timetz", "interval"}
TEXT_LIKE = {"text", "varchar"}


def rewrites(old, new, using, column):
    """`using`: the tokens of the USING clause, none without one."""
    if using and not is_plain_cast(using, column, new):
        return True
    if old.array != new.array:
        return True
    if old.name in TEXT_LIKE and new.name in TEXT_LIKE:
        return not widens(old.modifier, new.modifier)
    if old.name == new.name == "numeric":
        return numeric_changes(old.modifier, new.modifier)
    if old.name == new.name and old.name in PRECISION:
        return (new.modifier or (6,))[0] < (old.modifier or (6,))[0]
    if old.name == new.name and old.name in WIDENS_BY_LENGTH:
        return not widens(old.modifier, new.modifier)
    if old.name == new.name:
        return old.modifier != new.modifier
    # Between timestamp and timestamptz nothing is rewritten only if the session's zone is UTC, which no file says.
    return (old.name, new.name) != ("cidr", "inet")


def widens(old, new):
    return not new or (bool(old) and new[0] >= old[0])


def numeric_changes(old, new):
    if not new:
        return False
    if not old:
        return True
    scale = lambda modifier: modifier[1] if len(modifier) > 1 else 0  # noqa: E731
    return scale(old) != scale(new) or new[0] < old[0]


def is_plain_cast(using, column, new):
    """`"c"` or `"c"::newtype`, which is what happens without USING too; parentheses around it do not matter."""
    while using and using[0].is_mark("(") and using[-1].is_mark(")"):
        inside = Cursor(using).parenthesized()
        if len(inside) != len(using) - 2:
            break
        using = inside
    if not using or using[0].text != column:
        return False
    if len(using) == 1:
        return True
    if not using[1].is_mark("::"):
        return False
    target, length = read_type(using[2:])
    return length == len(using) - 2 and target == new
