#!/usr/bin/env python3
"""Writes what ALTER EXTENSION pg_trickle UPDATE does: the difference of two versions' scripts.

    scripts/update_script.py OLD.sql NEW.sql > sql/update/pg_trickle--OLD--NEW.sql

Functions and views are replaced, new objects are made, comments and rights given; these follow from the two texts. What does not (a table
of another shape, an object that is gone, a function with other arguments or another result) is named on the standard error, with status 1:
write it by hand, above the rest, so that what is kept of stream tables and lakes stays true.
"""

import re
import sys

QUOTED = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|(\$\w*\$).*?\1|\bBEGIN ATOMIC\b.*?\bEND;|;", re.S)


def statements(text):
    """Without the comments between them; a function's body is one piece with it."""
    start = 0
    for found in QUOTED.finditer(re.sub(r"^\\[^\n]*", "", text, flags=re.M)):
        if found.group() == ";" or found.group().startswith("BEGIN ATOMIC"):
            statement = re.sub(r"\A(\s*--[^\n]*\n|\s+)*", "", found.string[start:found.end()])
            start = found.end()
            yield statement.rstrip()


def name_of(statement):
    """What it makes or is said of; of a function also its arguments and its result, which no replacing changes."""
    if statement.startswith("CREATE FUNCTION"):
        return " ".join(re.match(r"CREATE FUNCTION .*?\)\s*(RETURNS .*?|)(?=\s+(?:AS|LANGUAGE)\b)", statement, re.S).group().split())
    if statement.startswith("COMMENT"):
        return statement[:statement.index(" IS")]
    if statement.startswith(("CREATE TABLE", "CREATE SEQUENCE", "CREATE VIEW", "CREATE TYPE", "CREATE SCHEMA")):
        return " ".join(statement.split()[:3]).rstrip(";(")
    return statement


def difference(old, new):
    """The statements of the update, and those that somebody has to write."""
    before = {name_of(statement): statement for statement in old}
    after = {name_of(statement): statement for statement in new}
    update, by_hand = [], [statement for name, statement in before.items() if name not in after and not statement.startswith("COMMENT")]
    for name, statement in after.items():
        if statement == before.get(name):
            continue
        if name not in before or statement.startswith("COMMENT"):
            update.append(statement)
        elif statement.startswith(("CREATE FUNCTION", "CREATE VIEW")):
            update.append(statement.replace("CREATE", "CREATE OR REPLACE", 1))
        else:
            by_hand.append(statement)
    return update, by_hand


def main():
    old, new = (list(statements(open(path).read())) for path in sys.argv[1:3])
    update, by_hand = difference(old, new)
    print("\\echo Use \"ALTER EXTENSION pg_trickle UPDATE\" to load this file. \\quit\n")
    print("\n".join(update))
    for statement in by_hand:
        print("by hand:", statement.split("\n")[0], file=sys.stderr)
    sys.exit(1 if by_hand else 0)


if __name__ == "__main__":
    main()
