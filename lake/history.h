#pragma once
// Mode 'history': the versions of a row, as the publishes saw them.
//
// A version is what a row was from one publish to another.  It says so in four columns before the relation's own:
//
//   valid_from, valid_to          the moments at which the database snapshots of those publishes were taken
//   from_snapshot, to_snapshot    the lake snapshots that they made; the last two are NULL while the version lasts
//
// It begins in a file of new rows.  To end it, its row is deleted and written again with its end, under the row id it has:
// the values are the log's old image, the beginning is that of its file, since a file of new rows is one publish's.  When
// there is no log to go by (TRUNCATE, all rows needed again) the versions that last are copied out of their files instead.
// A version that has ended is not touched again, so positions are kept of those that last.
// The snapshot's number stands in the files, so a batch that lost the race for it is written again.
#include "decode.h"

#include <array>
#include <map>
#include <optional>
#include <vector>

namespace lake {

struct DataFile;
struct LiveFile;
struct Publication;
struct Workshop;

// A publish: when its snapshot was taken, in PostgreSQL's microseconds, and the lake snapshot it makes.
struct Moment {
	int64_t micros = 0, snapshot = 0;
};
struct Span {
	Moment from;
	std::optional<Moment> to = {};
};

inline constexpr int history_column_count = 4;
// Their ids are the first ones, and stay so whatever columns come later.
std::vector<Column> history_columns();

// A tuple with its span before it.  Valid until the next one.
class Stamper {
public:
	const Tuple &operator()(const Tuple &tuple, const Span &span);

private:
	std::array<char, 32> bytes_;
	Tuple stamped_;
};

// When the versions began that these files were written with.
std::map<int, Moment> beginnings(Connection &connection, int publication, const std::vector<int> &files);

// Copies of all versions that last, with their end; their old rows are for the caller to end.
std::vector<DataFile> close_versions(const Workshop &shop, const Publication &publication, const std::map<int64_t, LiveFile> &live);

}  // namespace lake
