-- Nexmark's queries as plain SQL over tables of events. Windows of time are arithmetic: date_bin for tumbling ones, generate_series
-- over the bins that hold a moment for hopping ones, gaps for sessions. q12 is by processing time, which no table has.

-- q00: every bid
SELECT auction, bidder, price, date_time, extra FROM bid;

-- q01: prices in another currency
SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid;

-- q02: bids on some auctions
SELECT auction, price FROM bid WHERE auction % 23 = 0;

-- q03: who sells in these states and this category
SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA');

-- q04: the average closing price of a category
SELECT category, avg(final) AS average
FROM (SELECT max(b.price) AS final, a.category FROM auction a JOIN bid b ON a.id = b.auction
      WHERE b.date_time BETWEEN a.date_time AND a.expires GROUP BY a.id, a.category) AS closed
GROUP BY category;

-- q05: the auctions with the most bids in each window of ten seconds, every two
SELECT counted.auction, counted.num, counted.start
FROM (SELECT auction, start, count(*) AS num
      FROM bid CROSS JOIN LATERAL generate_series(date_bin('2 s', date_time, '2026-01-01') - interval '8 s', date_bin('2 s', date_time, '2026-01-01'), interval '2 s') AS hop(start)
      GROUP BY auction, start) AS counted
JOIN (SELECT start, max(num) AS most
      FROM (SELECT auction, start, count(*) AS num
            FROM bid CROSS JOIN LATERAL generate_series(date_bin('2 s', date_time, '2026-01-01') - interval '8 s', date_bin('2 s', date_time, '2026-01-01'), interval '2 s') AS hop(start)
            GROUP BY auction, start) AS n
      GROUP BY start) AS best ON counted.start = best.start AND counted.num >= best.most;

-- q06: the average of a seller's last ten closing prices
SELECT seller, avg(final) OVER (PARTITION BY seller ORDER BY expires, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS average
FROM (SELECT DISTINCT ON (a.id) a.id, a.seller, a.expires, b.price AS final FROM auction a JOIN bid b ON a.id = b.auction
      WHERE b.date_time BETWEEN a.date_time AND a.expires ORDER BY a.id, b.price DESC) AS closed;

-- q07: the highest bids of each ten seconds
SELECT b.auction, b.price, b.bidder, b.date_time, b.extra
FROM bid b
JOIN (SELECT date_bin('10 s', date_time, '2026-01-01') AS start, max(price) AS price FROM bid GROUP BY 1) AS best
  ON b.price = best.price AND b.date_time >= best.start AND b.date_time < best.start + interval '10 s';

-- q08: who has registered and opened an auction within the same ten seconds
SELECT p.id, p.name, p.start
FROM (SELECT id, name, date_bin('10 s', date_time, '2026-01-01') AS start FROM person GROUP BY 1, 2, 3) AS p
JOIN (SELECT seller, date_bin('10 s', date_time, '2026-01-01') AS start FROM auction GROUP BY 1, 2) AS a ON p.id = a.seller AND p.start = a.start;

-- q09: the winning bid of each auction
SELECT id, item_name, category, auction, bidder, price, bid_at
FROM (SELECT a.id, a.item_name, a.category, b.auction, b.bidder, b.price, b.date_time AS bid_at,
             row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.id) AS place
      FROM auction a JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) AS ranked
WHERE place = 1;

-- q10: bids with the day and minute they are filed under
SELECT auction, bidder, price, date_time, extra, to_char(date_time, 'YYYY-MM-DD') AS dt, to_char(date_time, 'HH24:MI') AS hm FROM bid;

-- q11: how often somebody has bid in one session, which ends after ten seconds of silence
SELECT bidder, count(*) AS bids, min(date_time) AS starts, max(date_time) AS ends
FROM (SELECT bidder, date_time, sum(begins) OVER (PARTITION BY bidder ORDER BY date_time) AS session
      FROM (SELECT bidder, date_time,
                   CASE WHEN date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) <= interval '10 s' THEN 0 ELSE 1 END AS begins
            FROM bid) AS marked) AS numbered
GROUP BY bidder, session;

-- q13: bids with what a table of few rows says of their auction
SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b JOIN side_input s ON b.auction % 10 = s.key;

-- q14: calculations
SELECT auction, bidder, 0.908 * price AS price,
       CASE WHEN extract(hour FROM date_time) BETWEEN 8 AND 18 THEN 'day' WHEN extract(hour FROM date_time) <= 6 OR extract(hour FROM date_time) >= 20 THEN 'night' ELSE 'other' END AS time_type,
       date_time, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
FROM bid
WHERE 0.908 * price > 1000 AND 0.908 * price < 5000;

-- q15: figures of each day
SELECT to_char(date_time, 'YYYY-MM-DD') AS day, count(*) AS bids,
       count(*) FILTER (WHERE price < 1000) AS rank1_bids, count(*) FILTER (WHERE price >= 1000 AND price < 5000) AS rank2_bids, count(*) FILTER (WHERE price >= 5000) AS rank3_bids,
       count(DISTINCT bidder) AS bidders, count(DISTINCT bidder) FILTER (WHERE price < 1000) AS rank1_bidders, count(DISTINCT auction) AS auctions
FROM bid
GROUP BY 1;

-- q16: figures of each channel and day
SELECT channel, to_char(date_time, 'YYYY-MM-DD') AS day, max(to_char(date_time, 'HH24:MI')) AS minute, count(*) AS bids,
       count(*) FILTER (WHERE price < 1000) AS rank1_bids, count(DISTINCT bidder) AS bidders, count(DISTINCT auction) FILTER (WHERE price >= 1000) AS auctions
FROM bid
GROUP BY 1, 2;

-- q17: figures of each auction and day
SELECT auction, to_char(date_time, 'YYYY-MM-DD') AS day, count(*) AS bids, count(*) FILTER (WHERE price < 1000) AS rank1_bids,
       min(price) AS least, max(price) AS most, avg(price) AS average, sum(price) AS total
FROM bid
GROUP BY 1, 2;

-- q18: the last bid of each bidder on each auction
SELECT auction, bidder, price, channel, date_time
FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, id) AS place FROM bid) AS ranked
WHERE place <= 1;

-- q19: the ten highest bids of each auction
SELECT *
FROM (SELECT auction, bidder, price, date_time, row_number() OVER (PARTITION BY auction ORDER BY price DESC, id) AS place FROM bid) AS ranked
WHERE place <= 10;

-- q20: bids with their auctions, of one category
SELECT b.auction, b.bidder, b.price, b.date_time, a.item_name, a.seller, a.expires FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10;

-- q21: the number of a channel
SELECT auction, bidder, price, channel,
       CASE WHEN lower(channel) = 'apple' THEN '0' WHEN lower(channel) = 'google' THEN '1' WHEN lower(channel) = 'facebook' THEN '2'
            ELSE (regexp_match(url, '(&|^)channel_id=([^&]*)'))[2] END AS channel_id
FROM bid
WHERE (regexp_match(url, '(&|^)channel_id=([^&]*)'))[2] IS NOT NULL OR lower(channel) IN ('apple', 'google', 'facebook');

-- q22: the directories of a URL
SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM bid;
