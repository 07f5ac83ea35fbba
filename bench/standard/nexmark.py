"""Nexmark: people, auctions and bids as they come in, and what an auction house does besides: it corrects, cancels and forgets.

The generator is a small one of our own: names, prices and times after the manner of the original, popular auctions and keen bidders.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

from . import named_queries

QUERIES = named_queries("nexmark.sql")
SCHEMA = """
    CREATE TABLE person (id bigint PRIMARY KEY, name text, email text, city text, state text, date_time timestamptz);
    CREATE TABLE auction (id bigint PRIMARY KEY, item_name text, initial_bid bigint, date_time timestamptz, expires timestamptz, seller bigint, category int);
    CREATE TABLE bid (id bigint PRIMARY KEY, auction bigint, bidder bigint, price bigint, channel text, url text, date_time timestamptz, extra text);
    CREATE TABLE side_input (key bigint PRIMARY KEY, value text);
    INSERT INTO side_input SELECT n, 'value ' || n FROM generate_series(0, 9) n;
    CREATE INDEX ON bid (auction);
"""
START = datetime(2026, 1, 1, 7, 30, tzinfo=timezone.utc)
CITIES = [("Portland", "OR"), ("Boise", "ID"), ("San Mateo", "CA"), ("Seattle", "WA"), ("Phoenix", "AZ")]


class Events:
    """Of fifty events one is a person, three are auctions and the rest are bids."""

    def __init__(self, conn, seed: int = 1):
        self.conn, self.rng = conn, random.Random(seed)
        self.people = self.auctions = self.bids = self.events = 0
        conn.execute(SCHEMA)

    def come(self, count: int) -> None:
        people, auctions, bids = [], [], []
        for _ in range(count):
            at = START + timedelta(milliseconds=200 * self.events)
            kind = self.events % 50
            self.events += 1
            if kind == 0 or not self.people:
                self.people += 1
                people.append((self.people, f"person {self.people % 17}", f"{self.people}@example.org", *self.rng.choice(CITIES), at))
            elif kind < 4 or not self.auctions:
                self.auctions += 1
                auctions.append((self.auctions, f"item {self.rng.randrange(40)}", self.rng.randint(1, 500), at, at + timedelta(seconds=self.rng.choice([5, 20, 60, 300])), self.recent(self.people), self.rng.randint(10, 14)))
            else:
                self.bids += 1
                channel = self.rng.choice(["Google", "Facebook", "Apple", f"channel-{self.rng.randrange(20)}"])
                url = f"https://www.nexmark.com/{self.rng.choice('abc')}/{self.rng.choice('de')}/item.htm?query=1" + self.rng.choice(["", f"&channel_id={self.rng.randrange(1000)}"])
                bids.append((self.bids, self.recent(self.auctions), self.recent(self.people), int(10 ** (1 + 3 * self.rng.random())), channel, url, at, self.rng.choice(["abc", "cc", "", "xyz"])))
        for table, rows in (("person", people), ("auction", auctions), ("bid", bids)):
            with self.conn.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    def recent(self, last: int) -> int:
        """Mostly one of the last, sometimes any."""
        return max(1, last - self.rng.randrange(6)) if self.rng.random() < 0.8 else self.rng.randint(1, last)

    def correct(self) -> None:
        """Bids are taken back and corrected, a seller moves, an auction is prolonged or put into another category, and the first bids are forgotten."""
        bid, auction, person = (self.rng.randint(1, last) for last in (self.bids, self.auctions, self.people))
        self.conn.execute(f"""
            DELETE FROM bid WHERE id BETWEEN {bid} AND {bid + 5};
            UPDATE bid SET price = price * 2 WHERE id % 97 = {bid % 97};
            UPDATE person SET state = 'OR', city = 'Portland' WHERE id = {person};
            UPDATE auction SET category = 10 + (category + 1) % 5 WHERE id = {auction};
            UPDATE auction SET expires = expires + interval '30 s' WHERE id = {self.recent(self.auctions)};
            UPDATE side_input SET value = value || '!' WHERE key = {bid % 10};
            DELETE FROM bid WHERE date_time < (SELECT min(date_time) + interval '10 s' FROM bid)""")
