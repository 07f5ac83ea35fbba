#include "publication.h"

#include "history.h"

#include <algorithm>

namespace lake {

namespace {

std::string unhex(const std::string &text)  // \x…
{
	std::string bytes;
	for (size_t i = 2; i + 1 < text.size(); i += 2)
		bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
	return bytes;
}

std::vector<Column> fields_of(const Rows &rows, const std::string &parent)
{
	std::vector<Column> columns;
	for (int i = 0; i < rows.size(); i++)
		if (rows.text(i, 1) == parent)
			columns.push_back({rows.number(i, 0), static_cast<int16_t>(rows.number(i, 2)), rows.text(i, 3), rows.text(i, 4), rows.text(i, 5), rows.flag(i, 6),
			                   rows.text(i, 7), fields_of(rows, rows.text(i, 0))});
	return columns;
}

std::vector<Column> read_columns(Connection &connection, int id)
{
	const Rows rows = connection.query("SELECT c.column_id, NULL::bigint, c.attnum, c.name, c.source_type, c.lake_type, c.nullable, c.declared FROM pgtrickle.publication_column c WHERE publication = $1 "
	                                   "UNION ALL SELECT f.id, f.parent, c.attnum, f.name, f.source_type, f.lake_type, true, '' FROM pgtrickle.publication_column c, "
	                                   "pgtrickle._lake_fields(c.column_id, c.fields) f WHERE publication = $1 ORDER BY 1",
	                                   {std::to_string(id)});
	return fields_of(rows, "");
}

void check_unchanged(Connection &connection, const Publication &p, const std::string &key)
{
	const Rows rows = connection.query(
	    "SELECT string_agg(format('%I', coalesce(c.name, a.name)), ', ' ORDER BY coalesce(c.attnum, a.attnum)) "
	    "FROM (SELECT * FROM pgtrickle.publication_column WHERE publication = $1) c "
	    "FULL JOIN (SELECT a.* FROM pgtrickle.publication p, pgtrickle._lake_columns($2::oid::regclass, p.types) a WHERE p.id = $1) a "
	    "ON (a.attnum, a.name, a.declared, a.fields) = (c.attnum, c.name, c.declared, c.fields) "
	    "WHERE c.attnum IS NULL OR a.attnum IS NULL",
	    {std::to_string(p.id), std::to_string(p.relid)});
	if (!rows.is_null(0, 0))
		throw NeedsFollow(p.id, p.relid, "columns of " + p.relation + " have changed to what the lake cannot hold, or cannot append again: " + rows.text(0, 0) +
		                                     "; change them back or cast them in a stream table, or unpublish it and publish it again");
	if (p.finds_rows() &&
	    connection.query("SELECT coalesce(pgtrickle._lake_key($1::oid::regclass), '{}') = $2::int2[]", {std::to_string(p.relid), key}).flag(0, 0) == false)
		throw NeedsFollow(p.id, p.relid, "the key of " + p.relation + " has changed since it was published");
}

}  // namespace

std::vector<Lake> read_lakes(Connection &connection, const std::string &only)
{
	const Rows rows = connection.query(
	    "SELECT id, name, data_path, metadata_schema, options->>'server', owner FROM pgtrickle.lake WHERE $1 = '' OR name = $1 ORDER BY id", {only});
	std::vector<Lake> lakes;
	for (int i = 0; i < rows.size(); i++) {
		Lake lake{static_cast<int>(rows.number(i, 0)), rows.text(i, 1), rows.text(i, 2), connection.quote_ident(rows.text(i, 3)), {}};
		if (!rows.is_null(i, 4)) {
			const Rows settings = connection.query(
			    "SELECT o.option_name, o.option_value FROM pg_foreign_server s "
			    "LEFT JOIN LATERAL (SELECT umoptions FROM pg_user_mapping m WHERE m.umserver = s.oid AND m.umuser IN (0, $2::oid) "
			    "                   ORDER BY m.umuser DESC LIMIT 1) m ON true "
			    "CROSS JOIN LATERAL pg_options_to_table(coalesce(s.srvoptions, '{}') || coalesce(m.umoptions, '{}')) o "
			    "WHERE s.srvname = $1",
			    {rows.text(i, 4), rows.text(i, 5)});
			if (connection.query("SELECT FROM pg_foreign_server WHERE srvname = $1", {rows.text(i, 4)}).empty())
				lake.missing_server = rows.text(i, 4);
			for (int k = 0; k < settings.size(); k++)
				lake.settings[settings.text(k, 0)] = settings.text(k, 1);
		}
		lakes.push_back(std::move(lake));
	}
	return lakes;
}

std::optional<Publication> read_publication(Connection &connection, int id)
{
	const Rows rows = connection.query(
	    "SELECT p.relid, CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END, c.relname, c.relkind, p.table_name, p.mode, p.key, p.rows_key::text, p.salt, p.table_id, "
	    "       u.frontier, pg_snapshot_xmax(u.frontier), ARRAY(SELECT pg_snapshot_xip(u.frontier)), u.seen_xid, u.seen_part, "
	    "       coalesce(p.iceberg = interval '0', false), "
	    "       coalesce(h.version, 0), coalesce(h.version, 0) > p.done_version, coalesce(h.reload, 0) > p.done_version, "
	    "       coalesce((SELECT l.version FROM pgtrickle.publication_load l WHERE l.publication = p.id AND l.base IS NOT NULL AND l.ended_at IS NULL), -1), "
	    "       p.tags, nullif(pgtrickle._lake_tags(p.id), p.tags) "
	    "FROM pgtrickle.publication p JOIN pgtrickle.consumer u USING (id) LEFT JOIN pgtrickle.publication_change h USING (id) "
	    "LEFT JOIN pg_class c ON c.oid = p.relid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.id = $1",
	    {std::to_string(id)});
	if (rows.empty())
		return std::nullopt;
	Publication p;
	p.id = id;
	p.relid = rows.number(0, 0);
	if (rows.is_null(0, 2))
		throw Unpublishable("42P01", "the published relation was dropped; SELECT pgtrickle.unpublish(" +
		                                 std::to_string(p.relid) + "::regclass) ends its publishing");
	p.relation = rows.text(0, 1);
	p.partitioned = rows.text(0, 3) == "p";
	p.table_name = rows.text(0, 4);
	p.mode = rows.text(0, 5);
	p.integer_key = rows.text(0, 7) == "bigint";
	p.salt = unhex(rows.text(0, 8));
	p.table_id = rows.is_null(0, 9) ? -1 : rows.number(0, 9);
	p.frontier = rows.text(0, 10);
	p.version = static_cast<int>(rows.number(0, 16));
	p.altered = rows.flag(0, 17);
	p.reload = rows.flag(0, 18);
	p.load_version = static_cast<int>(rows.number(0, 19));
	p.frontier_xmax = rows.text(0, 11);
	p.frontier_xip = rows.text(0, 12);
	p.seen_xid = rows.text(0, 13);
	p.seen_part = rows.text(0, 14);
	p.iceberg_each_commit = rows.flag(0, 15);
	p.told_tags = rows.text(0, 20);
	p.tags = rows.maybe(0, 21);
	p.columns = read_columns(connection, id);
	check_unchanged(connection, p, rows.text(0, 6));
	const Rows places = connection.query("SELECT unnest($1::int2[])", {rows.text(0, 6)});
	for (int i = 0; i < places.size(); i++) {
		auto column = std::find_if(p.columns.begin(), p.columns.end(), [&](const Column &c) { return c.attnum == places.number(i, 0); });
		p.key.push_back(static_cast<int>(column - p.columns.begin()));
		column->is_key = true;
	}
	if (p.is_history())
		p.lake_columns = history_columns();
	p.lake_columns.insert(p.lake_columns.end(), p.columns.begin(), p.columns.end());
	p.layout = read_layout(connection, id, p.columns);
	return p;
}

Key KeyReader::operator()(const Tuple &tuple)
{
	if (publication_.key.empty())
		return image(tuple, static_cast<int>(tuple.fields.size() - publication_.columns.size()));
	if (publication_.integer_key)
		return integer(tuple.fields[publication_.key[0]]);
	bytes_.clear();
	for (int place : publication_.key) {
		const Field &field = tuple.fields[place];
		bytes_.append(field.data - 4, 4 + std::max(field.size, 0));
	}
	return hash_(bytes_);
}

Key KeyReader::integer(const Field &field)
{
	const int64_t value = field.size == 8   ? read_integer<int64_t>(field.data)
	                      : field.size == 4 ? read_integer<int32_t>(field.data)
	                                        : read_integer<int16_t>(field.data);
	return {0, static_cast<uint64_t>(value)};
}

Key KeyReader::image(const Tuple &tuple, int without)
{
	std::string_view row = tuple.image;
	for (int i = 0; i < without; i++)
		row.remove_suffix(4 + std::max(tuple.fields[tuple.fields.size() - 1 - i].size, 0));
	return hash_(row);
}

namespace {

// Of a column that is published as its text.
std::string cast_of(const Column &column)
{
	const Column *leaf = &column;
	while (leaf->lake_type == "list")
		leaf = &leaf->fields[0];
	return leaf->source_type != "as text" ? "" : leaf == &column ? "::text" : "::text[]";
}

// The rows of `from`, where the relation is called this.
std::string select(const Publication &p, Connection &connection, const std::string &from)
{
	std::string list;
	for (const Column &column : p.columns)
		list += (list.empty() ? "this." : ", this.") + connection.quote_ident(column.name) + cast_of(column);
	return p.layout.query(list, "", from, [&](const Column &column) { return "this." + connection.quote_ident(column.name); });
}

}  // namespace

std::string whole_query(const Publication &p, Connection &connection)
{
	return select(p, connection, (p.partitioned ? "" : "ONLY ") + p.relation + " this");
}

std::string part_query(const Publication &p, Connection &connection, const std::string &relation, int64_t first_block, int64_t end_block)
{
	return select(p, connection, "ONLY " + relation + " this WHERE this.ctid >= '(" + std::to_string(first_block) + ",0)'::tid AND this.ctid < '(" +
	                                 std::to_string(end_block) + ",0)'::tid");
}

std::string touched_query(const Publication &p, Connection &connection)
{
	std::string keys, same;
	for (const int place : p.key) {
		const Column &column = p.columns[place];
		const std::string logged = "a" + std::to_string(column.attnum);
		keys += (keys.empty() ? "" : ", ") + logged;
		same += (same.empty() ? "this." : " AND this.") + connection.quote_ident(column.name) + (column.nullable ? " IS NOT DISTINCT FROM k." : " = k.") + logged +
		        (cast_of(column).empty() ? "" : "::" + column.declared);
	}
	return select(p, connection, "(SELECT DISTINCT " + keys + " FROM (" + changes_query(p, connection) + ") c) k JOIN " + (p.partitioned ? "" : "ONLY ") + p.relation + " this ON " + same);
}

// COPY takes no parameters, so they are written into the query; its columns are a<number>, so nothing else has a $.
std::string changes_query(const Publication &p, Connection &connection)
{
	ArrayText numbers;
	std::string names, cast;
	bool casts = false;
	for (const Column &column : p.columns) {
		const std::string name = "a" + std::to_string(column.attnum), as = cast_of(column);
		numbers.add(column.attnum);
		names += (names.empty() ? "" : ", ") + name;
		cast += name + as + ", ";
		casts |= !as.empty();
	}
	std::string query = connection.query("SELECT pgtrickle._batch_query($1::oid::regclass, $2::int2[])", {std::to_string(p.relid), numbers.text()}).text(0, 0);
	if (casts)
		query = "SELECT " + cast + "w FROM (" + query + ") changes";
	const std::string values[] = {connection.quote_literal(p.frontier_xmax) + "::xid8", connection.quote_literal(p.frontier_xip) + "::xid8[]",
	                              p.seen_xid.empty() ? "NULL::xid8" : connection.quote_literal(p.seen_xid) + "::xid8",
	                              p.seen_part.empty() ? "NULL::int4" : connection.quote_literal(p.seen_part) + "::int4"};
	for (int i = 4; i >= 1; i--)
		for (size_t at; (at = query.find("$" + std::to_string(i))) != std::string::npos;)
			query.replace(at, 2, values[i - 1]);
	if (p.layout.partition.empty() && p.layout.sort.empty())
		return query;
	return p.layout.query(names, ", w", "(" + query + ") changes", [](const Column &column) { return "changes.a" + std::to_string(column.attnum); });
}

void record_success(Connection &connection, int id)
{
	connection.query("UPDATE pgtrickle.publication_health SET status = 'ACTIVE', consecutive_errors = 0, last_error = NULL, last_sqlstate = NULL, "
	                 "last_error_at = NULL, retry_at = NULL WHERE id = $1 AND (status <> 'ACTIVE' OR consecutive_errors > 0)",
	                 {std::to_string(id)});
}

void record_iceberg(Connection &connection, int id, const Text &error)
{
	connection.query("UPDATE pgtrickle.publication_health SET iceberg_error = $2 WHERE id = $1 AND iceberg_error IS DISTINCT FROM $2", {std::to_string(id), error});
}

// Waits double from one second to five minutes.
void record_error(Connection &connection, int id, const std::string &sqlstate, const std::string &message, bool suspend)
{
	connection.query("UPDATE pgtrickle.publication_health SET status = $2, consecutive_errors = consecutive_errors + 1, last_error = $3, "
	                 "last_sqlstate = $4, last_error_at = clock_timestamp(), "
	                 "retry_at = clock_timestamp() + least(interval '1s' * power(2, least(consecutive_errors, 20)), interval '5m') WHERE id = $1",
	                 {std::to_string(id), suspend ? "SUSPENDED" : "ERROR", message, sqlstate});
}

}  // namespace lake
