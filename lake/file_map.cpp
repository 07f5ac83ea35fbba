#include "file_map.h"

#include <algorithm>

namespace lake {

namespace {

std::vector<int32_t> numbers(const std::string &array)
{
	std::vector<int32_t> out;
	for (const char *p = array.c_str() + 1; *p != '\0' && *p != '}'; p++) {
		char *end;
		out.push_back(static_cast<int32_t>(strtol(p, &end, 10)));
		p = *end == ',' ? end : end - 1;
	}
	return out;
}

std::vector<Placed> read(Connection &connection, const std::string &where, const std::vector<Text> &parameters)
{
	const Rows rows = connection.query("SELECT file, data_file_id, first_position, rows, removed FROM pgtrickle.publication_file "
	                                   "WHERE publication = $1 AND " + where + " ORDER BY data_file_id, first_position, file", parameters);
	std::vector<Placed> out;
	for (int i = 0; i < rows.size(); i++)
		out.push_back({static_cast<int>(rows.number(i, 0)), rows.number(i, 1), rows.number(i, 2), rows.number(i, 3),
		               rows.is_null(i, 4) ? std::vector<int32_t>() : numbers(rows.text(i, 4))});
	return out;
}

}  // namespace

int64_t Placed::now(int32_t position) const
{
	return first + position - (std::lower_bound(removed.begin(), removed.end(), position) - removed.begin());
}

std::map<int, Placed> placed_files(Connection &connection, int publication, const std::vector<int> &files)
{
	ArrayText wanted;
	for (int file : files)
		wanted.add(file);
	std::map<int, Placed> out;
	for (Placed &placed : read(connection, "file = ANY($2::int[])", {std::to_string(publication), wanted.text()}))
		out.emplace(placed.file, std::move(placed));
	return out;
}

std::vector<Placed> placed_in(Connection &connection, int publication, const std::vector<int64_t> &data_files)
{
	ArrayText wanted;
	for (int64_t id : data_files)
		wanted.add(id);
	return read(connection, "data_file_id = ANY($2::bigint[])", {std::to_string(publication), wanted.text()});
}

Placed without(const Placed &file, const std::vector<int64_t> &gone)
{
	Placed out = file;
	auto next = std::lower_bound(gone.begin(), gone.end(), file.first);
	out.first = file.first - (next - gone.begin());
	out.removed.clear();
	auto old = file.removed.begin();
	int64_t at = file.first;
	for (int32_t position = 0; position < file.rows; position++) {
		if (old != file.removed.end() && *old == position) {
			out.removed.push_back(*old++);
			continue;
		}
		if (next != gone.end() && *next == at) {
			out.removed.push_back(position);
			next++;
		}
		at++;
	}
	return out;
}

}  // namespace lake
