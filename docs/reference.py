#!/usr/bin/env python3
"""Prints docs/reference.md from the catalog of a database that has the extension: its comments are the documentation.

    eval "$(./onebox env)" && psql -c 'CREATE EXTENSION IF NOT EXISTS pg_trickle'
    "$ONEBOX_PYTHON" docs/reference.py > docs/reference.md
"""

import re

import psycopg

FUNCTIONS = """
    SELECT p.proname AS name, p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS call,
           pg_get_function_result(p.oid) AS result, coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment
    FROM pg_proc p
    WHERE p.pronamespace = 'pgtrickle'::regnamespace AND p.proname !~ '^_' AND p.prorettype <> 'trigger'::regtype
    ORDER BY p.proname, p.pronargs"""
VIEWS = """
    SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
           string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'pgtrickle'::regnamespace AND c.relkind = 'v' AND c.relname !~ '^_'
    GROUP BY c.oid ORDER BY c.relname"""
SETTINGS = """
    SELECT name, setting || coalesce(' ' || unit, '') AS value, short_desc || coalesce(' ' || extra_desc, '') AS comment, context
    FROM pg_settings WHERE name LIKE 'pg\\_trickle.%' ORDER BY name"""


def reference(conn: psycopg.Connection) -> str:
    lines = ["# Reference", "", "Made by `docs/reference.py` from the comments in the catalog. Everything is in schema `pgtrickle`.", "", "## Functions", ""]
    for name, call, result, comment in conn.execute(FUNCTIONS).fetchall():
        lines += [f"### {name}", "", "```", *wrapped(call, result), "```", "", *paragraphs(comment), ""]
    lines += ["## Views", ""]
    for name, comment, columns in conn.execute(VIEWS).fetchall():
        lines += [f"### {name}", "", *paragraphs(comment), "", f"Columns: {columns}.", ""]
    lines += ["## Settings", "", "| setting | default | changed by | |", "|---|---|---|---|"]
    who = {"postmaster": "restart", "sighup": "reload", "superuser": "a superuser", "user": "anyone"}
    for name, value, comment, context in conn.execute(SETTINGS).fetchall():
        lines.append(f"| `{name}` | {value or '(empty)'} | {who.get(context, context)} | {comment} |")
    return "\n".join(lines).rstrip() + "\n"


def wrapped(call: str, result: str) -> list[str]:
    """The signature, an argument or a column a line where one line does not hold it."""
    name, arguments = re.sub(r"::[a-z]+\b(\[\])?", "", call)[:-1].split("(", 1)
    returns, columns = re.fullmatch(r"(TABLE)\((.*)\)|(.*)", result, re.S).group(3, 2)
    line = f"{name}({arguments}) → {returns or f'table ({columns})'}"
    if len(line) <= 110:
        return [line]
    return [*in_lines(f"{name}(", arguments), *(in_lines("→ table (", columns) if columns else [f"→ {returns}"])]


def in_lines(opening: str, listed: str) -> list[str]:
    if len(opening) + len(listed) < 110:
        return [f"{opening}{listed})"]
    items = re.split(r", (?=\w+ \w)", listed)
    return [opening, *(f"    {item}," for item in items[:-1]), f"    {items[-1]})"]


def paragraphs(comment: str) -> list[str]:
    """Arguments, Result and Errors each start a paragraph."""
    text = re.sub(r"\s*(Result|Errors):", r"\n\n**\1:**", re.sub(r"(\s*\n| +)", " ", comment))
    return text.strip().replace("<", "\\<").split("\n")


if __name__ == "__main__":
    with psycopg.connect() as connection:
        print(reference(connection), end="")
