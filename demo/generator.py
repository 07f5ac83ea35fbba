#!/usr/bin/env python3
"""A small shop that never closes: fills the tutorial's three tables and keeps writing to them.

    generator.py --rows 100000             history: so many orders over the last 75 days, by COPY
    generator.py --rate 200 --seconds 60   business: so many transactions a second

Give both for a history followed by business.  The connection comes from PGHOST, PGPORT, PGUSER, PGPASSWORD and
PGDATABASE, or from --dsn.  The same --seed and --until (default: now) repeat the same history; business draws from the
same seed too, but what it meets depends on timing.
"""

from __future__ import annotations

import argparse
import bisect
import heapq
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import psycopg
from psycopg import errors

# How many of a hundred transactions do what; deliveries come on top, when they are due.
BUSINESS = {
    "order": 74,
    "sign up": 8,
    "restock": 7,
    "reprice": 4,
    "change plan": 3,
    "tidy": 2,
    "card declined": 1.3,
    "list product": 0.5,
    "forget": 0.2,
}

# Orders of each hour of the day (UTC), out of about a hundred: the shop's daily rhythm.
HOURS = (2, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 6, 5, 5, 5, 5, 6, 7, 8, 9, 8, 5, 3)

CATEGORIES = {
    "Audio": ("Headphones", "Speaker", "Turntable", "Microphone"),
    "Books": ("Atlas", "Cookbook", "Novel", "Notebook"),
    "Cycling": ("Helmet", "Pannier", "Bell", "Saddle"),
    "Garden": ("Trowel", "Planter", "Hose", "Lantern"),
    "Kitchen": ("Kettle", "Skillet", "Grinder", "Teapot"),
    "Office": ("Desk Lamp", "Keyboard", "Chair", "Monitor Stand"),
    "Outdoor": ("Tent", "Rucksack", "Stove", "Flask"),
    "Toys": ("Puzzle", "Kite", "Blocks", "Marble Run"),
}
ADJECTIVES = ("Amber", "Birch", "Cobalt", "Dusk", "Ember", "Fern", "Granite", "Harbour", "Indigo", "Juniper")
FIRST_NAMES = ("Ada", "Bela", "Chidi", "Dana", "Elif", "Femi", "Grace", "Hana", "Ivan", "Joana", "Kenji", "Lena")
LAST_NAMES = ("Abbott", "Brandt", "Castro", "Diallo", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jensen")
PLANS, PLAN_SHARES = ("free", "pro", "enterprise"), (70, 25, 5)
QUANTITIES, QUANTITY_SHARES = (1, 2, 3, 4, 5), (62, 22, 9, 4, 3)


def popularity(products: int) -> list[float]:
    """Cumulative weights of product 1, 2, 3…: the r-th sells about 1/r as well as the first (Zipf)."""
    return list(itertools.accumulate(1 / (rank + 8) ** 0.9 for rank in range(products)))


def new_customer(rng: random.Random, number: int) -> tuple[str, str, str]:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    plan = rng.choices(PLANS, PLAN_SHARES)[0]
    return f"{first}.{last}.{number}@example.com".lower(), f"{first} {last}", plan


# --- history ---------------------------------------------------------------------------------------------------------


def fill(conn: psycopg.Connection, orders: int, *, customers: int | None = None, products: int | None = None,
         days: int = 75, seed: int = 1, until: datetime | None = None) -> None:
    """Fills the empty shop with `orders` orders over the last `days` days, in one transaction."""
    rng = random.Random(seed)
    until = until or datetime.now(timezone.utc)
    customers = customers or max(50, min(20_000, orders // 50))
    products = products or max(20, min(2_000, orders // 250))
    prices = [round(rng.lognormvariate(3.2, 0.8), 2) for _ in range(products)]
    weights = popularity(products)

    with conn.transaction(), conn.cursor() as cur:
        copy_customers(cur, rng, customers, days, until)
        copy_products(cur, rng, prices, weights, orders * 7 / days)
        copy_orders(cur, rng, orders, customers, prices, weights, days, until)
        for table, last in (("customers", customers), ("products", products), ("orders", orders)):
            if last:
                cur.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, last))


def copy_customers(cur, rng, customers: int, days: int, until: datetime) -> None:
    with cur.copy("COPY customers (id, email, name, plan, created_at) FROM STDIN") as copy:
        for number in range(1, customers + 1):
            joined = until - timedelta(days=days + rng.random() * 365)
            copy.write_row((number, *new_customer(rng, number), joined))


def copy_products(cur, rng, prices: list[float], weights: list[float], orders_a_week: float) -> None:
    """Most products hold one to six weeks of stock; some less than they sell in a week, a few none."""
    categories = list(CATEGORIES)
    with cur.copy("COPY products (id, sku, name, category, price_usd, stock_count) FROM STDIN") as copy:
        for index, price in enumerate(prices):
            category = rng.choice(categories)
            name = f"{rng.choice(ADJECTIVES)} {rng.choice(CATEGORIES[category])}"
            share = (weights[index] - (weights[index - 1] if index else 0)) / weights[-1]
            weeks = rng.choices((0, rng.uniform(0.1, 1), rng.uniform(1.2, 6)), (3, 7, 90))[0]
            stock = round(share * orders_a_week * 1.7 * weeks) + (weeks > 1) * 5
            copy.write_row((index + 1, f"{category[:3].upper()}-{index + 1:05}", name, category, price, stock))


def copy_orders(cur, rng, orders: int, customers: int, prices: list[float], weights: list[float], days: int,
                until: datetime) -> None:
    """Oldest first, so that ids follow time.  The newest one in a hundred are still pending."""
    batch_size = 20_000
    product_numbers = range(len(prices))
    moments = order_times(rng, orders, days, until)
    still_pending = orders - orders // 100
    with cur.copy("COPY orders (id, customer_id, product_id, quantity, total_usd, status, ordered_at) FROM STDIN") as copy:
        for start in range(0, orders, batch_size):
            size = min(batch_size, orders - start)
            chosen = rng.choices(product_numbers, cum_weights=weights, k=size)
            quantities = rng.choices(QUANTITIES, QUANTITY_SHARES, k=size)
            lines = []
            for offset, (product, quantity) in enumerate(zip(chosen, quantities)):
                number = start + offset
                customer = int(customers * rng.random() ** 2) + 1    # early customers are the loyal ones
                status = "pending" if number >= still_pending else "cancelled" if rng.random() < 0.07 else "shipped"
                lines.append(f"{number + 1}\t{customer}\t{product + 1}\t{quantity}\t{prices[product] * quantity:.2f}"
                             f"\t{status}\t{next(moments)}\n")
            copy.write("".join(lines))


def order_times(rng, orders: int, days: int, until: datetime):
    """Ascending moments as text: trade grows by half over the period, weekends are quieter, nights quiet."""
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    today = (until - midnight).total_seconds()
    hour_shares = list(itertools.accumulate(HOURS))
    dates = [midnight - timedelta(days=back) for back in range(days, -1, -1)]
    busyness = [(1 + 0.5 * index / days) * (0.7 if date.weekday() >= 5 else 1) for index, date in enumerate(dates)]
    busyness[-1] *= share_of_day(today)
    per_day = Counter(rng.choices(range(len(dates)), busyness, k=orders))
    for index, date in enumerate(dates):
        latest = today if index == days else 86_400
        day = date.strftime("%Y-%m-%d")
        seconds = []
        while len(seconds) < per_day[index]:
            wanted = per_day[index] - len(seconds)
            hours = rng.choices(range(24), cum_weights=hour_shares, k=wanted)
            seconds += [s for hour in hours if (s := (hour + rng.random()) * 3_600) < latest]
        for second in sorted(seconds):
            hour, rest = divmod(second, 3_600)
            minute, second = divmod(rest, 60)
            yield f"{day} {int(hour):02}:{int(minute):02}:{int(second * 1e3) / 1e3:06.3f}+00"


def share_of_day(seconds: float) -> float:
    hour, rest = divmod(seconds, 3_600)
    return max((sum(HOURS[:int(hour)]) + HOURS[int(hour) % 24] * rest / 3_600) / sum(HOURS), 1e-6)


# --- business --------------------------------------------------------------------------------------------------------


@dataclass(order=True)
class Parcel:
    """A pending order, and when it will be shipped or cancelled."""
    due: float
    order_id: int
    product_id: int
    quantity: int


class Clerk(threading.Thread):
    """One connection of the shop: takes orders, ships its own parcels, and does what else comes up."""

    def __init__(self, shop: Shop, number: int):
        super().__init__(name=f"clerk-{number}", daemon=True)
        self.shop = shop
        self.number = number
        self.rng = random.Random(f"{shop.seed}/{number}")
        self.parcels: list[Parcel] = []
        self.done: Counter[str] = Counter()
        self.error: Exception | None = None
        self.cancelled: list[int] = []
        self.fresh = itertools.count(1)

    def run(self) -> None:
        try:
            with psycopg.connect(self.shop.dsn, autocommit=True, application_name=self.name) as conn:
                self.take_over_pending(conn)
                self.work(conn)
        except Exception as error:
            self.error = error

    def work(self, conn) -> None:
        interval = self.shop.clerks / self.shop.rate
        next_at = time.monotonic() + interval * self.number / self.shop.clerks
        while not self.shop.closing.is_set():
            now = time.monotonic()
            if next_at > now:
                if self.shop.closing.wait(next_at - now):
                    break
            next_at = max(next_at + interval, now - 0.5)    # a shop that fell behind does not catch up for ever
            ship = self.parcels and self.parcels[0].due <= time.monotonic() and self.rng.random() < 0.5
            self.transact(conn, "ship" if ship else self.rng.choices(*self.shop.menu)[0])

    def transact(self, conn, action: str) -> None:
        """One transaction; like any client, tries again when another clerk got in the way."""
        for _ in range(5):
            counts = {}
            try:
                with conn.transaction():
                    counts = getattr(self, action.replace(" ", "_"))(conn)
                self.done["transactions"] += 1
                self.done.update(counts)
                return
            except (errors.DeadlockDetected, errors.SerializationFailure, errors.ForeignKeyViolation):
                self.done["tried again"] += 1

    def take_over_pending(self, conn) -> None:
        """Parcels that the history, or an earlier run, left behind: each clerk takes its share."""
        rows = conn.execute("SELECT id, product_id, quantity FROM orders WHERE status = 'pending' AND id %% %s = %s",
                            (self.shop.clerks, self.number)).fetchall()
        self.parcels = [Parcel(self.due(), *row) for row in rows]
        heapq.heapify(self.parcels)

    def due(self) -> float:
        return time.monotonic() + self.rng.expovariate(1 / self.shop.ship_after)

    def any_product(self, conn) -> tuple:
        """By popularity."""
        rank = bisect.bisect(self.shop.weights, self.rng.random() * self.shop.weights[-1])
        return conn.execute("SELECT id, price_usd FROM products WHERE id <= %s ORDER BY id DESC LIMIT 1",
                            (rank + 1,)).fetchone()

    def any_customer(self, conn) -> int:
        """Early ones more often; one who is gone is replaced by the one before.  The first is never forgotten."""
        return conn.execute("SELECT id FROM customers WHERE id <= %s ORDER BY id DESC LIMIT 1",
                            (int(self.shop.last_customer * self.rng.random() ** 2) + 1,)).fetchone()[0]

    # The transactions.  Each returns what it did, for the counters.

    def order(self, conn):
        customer = self.any_customer(conn)
        basket = self.rng.choices((1, 2, 3), (85, 11, 4))[0]
        for _ in range(basket):
            product, price = self.any_product(conn)
            quantity = self.rng.choices(QUANTITIES, QUANTITY_SHARES)[0]
            order_id = conn.execute(
                "INSERT INTO orders (customer_id, product_id, quantity, total_usd) VALUES (%s, %s, %s, %s) RETURNING id",
                (customer, product, quantity, price * quantity)).fetchone()[0]
            heapq.heappush(self.parcels, Parcel(self.due(), order_id, product, quantity))
        return {"orders": basket}

    def ship(self, conn):
        """Everything that is due, a few at a time, in the order of the products so that clerks do not deadlock."""
        now, due = time.monotonic(), []
        while self.parcels and self.parcels[0].due <= now and len(due) < 8:
            due.append(heapq.heappop(self.parcels))
        counts = Counter()
        for parcel in sorted(due, key=lambda parcel: parcel.product_id):
            outcome = "cancelled" if self.rng.random() < 0.07 else "shipped"
            if not conn.execute("UPDATE orders SET status = %s WHERE id = %s", (outcome, parcel.order_id)).rowcount:
                continue    # its customer was forgotten
            if outcome == "cancelled":
                self.cancelled.append(parcel.order_id)
            else:
                conn.execute("UPDATE products SET stock_count = greatest(stock_count - %s, 0) WHERE id = %s",
                             (parcel.quantity, parcel.product_id))
            counts[outcome] += 1
        return counts

    def sign_up(self, conn):
        number = f"{self.shop.seed}-{self.shop.opened}-{self.number}-{next(self.fresh)}"
        self.shop.last_customer = conn.execute("INSERT INTO customers (email, name, plan) VALUES (%s, %s, %s) RETURNING id",
                                               new_customer(self.rng, number)).fetchone()[0]
        return {"customers": 1}

    def restock(self, conn):
        product, _ = self.any_product(conn)
        conn.execute("UPDATE products SET stock_count = stock_count + %s WHERE id = %s",
                     (self.rng.choice((12, 24, 60, 144)), product))
        return {"restocked": 1}

    def reprice(self, conn):
        product, _ = self.any_product(conn)
        conn.execute("UPDATE products SET price_usd = greatest(round(price_usd * %s, 2), 0.99) WHERE id = %s",
                     (self.rng.choice(("0.90", "0.95", "1.05", "1.10")), product))
        return {"repriced": 1}

    def change_plan(self, conn):
        conn.execute("UPDATE customers SET plan = %s WHERE id = %s",
                     (self.rng.choices(PLANS, PLAN_SHARES)[0], self.any_customer(conn)))
        return {"plans changed": 1}

    def list_product(self, conn):
        number = f"{self.shop.seed}-{self.shop.opened}-{self.number}-{next(self.fresh)}"
        category = self.rng.choice(list(CATEGORIES))
        conn.execute("INSERT INTO products (sku, name, category, price_usd, stock_count) VALUES (%s, %s, %s, %s, 40)",
                     (f"NEW-{number}", f"New {self.rng.choice(CATEGORIES[category])}", category, self.rng.randint(500, 9000) / 100))
        return {"products": 1}

    def tidy(self, conn):
        """Deletes an order that this clerk saw cancelled."""
        if not self.cancelled:
            return {}
        return {"deleted": conn.execute("DELETE FROM orders WHERE id = %s", (self.cancelled.pop(0),)).rowcount}

    def forget(self, conn):
        """A customer asks to be forgotten, orders and all; rare, for nothing here is indexed by customer."""
        customer = self.any_customer(conn)
        if customer == 1:
            return {}
        gone = conn.execute("DELETE FROM orders WHERE customer_id = %s", (customer,)).rowcount
        conn.execute("DELETE FROM customers WHERE id = %s", (customer,))
        return {"deleted": gone, "forgotten": 1}

    def card_declined(self, conn):
        """Rolled back at the last moment, to a savepoint or altogether: no trace of it may show anywhere."""
        with conn.transaction(force_rollback=True):
            product, price = self.any_product(conn)
            conn.execute("INSERT INTO orders (customer_id, product_id, quantity, total_usd, status) "
                         "VALUES (%s, %s, 99, %s, 'shipped')", (self.any_customer(conn), product, price * 99))
            conn.execute("UPDATE products SET stock_count = 0 WHERE id = %s", (product,))
        self.done["declined"] += 1
        if self.rng.random() < 0.5:
            return self.order(conn)    # another card works
        conn.execute("DELETE FROM orders WHERE id = (SELECT max(id) FROM orders)")
        raise psycopg.Rollback


class Shop:
    """The running business: opens with `clerks` connections that share `rate` transactions a second."""

    def __init__(self, dsn: str = "", *, rate: float = 100, clerks: int = 4, ship_after: float = 5, seed: int = 1):
        self.dsn, self.rate, self.clerks, self.ship_after, self.seed = dsn, rate, clerks, ship_after, seed
        self.opened = int(time.time())
        self.closing = threading.Event()
        self.menu = (list(BUSINESS), list(BUSINESS.values()))
        with psycopg.connect(dsn) as conn:
            self.last_customer = conn.execute("SELECT max(id) FROM customers").fetchone()[0]
            self.last_product = conn.execute("SELECT max(id) FROM products").fetchone()[0]
        if not self.last_customer or not self.last_product:
            raise SystemExit("the shop has no customers or no products yet: fill it first, with --rows")
        self.weights = popularity(self.last_product)
        self.staff = [Clerk(self, number) for number in range(clerks)]

    def open(self) -> None:
        for clerk in self.staff:
            clerk.start()

    def close(self) -> None:
        """Returns when every clerk has finished its transaction; raises what stopped a clerk early."""
        self.closing.set()
        for clerk in self.staff:
            clerk.join()
        self.check()

    def check(self) -> None:
        for clerk in self.staff:
            if clerk.error:
                raise clerk.error

    def counts(self) -> Counter[str]:
        return sum((Counter(clerk.done) for clerk in self.staff), Counter())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dsn", default="", help="connection string; default: the PG* environment")
    parser.add_argument("--rows", type=int, default=0, help="orders of history to write first")
    parser.add_argument("--customers", type=int, help="customers of the history (default: by the number of orders)")
    parser.add_argument("--products", type=int, help="products of the history (default: by the number of orders)")
    parser.add_argument("--days", type=int, default=75, help="length of the history (default %(default)s)")
    parser.add_argument("--until", type=datetime.fromisoformat, help="end of the history (default: now)")
    parser.add_argument("--rate", type=float, default=0, help="transactions a second")
    parser.add_argument("--seconds", type=float, default=30, help="how long the business runs (default %(default)s)")
    parser.add_argument("--connections", type=int, default=4, help="clerks at work (default %(default)s)")
    parser.add_argument("--ship-after", type=float, default=5, help="seconds an order is pending, on average")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if not args.rows and not args.rate:
        parser.error("give --rows, --rate or both")

    if args.rows:
        started = time.monotonic()
        with psycopg.connect(args.dsn, autocommit=True) as conn:
            fill(conn, args.rows, customers=args.customers, products=args.products, days=args.days, seed=args.seed,
                 until=args.until and args.until.astimezone(timezone.utc))
        print(f"history: {args.rows:,} orders in {time.monotonic() - started:.1f} s")
    if args.rate:
        shop = Shop(args.dsn, rate=args.rate, clerks=args.connections, ship_after=args.ship_after, seed=args.seed)
        shop.open()
        try:
            end = time.monotonic() + args.seconds
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(left, 1))
                shop.check()
        except KeyboardInterrupt:
            pass
        shop.close()
        print("business: " + ", ".join(f"{count:,} {what}" for what, count in shop.counts().most_common()))


if __name__ == "__main__":
    main()
