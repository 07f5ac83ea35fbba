#include "layout.h"

#include <algorithm>

namespace lake {

namespace {

// Text is ordered by its bytes, as DuckDB does; an enum by its labels.
std::string ordered(const Column &column, const std::string &expression)
{
	return column.lake_type == "varchar" ? "(" + expression + ")::text COLLATE \"C\"" : expression;
}

// A directory's name says what is in it to people only: what paths could not carry is left out of it.
std::string plain(const std::string &text)
{
	std::string out;
	for (const char c : text.substr(0, 60))
		out += isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ? c : '_';
	return out == "." || out == ".." ? "_" : out;
}

}  // namespace

std::string PartitionKey::value(const std::string &e) const
{
	const std::string &type = column.lake_type;
	int buckets;
	if (sscanf(transform.c_str(), "bucket(%d)", &buckets) == 1) {
		// What has no such number is in no bucket, and is refused where it becomes a value of the lake, which names its row.
		const std::string value = type == "date"          ? "CASE WHEN isfinite(" + e + ") THEN ((" + e + ") - date '1970-01-01')::int8 END"
		                          : type.starts_with("timestamp") ? "CASE WHEN isfinite(" + e + ") AND " + e + " < '294247-01-10' THEN (extract(epoch FROM " + e + ") * 1000000)::int8 END"
		                          : type == "blob"        ? e
		                          : type == "varchar"     ? "textsend((" + e + ")::text)"
		                                                  : "(" + e + ")::int8";
		return "pgtrickle._lake_bucket(" + std::to_string(buckets) + ", " + value + ")::text COLLATE \"C\"";
	}
	if (transform != "identity") {
		const std::string part = "extract(" + transform + " FROM " + (type == "timestamptz" ? "(" + e + ") AT TIME ZONE 'UTC'" : e) + ")";
		// DuckDB's year 0 is 1 BC.
		return "(" + (transform == "year" ? part + " + (" + part + " < 0)::int" : part) + ")::text COLLATE \"C\"";
	}
	if (type.starts_with("decimal"))
		return "(" + e + ")::numeric" + type.substr(7) + "::text COLLATE \"C\"";
	return "(" + e + ")::text COLLATE \"C\"";
}

std::string PartitionKey::label() const
{
	return transform == "identity" ? plain(column.name) : plain(column.name + "_" + transform.substr(0, transform.find('(')));
}

std::string SortKey::order(const std::string &e) const
{
	return ordered(column, e) + (descending ? " DESC" : " ASC") + (nulls_first ? " NULLS FIRST" : " NULLS LAST");
}

std::string Layout::query(const std::string &list, const std::string &last, const std::string &from,
                          const std::function<std::string(const Column &)> &expression) const
{
	std::string values, order;
	for (const PartitionKey &key : partition) {
		const std::string value = key.value(expression(key.column));
		values += ", " + value;
		order += (order.empty() ? "" : ", ") + value;
	}
	for (const SortKey &key : sort)
		order += (order.empty() ? "" : ", ") + key.order(expression(key.column));
	return "SELECT " + list + values + last + " FROM " + from + (order.empty() ? "" : " ORDER BY " + order);
}

std::string Layout::directory(const std::vector<Text> &values) const
{
	std::string path;
	for (size_t i = 0; i < values.size(); i++)
		path += partition[i].label() + "=" + (values[i] ? plain(*values[i]) : "__HIVE_DEFAULT_PARTITION__") + "/";
	return path;
}

Layout read_layout(Connection &connection, int publication, const std::vector<Column> &columns)
{
	const Rows rows = connection.query("SELECT kind = 'partition', attnum, transform, descending, nulls_first FROM pgtrickle.publication_layout "
	                                   "WHERE publication = $1 ORDER BY kind, n", {text(publication)});
	Layout layout;
	for (int i = 0; i < rows.size(); i++) {
		const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column &c) { return c.attnum == rows.number(i, 1); });
		if (column == columns.end())
			continue;  // it goes with the next change of columns
		if (rows.flag(i, 0))
			layout.partition.push_back({*column, rows.text(i, 2)});
		else
			layout.sort.push_back({*column, rows.flag(i, 3), rows.flag(i, 4)});
	}
	return layout;
}

}  // namespace lake
