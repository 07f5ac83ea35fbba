"""The tutorial's views as views.sql has them, and its queries with Grafana's macros expanded as Grafana would."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
DASHBOARD = HERE / "grafana/dashboards/one-box.json"

# The lake's history up to a month ago and the live stream table since, in one DuckDB query.
LIVE_AND_HISTORICAL = """
WITH historical AS (
    SELECT * FROM company_lake.revenue_archive
    WHERE day < current_date - 30
),
live AS (
    SELECT * FROM postgres_scan('', 'public', 'revenue_by_day')
    WHERE day >= current_date - 30
)
SELECT
    category,
    SUM(revenue_usd)    AS total_revenue_90d,
    COUNT(DISTINCT day) AS active_days
FROM (SELECT * FROM historical UNION ALL SELECT * FROM live)
GROUP BY category
ORDER BY total_revenue_90d DESC;
"""


class StreamTable(NamedTuple):
    name: str
    query: str
    statement: str


def stream_tables() -> list[StreamTable]:
    """Those of views.sql, in its order, which is the order of their dependencies."""
    found = re.finditer(r"^SELECT pgtrickle\.create_stream_table\(.*?^\);", (HERE / "views.sql").read_text(), re.S | re.M)
    return [StreamTable(re.search(r"name +=> '(\w+)'", match[0])[1], re.search(r"\$\$(.*)\$\$", match[0], re.S)[1], match[0])
            for match in found]


def panels() -> list[tuple[str, str]]:
    """Title and SQL, macros and all, of each panel of the dashboard that demo/grafana provisions."""
    dashboard = json.loads(DASHBOARD.read_text())
    return [(panel["title"], target["rawSql"]) for panel in dashboard["panels"] for target in panel["targets"]]


def over_last_30_days(sql: str) -> str:
    until = datetime.now(timezone.utc)
    return expand(sql, until - timedelta(days=30), until)


def expand(sql: str, since: datetime, until: datetime) -> str:
    """$__timeGroupAlias(column, '1d') and $__timeFilter(column), for PostgreSQL."""
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

    def group(match):
        seconds = int(match[2]) * units[match[3]]
        return f'floor(extract(epoch from {match[1]})/{seconds})*{seconds} AS "time"'

    sql = re.sub(r"\$__timeGroupAlias\((\w+), *'(\d+)([smhd])'\)", group, sql)
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{since:%FT%TZ}' AND '{until:%FT%TZ}'", sql)
    assert "$__" not in sql, f"a macro of Grafana's that is not expanded here: {sql}"
    return sql
