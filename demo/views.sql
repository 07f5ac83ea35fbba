-- Revenue by day and product category
SELECT pgtrickle.create_stream_table(
    name         => 'revenue_by_day',
    query        => $$
        SELECT
            date_trunc('day', o.ordered_at) AS day,
            p.category,
            SUM(o.total_usd)                AS revenue_usd,
            COUNT(*)                        AS order_count,
            COUNT(DISTINCT o.customer_id)   AS unique_customers
        FROM orders o
        JOIN products p ON p.id = o.product_id
        WHERE o.status = 'shipped'
        GROUP BY date_trunc('day', o.ordered_at), p.category
    $$,
    schedule     => '10s',
    refresh_mode => 'DIFFERENTIAL'
);

-- Customer lifetime value
SELECT pgtrickle.create_stream_table(
    name         => 'customer_lifetime_value',
    query        => $$
        SELECT
            c.id,
            c.email,
            c.plan,
            SUM(o.total_usd)  AS lifetime_value_usd,
            COUNT(*)          AS total_orders,
            MAX(o.ordered_at) AS last_order_at,
            MIN(o.ordered_at) AS first_order_at
        FROM customers c
        LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'shipped'
        GROUP BY c.id, c.email, c.plan
    $$,
    schedule     => '30s',
    refresh_mode => 'DIFFERENTIAL'
);

-- Inventory alert: products with low stock relative to recent demand
SELECT pgtrickle.create_stream_table(
    name         => 'inventory_health',
    query        => $$
        SELECT
            p.id,
            p.sku,
            p.name,
            p.stock_count,
            COALESCE(recent.units_sold_7d, 0) AS units_sold_7d,
            CASE
                WHEN p.stock_count = 0 THEN 'OUT_OF_STOCK'
                WHEN p.stock_count < COALESCE(recent.units_sold_7d, 0) THEN 'LOW_STOCK'
                ELSE 'OK'
            END AS stock_status
        FROM products p
        LEFT JOIN (
            SELECT product_id, SUM(quantity) AS units_sold_7d
            FROM orders
            WHERE status = 'shipped'
              AND ordered_at >= now() - interval '7 days'
            GROUP BY product_id
        ) recent ON recent.product_id = p.id
    $$,
    schedule     => '1m',
    refresh_mode => 'DIFFERENTIAL'
);

-- Product performance: what sells, to how many people, at what price.
-- No schedule: refreshed as soon as a change commits.
SELECT pgtrickle.create_stream_table(
    name         => 'product_performance',
    query        => $$
        SELECT
            p.id,
            p.sku,
            p.name,
            p.category,
            COALESCE(SUM(o.quantity), 0)                     AS units_sold,
            COALESCE(SUM(o.total_usd), 0)                    AS revenue_usd,
            COUNT(DISTINCT o.customer_id)                    AS unique_buyers,
            ROUND(SUM(o.total_usd) / SUM(o.quantity), 2)     AS average_price_usd
        FROM products p
        LEFT JOIN orders o ON o.product_id = p.id AND o.status = 'shipped'
        GROUP BY p.id, p.sku, p.name, p.category
    $$,
    refresh_mode => 'DIFFERENTIAL'
);

-- Inventory forecast: how many days the stock lasts at the pace of the last week and of the last four.
-- Reads another stream table; NULL days: nothing was sold.
SELECT pgtrickle.create_stream_table(
    name         => 'inventory_forecast',
    query        => $$
        SELECT
            h.id,
            h.sku,
            h.name,
            h.stock_count,
            h.units_sold_7d,
            COALESCE(recent.units_sold_28d, 0)                               AS units_sold_28d,
            ROUND(h.stock_count *  7.0 / NULLIF(h.units_sold_7d, 0), 1)      AS days_left_7d_pace,
            ROUND(h.stock_count * 28.0 / NULLIF(recent.units_sold_28d, 0), 1) AS days_left_28d_pace
        FROM inventory_health h
        LEFT JOIN (
            SELECT product_id, SUM(quantity) AS units_sold_28d
            FROM orders
            WHERE status = 'shipped'
              AND ordered_at >= now() - interval '28 days'
            GROUP BY product_id
        ) recent ON recent.product_id = h.id
    $$,
    refresh_mode => 'DIFFERENTIAL'
);
