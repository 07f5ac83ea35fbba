#include "history.h"

#include "batch.h"
#include "ducklake.h"
#include "file_map.h"

#include <algorithm>

namespace lake {

namespace {

enum { valid_from = 1, valid_to = 2, from_snapshot = 3, to_snapshot = 4 };  // column ids

constexpr int64_t epoch_micros = 946'684'800'000'000;  // PostgreSQL counts from 2000-01-01

void big_endian(int64_t value, char *bytes)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		bytes[i] = static_cast<char>(value);
}

// The rows of a data file whose versions last, sorted.
std::vector<int64_t> lasting(Connection &writer, const Publication &p, int64_t data_file_id)
{
	std::map<int, Placed> placed;
	for (Placed &file : placed_in(writer, p.id, {data_file_id}))
		placed.emplace(file.file, std::move(file));
	const Rows rows = writer.query("SELECT r.file, r.pos FROM " + p.rows_table() + " r JOIN pgtrickle.publication_file f ON f.publication = $1 AND f.file = r.file "
	                               "WHERE f.data_file_id = $2", {text(p.id), text(data_file_id)});
	std::vector<int64_t> positions;
	for (int i = 0; i < rows.size(); i++)
		positions.push_back(placed.at(static_cast<int>(rows.number(i, 0))).now(static_cast<int32_t>(rows.number(i, 1))));
	std::sort(positions.begin(), positions.end());
	return positions;
}

Deletions all_but(const std::vector<int64_t> &kept, int64_t rows)
{
	Deletions others;
	auto next = kept.begin();
	for (int64_t position = 0; position < rows; position++)
		if (next != kept.end() && *next == position)
			next++;
		else
			others.emplace_back(position, pending);
	return others;
}

// The table knows the bounds of the rows already, but for their ends.
std::vector<Statistics> statistics_of(const MergedFile &file, const Publication &p, const Moment &end)
{
	std::vector<Statistics> out;
	for (const auto &[column, nested] : leaves(p.lake_columns)) {
		Statistics s{.values = 0, .nulls = file.rows, .bounded = false, .min = {}, .max = {}, .has_nan = {}};
		s.known = true;
		for (size_t i = 0; i < file.column_ids.size(); i++)
			if (file.column_ids[i] == column->id) {
				s.values = file.values[i];
				s.nulls = file.nulls[i];
			}
		if (column->id == valid_to || column->id == to_snapshot) {
			s.min = s.max = column->id == valid_to ? spell_timestamp(end.micros + epoch_micros) + "+00" : text(end.snapshot);
			s.bounded = true;
			s.known = false;
		}
		out.push_back(std::move(s));
	}
	return out;
}

}  // namespace

std::vector<Column> history_columns()
{
	return {{valid_from, 0, "valid_from", "timestamptz", "timestamptz", false, "timestamp with time zone"},
	        {valid_to, 0, "valid_to", "timestamptz", "timestamptz", true, "timestamp with time zone"},
	        {from_snapshot, 0, "from_snapshot", "int8", "int64", false, "bigint"},
	        {to_snapshot, 0, "to_snapshot", "int8", "int64", true, "bigint"}};
}

const Tuple &Stamper::operator()(const Tuple &tuple, const Span &span)
{
	const Moment end = span.to.value_or(Moment());
	const int32_t end_size = span.to ? 8 : -1;
	const int64_t values[] = {span.from.micros, end.micros, span.from.snapshot, end.snapshot};
	for (int i = 0; i < history_column_count; i++)
		big_endian(values[i], &bytes_[8 * i]);
	stamped_.fields.assign({{&bytes_[0], 8}, {&bytes_[8], end_size}, {&bytes_[16], 8}, {&bytes_[24], end_size}});
	stamped_.fields.insert(stamped_.fields.end(), tuple.fields.begin(), tuple.fields.end());
	stamped_.image = tuple.image;
	return stamped_;
}

std::map<int, Moment> beginnings(Connection &connection, int publication, const std::vector<int> &files)
{
	const Rows rows = connection.query("SELECT file, (extract(epoch FROM valid_from) * 1000000)::bigint, from_snapshot FROM pgtrickle.publication_file "
	                                   "WHERE publication = $1 AND file = ANY($2::int[])", {text(publication), array_of(files)});
	std::map<int, Moment> out;
	for (int i = 0; i < rows.size(); i++)
		out[static_cast<int>(rows.number(i, 0))] = {rows.number(i, 1) - epoch_micros, rows.number(i, 2)};
	return out;
}

std::vector<DataFile> close_versions(const Workshop &shop, const Publication &p, const std::map<int64_t, LiveFile> &live)
{
	Positions(shop.writer, p).spread();
	const Rows files = shop.writer.query("SELECT DISTINCT data_file_id FROM pgtrickle.publication_file WHERE publication = $1 ORDER BY 1", {text(p.id)});
	std::vector<DataFile> closed;
	for (int i = 0; i < files.size(); i++) {
		auto found = live.find(files.number(i, 0));
		if (found == live.end())
			throw NeedsRepair{p.id};
		const LiveFile &file = found->second;
		const std::vector<int64_t> positions = lasting(shop.writer, p, file.data_file_id);
		if (positions.empty())
			continue;
		const MergeSource source{file.data_file_id, file.rows, file.bytes, file.begin_snapshot, file.row_id_start, file.path, all_but(positions, file.rows)};
		const std::map<int, int64_t> ends{{valid_to, shop.moment.micros + epoch_micros}, {to_snapshot, shop.moment.snapshot}};
		const MergedFile copy = *merge_files(shop.store, {source}, Deleted::drop, file.path.substr(0, file.path.rfind('/') + 1), shop.note, ends);
		DataFile written{shop.next_file(), copy.path, shop.directory.size(), copy.rows, true, copy.footprint, statistics_of(copy, p, shop.moment)};
		written.partition_of = file.data_file_id;
		const std::vector<Leaf> columns = leaves(p.lake_columns);
		written.footprint.column_bytes.assign(columns.size(), 0);
		for (size_t k = 0; k < columns.size(); k++)
			for (size_t leaf = 0; leaf < copy.column_ids.size(); leaf++)
				if (copy.column_ids[leaf] == columns[k].column->id)
					written.footprint.column_bytes[k] = copy.footprint.column_bytes[leaf];
		closed.push_back(std::move(written));
	}
	return closed;
}

}  // namespace lake
