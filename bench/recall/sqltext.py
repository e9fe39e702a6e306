"""SQL text to statements of tokens, for the recall list.

Written for this list alone and shares nothing with pgsteward or its peers: a second opinion is worth something only
while it stands on its own feet. Knows PostgreSQL's lexical rules (quoted names, dollar quotes, E'' strings, nested
comments) and no grammar.
"""

import re
from dataclasses import dataclass

WORD, NAME, STRING, NUMBER, MARK = "word", "name", "string", "number", "mark"

LEXEME = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<comment>/\*)
      | (?P<escape>[eE]'(?:[^'\\]|''|\\.)*')
      | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<dollar>\$(?:[A-Za-z_][A-Za-z_0-9]*)?\$)
      | (?P<word>[A-Za-z_\u0080-\uffff][A-Za-z_0-9$\u0080-\uffff]*)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<mark>::|<>|!=|<=|>=|.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    """Words in lower case, names without quotes, strings with theirs."""
    line: int
    """1-based, where it begins."""

    def is_word(self, *words):
        return self.kind == WORD and self.text in words

    def is_mark(self, *marks):
        return self.kind == MARK and self.text in marks


def end_of_comment(text, at):
    """Block comments nest in PostgreSQL."""
    depth, at = 1, at + 2
    while at < len(text) and depth:
        if text.startswith("/*", at):
            depth, at = depth + 1, at + 2
        elif text.startswith("*/", at):
            depth, at = depth - 1, at + 2
        else:
            at += 1
    return at


def tokens(text, line=1):
    at = 0
    while at < len(text):
        match = LEXEME.match(text, at)
        kind, end = match.lastgroup, match.end()
        if kind == "comment":
            end = end_of_comment(text, at)
        elif kind == "dollar":
            close = text.find(match[0], end)
            end = len(text) if close < 0 else close + len(match[0])
        whole = text[at:end]
        if kind == "word":
            yield Token(WORD, whole.lower(), line)
        elif kind == "name":
            yield Token(NAME, whole[1:-1].replace('""', '"'), line)
        elif kind in ("string", "escape", "dollar"):
            yield Token(STRING, whole, line)
        elif kind == "number":
            yield Token(NUMBER, whole, line)
        elif kind == "mark":
            yield Token(MARK, whole, line)
        line += whole.count("\n")
        at = end


def statements(text, line=1):
    """Lists of tokens, split at semicolons outside parentheses."""
    found, current, depth = [], [], 0
    for token in tokens(text, line):
        if token.is_mark("("):
            depth += 1
        elif token.is_mark(")"):
            depth -= 1
        if token.is_mark(";") and depth <= 0:
            if current:
                found.append(current)
            current, depth = [], 0
        else:
            current.append(token)
    if current:
        found.append(current)
    return found


def split_commas(parts):
    """Splits at the commas that stand outside parentheses and brackets."""
    pieces, current, depth = [], [], 0
    for token in parts:
        if token.is_mark("(", "["):
            depth += 1
        elif token.is_mark(")", "]"):
            depth -= 1
        if token.is_mark(",") and depth == 0:
            pieces.append(current)
            current = []
        else:
            current.append(token)
    pieces.append(current)
    return [piece for piece in pieces if piece]


class Cursor:
    """Reads tokens from left to right."""

    def __init__(self, parts):
        self.parts, self.at = parts, 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.parts[at] if at < len(self.parts) else Token("end", "", 0)

    def next(self):
        token = self.peek()
        self.at += 1
        return token

    def take(self, *words):
        """Steps over these words if all of them come next."""
        if all(self.peek(ahead).is_word(word) for ahead, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def take_mark(self, mark):
        if self.peek().is_mark(mark):
            self.at += 1
            return True
        return False

    def name(self):
        """A perhaps qualified name; the default schema is left away."""
        parts = [self.next().text]
        while self.peek().is_mark("."):
            self.next()
            parts.append(self.next().text)
        if len(parts) > 1 and parts[0] == "public":
            parts = parts[1:]
        return ".".join(parts)

    def parenthesized(self):
        """The tokens inside the parentheses that open here."""
        inside, depth = [], 0
        while self.at < len(self.parts):
            token = self.next()
            if token.is_mark("("):
                depth += 1
                if depth == 1:
                    continue
            elif token.is_mark(")"):
                depth -= 1
                if depth == 0:
                    break
            inside.append(token)
        return inside

    def rest(self):
        return self.parts[self.at :]
