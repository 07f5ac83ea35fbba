#include "positions.h"

#include "statistics.h"

namespace lake {

namespace {

constexpr size_t chunk = 10000;  // keys per statement

void big_endian(uint64_t value, char *bytes)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		bytes[i] = static_cast<char>(value);
}

std::string spell(const Key &key, bool integer_key)
{
	if (integer_key)
		return std::to_string(static_cast<int64_t>(key.low));
	char bytes[16];
	big_endian(key.high, bytes);
	big_endian(key.low, bytes + 8);
	return spell_uuid({bytes, 16});
}

Key parse(const std::string &text, bool integer_key)
{
	if (integer_key)
		return {0, static_cast<uint64_t>(std::stoll(text))};
	std::string digits;
	for (char c : text)
		if (c != '-')
			digits += c;
	return {std::stoull(digits.substr(0, 16), nullptr, 16), std::stoull(digits.substr(16), nullptr, 16)};
}

}  // namespace

void Positions::take(const std::vector<std::pair<Key, int>> &keys, const std::function<void(const Key &, const Place &)> &taken)
{
	const bool integer_key = publication_.integer_key;
	const std::string table = publication_.rows_table();
	const std::string keys_of = "unnest($1::" + std::string(integer_key ? "int8" : "uuid") + "[], $2::int[]) k(key, n)";
	// Without a key equal rows stand there several times, and only some may go: by row address.
	const std::string taking =
	    publication_.key.empty()
	        ? "WITH gone AS MATERIALIZED (SELECT r.ctid FROM " + keys_of + " CROSS JOIN LATERAL (SELECT ctid FROM " + table +
	              " r WHERE r.key = k.key LIMIT k.n) r), took AS (DELETE FROM " + table + " r USING gone WHERE r.ctid = gone.ctid RETURNING r.*) "
	        : "WITH took AS (DELETE FROM " + table + " r USING " + keys_of + " WHERE r.key = k.key RETURNING r.*) ";
	const std::string sql = taking + "SELECT t.key, t.file, t.pos, coalesce(t.row_id, f.row_id_start + t.pos) FROM took t "
	                        "LEFT JOIN pgtrickle.publication_file f ON f.publication = " + std::to_string(publication_.id) + " AND f.file = t.file";
	for (size_t begin = 0; begin < keys.size(); begin += chunk) {
		ArrayText spelt, counts;
		for (size_t i = begin; i < std::min(begin + chunk, keys.size()); i++) {
			spelt.add(spell(keys[i].first, integer_key));
			counts.add(keys[i].second);
		}
		const Rows rows = writer_.query_prepared(sql, {spelt.text(), counts.text()});
		for (int i = 0; i < rows.size(); i++)
			taken(parse(rows.text(i, 0), integer_key), {static_cast<int>(rows.number(i, 1)), static_cast<int32_t>(rows.number(i, 2)),
			                                            rows.is_null(i, 3) ? -1 : rows.number(i, 3)});
	}
}

Positions::Adding::Adding(Positions &positions, bool fresh)
    : integer_key_(positions.publication_.integer_key),
      copy_(positions.writer_, positions.publication_.rows_table(), fresh ? ", FREEZE" : "")
{
}

void Positions::Adding::add(const Key &key, const Place &place)
{
	copy_.begin_row(4);
	if (integer_key_)
		copy_.field(static_cast<int64_t>(key.low));
	else {
		char bytes[16];
		big_endian(key.high, bytes);
		big_endian(key.low, bytes + 8);
		copy_.field(bytes, 16);
	}
	copy_.field(static_cast<int32_t>(place.file));
	copy_.field(place.position);
	if (place.row_id < 0)
		copy_.null();
	else
		copy_.field(place.row_id);
	copy_.end_row();
}

void Positions::begin_load()
{
	writer_.query("TRUNCATE " + publication_.rows_table());
	writer_.query("DROP INDEX IF EXISTS " + publication_.rows_table() + "_key");
}

void Positions::end_load()
{
	writer_.query("CREATE INDEX lake_rows_" + std::to_string(publication_.id) + "_key ON " + publication_.rows_table() + " (key)");
}

}  // namespace lake
