"""Random schemas, views and transactions; after every tick each view is compared with its query.

A case is plain data made from a seed without looking at the database, so that it can be
replayed, shrunk by leaving pieces out, and printed as a SQL script:

    schema.py    tables and values, chosen so that groups collide and NULLs are common
    query.py     what a view can say, as a tree that can render and reduce itself
    views.py     random trees
    grammar.py   a grammar of queries: nodes that render and reduce themselves, and their productions
    productions.py   what is tried: one function each
    many.py      many such queries on one short history (--many)
    writes.py    random statements and transactions on several connections
    case.py      tables + views + steps, and the script they print as
    run.py       runs a case on a database; any deviation is a Failure
    shrink.py    the smallest case that still fails in the same way
    __main__.py  PYTHONPATH=test/e2e python -m fuzz [--seed N] [--soak] [--dsn …]
"""
