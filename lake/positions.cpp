#include "positions.h"

#include "statistics.h"

#include <set>
#include <utility>

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

void Positions::take(const std::vector<std::pair<Key, int>> &keys, const Taken &taken)
{
	const bool has_runs = publication_.integer_key &&
	    writer_.query_prepared("SELECT EXISTS (SELECT FROM pgtrickle.publication_run WHERE publication = $1)", {text(publication_.id)}).flag(0, 0);
	for (size_t begin = 0; begin < keys.size(); begin += chunk) {
		const std::vector<std::pair<Key, int>> some(keys.begin() + begin, keys.begin() + std::min(begin + chunk, keys.size()));
		if (!has_runs) {
			take_rows(some, taken);
			continue;
		}
		std::set<Key> left;
		for (const auto &[key, count] : some)
			left.insert(left.end(), key);
		take_rows(some, [&](const Key &key, const Place &place) {
			if (!publication_.loading())   // else its row may have been in several parts
				left.erase(key);
			taken(key, place);
		});
		if (!left.empty())
			take_of_runs({left.begin(), left.end()}, taken);
	}
}

void Positions::take_rows(const std::vector<std::pair<Key, int>> &keys, const Taken &taken)
{
	const bool integer_key = publication_.integer_key;
	const std::string table = publication_.rows_table();
	const std::string keys_of = "unnest($1::" + std::string(integer_key ? "int8" : "uuid") + "[], $2::int[]) k(key, n)";
	// Without a key equal rows stand there several times, and only some may go: by row address.
	const std::string taking =
	    publication_.key.empty()
	        ? "WITH gone AS MATERIALIZED (SELECT r.ctid FROM " + keys_of + " CROSS JOIN LATERAL (SELECT ctid FROM " + table +
	              " r WHERE r.key = k.key LIMIT k.n) r), took AS (DELETE FROM " + table + " r USING gone WHERE r.ctid = gone.ctid RETURNING r.*) "
	        : "WITH took AS (DELETE FROM " + table + " r USING " + keys_of + " WHERE r.key = k.key AND r.file > 0 RETURNING r.*) ";
	const std::string sql = taking + "SELECT t.key, t.file, t.pos, coalesce(t.row_id, f.row_id_start + t.pos) FROM took t " + file_of("t");
	ArrayText spelt, counts;
	for (const auto &[key, count] : keys) {
		spelt.add(spell(key, integer_key));
		counts.add(count);
	}
	each(writer_.query_prepared(sql, {spelt.text(), counts.text()}), taken);
}

void Positions::take_of_runs(const std::vector<Key> &keys, const Taken &taken)
{
	const std::string table = publication_.rows_table();
	const std::string sql =
	    "WITH took AS MATERIALIZED (SELECT k.key, r.file, coalesce(r.positions[i], r.first_position + i - 1) AS pos FROM unnest($1::int8[]) k(key) "
	    "CROSS JOIN LATERAL (SELECT * FROM pgtrickle.publication_run r WHERE r.publication = " + text(publication_.id) + " AND r.first_key <= k.key ORDER BY r.first_key DESC LIMIT 1) r "
	    "CROSS JOIN LATERAL coalesce(width_bucket(k.key, r.keys), (least(k.key, r.last_key) - r.first_key + 1)::int) i "
	    "WHERE coalesce(r.keys[i], r.first_key + i - 1) = k.key AND NOT EXISTS (SELECT FROM " + table + " m WHERE m.key = k.key AND m.file = 0)), "
	    "marked AS (INSERT INTO " + table + "(key, file, pos) SELECT key, 0, 0 FROM took) "
	    "SELECT t.key, t.file, t.pos, f.row_id_start + t.pos FROM took t " + file_of("t");
	ArrayText spelt;
	for (const Key &key : keys)
		spelt.add(spell(key, true));
	each(writer_.query_prepared(sql, {spelt.text()}), taken);
}

std::string Positions::file_of(const std::string &row) const
{
	return "LEFT JOIN pgtrickle.publication_file f ON f.publication = " + text(publication_.id) + " AND f.file = " + row + ".file";
}

void Positions::each(const Rows &rows, const Taken &taken) const
{
	for (int i = 0; i < rows.size(); i++)
		taken(parse(rows.text(i, 0), publication_.integer_key), {static_cast<int>(rows.number(i, 1)), static_cast<int32_t>(rows.number(i, 2)), rows.is_null(i, 3) ? -1 : rows.number(i, 3)});
}

Positions::Adding::Adding(Positions &positions, To to) : positions_(positions), to_(to)
{
	if (to == To::rows || !positions.publication_.integer_key)
		open_rows();
}

void Positions::Adding::add(const Key &key, const Place &place)
{
	if (runs_)
		runs_->add(static_cast<int64_t>(key.low), place.file, place.position);
	else if (copy_)
		add_row(key, place);
	else {
		first_.emplace_back(key, place);
		if (first_.size() == 2 * RunWriter::sorted_at_once)
			decide();
	}
}

void Positions::Adding::finish()
{
	if (!runs_ && !copy_)
		decide();
	runs_ ? runs_->finish() : copy_->finish();
}

void Positions::Adding::decide()
{
	std::vector<int64_t> keys;
	for (const auto &[key, place] : first_)
		keys.push_back(static_cast<int64_t>(key.low));
	if (RunWriter::would_overlap(std::move(keys)))
		open_rows();
	else
		runs_.emplace(positions_.writer_, positions_.publication_.id);
	for (const auto &[key, place] : std::exchange(first_, {}))
		add(key, place);
}

void Positions::Adding::open_rows()
{
	copy_.emplace(positions_.writer_, positions_.publication_.rows_table(), to_ == To::fresh_load ? ", FREEZE" : "");
}

void Positions::Adding::add_row(const Key &key, const Place &place)
{
	copy_->begin_row(4);
	if (positions_.publication_.integer_key)
		copy_->field(static_cast<int64_t>(key.low));
	else {
		char bytes[16];
		big_endian(key.high, bytes);
		big_endian(key.low, bytes + 8);
		copy_->field(bytes, 16);
	}
	copy_->field(static_cast<int32_t>(place.file));
	copy_->field(place.position);
	if (place.row_id < 0)
		copy_->null();
	else
		copy_->field(place.row_id);
	copy_->end_row();
}

void Positions::forget()
{
	writer_.query("TRUNCATE " + publication_.rows_table());
	writer_.query("DELETE FROM pgtrickle.publication_run WHERE publication = $1", {text(publication_.id)});
}

void Positions::begin_load()
{
	forget();
	writer_.query("DROP INDEX IF EXISTS " + publication_.rows_table() + "_key");
}

void Positions::end_load()
{
	writer_.query("SELECT pgtrickle._end_positions($1)", {text(publication_.id)});
}

void Positions::spread()
{
	writer_.query("SELECT pgtrickle._spread_runs($1)", {text(publication_.id)});
}

}  // namespace lake
