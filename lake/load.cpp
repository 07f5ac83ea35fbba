#include "load.h"

namespace lake {

namespace {

constexpr auto pause_between_tellings = std::chrono::milliseconds(500);

struct Stopped {};

void save_file(Connection &writer, int publication, const DataFile &file)
{
	ArrayText sizes, values, nulls, bounded, least, greatest, nans, partition;
	for (size_t i = 0; i < file.statistics.size(); i++) {
		const Statistics &s = file.statistics[i];
		sizes.add(file.footprint.column_bytes[i]);
		values.add(s.values);
		nulls.add(s.nulls);
		bounded.add(Text(s.bounded ? "t" : "f"));
		least.add(s.min);
		greatest.add(s.max);
		nans.add(s.has_nan ? Text(*s.has_nan ? "t" : "f") : Text());
	}
	for (const Text &value : file.partition)
		partition.add(value);
	writer.query_prepared("INSERT INTO pgtrickle.load_file VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
	                      {text(publication), text(file.number), file.path, text(static_cast<int64_t>(file.name)), text(file.rows), text(file.footprint.bytes),
	                       text(file.footprint.footer), sizes.text(), values.text(), nulls.text(), bounded.text(), least.text(), greatest.text(), nans.text(), partition.text(), text(file.footprint.row_groups)});
}

}  // namespace

struct Load::Part {
	int number;
	std::string relation;  // schema.name, quoted
	std::string oid, filenode;
	int64_t first_block, end_block;
};

Load::Load(std::string conninfo, ObjectStore &store, int lake, std::string directory, int worker, int publication, int workers, Bell &bell)
    : conninfo_(std::move(conninfo)), store_(store), lake_(lake), directory_(std::move(directory)), worker_(worker), publication_(publication), bell_(bell),
      running_(workers), reading_(workers)
{
	for (int i = 0; i < workers; i++)
		threads_.emplace_back(&Load::work, this);
}

Load::~Load()
{
	stop_ = true;
	for (std::thread &thread : threads_)
		thread.join();
}

void Load::rethrow() const
{
	if (failure_)
		std::rethrow_exception(failure_);
}

void Load::tell_progress(Connection &side)
{
	const auto now = std::chrono::steady_clock::now();
	if (now - told_ < pause_between_tellings)
		return;
	told_ = now;
	side.query_prepared("UPDATE pgtrickle.publication_load SET rows_reading = $2 WHERE publication = $1", {text(publication_), text(rows_reading_)});
}

void Load::work()
{
	try {
		Connection reader(conninfo_, "trickle-lake loading"), writer(conninfo_, "trickle-lake loading"), side(conninfo_, "trickle-lake loading");
		while (!stop_ && read_part(reader, writer, side)) {
		}
		if (--reading_ == 0 && !stop_)
			build_index(writer);
	} catch (const Stopped &) {
	} catch (...) {
		const std::lock_guard guard(failing_);
		if (!failure_)
			failure_ = std::current_exception();
		stop_ = true;
	}
	if (--running_ == 0)
		bell_.ring();
}

// False: none is left.
bool Load::read_part(Connection &reader, Connection &writer, Connection &side)
{
	writer.query("BEGIN");
	try {
		// Before the claim: whoever unpublishes has this lock, too, and waits for those who claimed.
		writer.query("LOCK TABLE " + positions_table() + " IN ROW EXCLUSIVE MODE");
	} catch (const DatabaseError &e) {
		if (e.sqlstate == "42P01")
			throw Stopped();
		throw;
	}
	const Rows claimed = writer.query_prepared("SELECT f.part, format('%I.%I', n.nspname, c.relname), f.relation, f.filenode, f.first_block, f.end_block, c.oid IS NULL "
	                                           "FROM pgtrickle.load_part f LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) ON c.oid = f.relation "
	                                           "WHERE f.publication = $1 AND f.rows IS NULL ORDER BY f.part LIMIT 1 FOR UPDATE OF f SKIP LOCKED", {text(publication_)});
	if (claimed.empty()) {
		writer.query("COMMIT");
		return false;
	}
	if (claimed.flag(0, 6))
		throw NeedsRestart{publication_};
	const Part part{static_cast<int>(claimed.number(0, 0)), claimed.text(0, 1), claimed.text(0, 2), claimed.text(0, 3), claimed.number(0, 4), claimed.number(0, 5)};
	side.query_prepared("UPDATE pgtrickle.publication_load SET parts_begun = parts_begun + 1 WHERE publication = $1", {text(publication_)});
	std::vector<std::string> noted;
	try {
		read(part, reader, writer, side, noted);
	} catch (...) {
		ArrayText paths;
		for (const std::string &path : noted)
			paths.add(Text(path));
		try {
			writer.rollback();
			side.query("UPDATE pgtrickle.lake_upload SET worker = NULL, loading = false WHERE lake = $1 AND path = ANY($2::text[])", {text(lake_), paths.text()});
		} catch (const Error &) {  // they are nobody's when the program is no more
		}
		throw;
	}
	return true;
}

void Load::read(const Part &part, Connection &reader, Connection &writer, Connection &side, std::vector<std::string> &noted)
{
	const Publication p = lock(part, reader);
	int64_t rows = 0;
	ArrayText paths;
	auto note = [&](const std::string &path) {
		side.query_prepared("INSERT INTO pgtrickle.lake_upload(lake, path, worker, loading) VALUES ($1, $2, $3, true)", {text(lake_), path, text(worker_)});
		noted.push_back(path);
		paths.add(Text(path));
	};
	auto progress = [&](int64_t read) {
		if (stop_)
			throw Stopped();
		rows_reading_ += read - rows;
		rows = read;
	};
	auto next_file = [&] {
		const Rows begun = side.query_prepared("UPDATE pgtrickle.publication_load SET files_begun = files_begun + 1 WHERE publication = $1 RETURNING files_begun", {text(publication_)});
		if (begun.empty())
			throw Stopped();
		return static_cast<int>(begun.number(0, 0));
	};
	const Workshop shop{reader, writer, store_, directory_, note, next_file, {}, progress};
	Positions positions(writer, p);
	Positions::Adding adding(positions, Positions::To::load);
	const std::vector<DataFile> files = write_rows(shop, p, part_query(p, reader, part.relation, part.first_block, part.end_block), &adding);
	adding.finish();
	reader.query("COMMIT");
	int64_t all = 0;
	for (const DataFile &file : files) {
		save_file(writer, publication_, file);
		all += file.rows;
	}
	writer.query_prepared("UPDATE pgtrickle.load_part SET rows = $3 WHERE publication = $1 AND part = $2", {text(publication_), text(part.number), text(all)});
	writer.query_prepared("DELETE FROM pgtrickle.lake_upload WHERE lake = $1 AND path = ANY($2::text[])", {text(lake_), paths.text()});
	writer.query("COMMIT");
	rows_reading_ -= rows;
}

// The snapshot is taken when the relation cannot be rewritten any more; until then somebody may have done so.
Publication Load::lock(const Part &part, Connection &reader)
{
	while (true) {
		reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
		reader.query("SET LOCAL lock_timeout = '1s'");
		try {
			reader.query("LOCK TABLE ONLY " + part.relation + " IN ACCESS SHARE MODE");
			break;
		} catch (const DatabaseError &e) {
			reader.rollback();
			if (e.sqlstate == "42P01" || e.sqlstate == "3F000")
				throw NeedsRestart{publication_};
			if (e.sqlstate != "55P03")
				throw;
			if (stop_)
				throw Stopped();
		}
	}
	const std::optional<Publication> p = read_publication(reader, publication_);
	if (!p)
		throw Stopped();
	if (p->frontier.empty() || !p->loading() || p->load_version != p->version || reader.query("SELECT pg_relation_filenode($1::oid)", {part.oid}).text(0, 0) != part.filenode)
		throw NeedsRestart{publication_};
	return *p;
}

void Load::build_index(Connection &writer)
{
	const Rows parts = writer.query("SELECT count(*), count(rows) FROM pgtrickle.load_part WHERE publication = $1", {text(publication_)});
	if (parts.number(0, 0) == 0 || parts.number(0, 0) != parts.number(0, 1))
		return;  // unpublished meanwhile, or another program is at it, too
	try {
		writer.query("SELECT pgtrickle._end_positions($1)", {text(publication_)});
	} catch (const DatabaseError &e) {
		if (e.sqlstate != "42P01")   // unpublished just now
			throw;
	}
}

std::vector<DataFile> read_load_files(Connection &connection, int publication)
{
	const Rows rows = connection.query("SELECT f.file, f.path, f.directory, f.rows, f.bytes, f.footer, s.*, f.row_groups FROM pgtrickle.load_file f, "
	                                   "unnest(f.column_bytes, f.value_counts, f.null_counts, f.bounded, f.least, f.greatest, f.has_nan) WITH ORDINALITY s "
	                                   "WHERE f.publication = $1 ORDER BY f.file, s.ordinality", {text(publication)});
	const Rows values = connection.query("SELECT f.file, v.value FROM pgtrickle.load_file f, unnest(f.partition) WITH ORDINALITY v(value, n) "
	                                     "WHERE f.publication = $1 ORDER BY f.file, v.n", {text(publication)});
	std::map<int64_t, std::vector<Text>> partitions;
	for (int i = 0; i < values.size(); i++)
		partitions[values.number(i, 0)].push_back(values.maybe(i, 1));
	std::vector<DataFile> files;
	for (int i = 0; i < rows.size(); i++) {
		const int number = static_cast<int>(rows.number(i, 0));
		if (files.empty() || files.back().number != number) {
			files.push_back({number, rows.text(i, 1), static_cast<size_t>(rows.number(i, 2)), rows.number(i, 3), false, {}, {}, partitions[number]});
			files.back().footprint.bytes = rows.number(i, 4);
			files.back().footprint.footer = rows.number(i, 5);
			files.back().footprint.row_groups = rows.number(i, 14);
		}
		files.back().footprint.column_bytes.push_back(rows.number(i, 6));
		files.back().statistics.push_back({.values = rows.number(i, 7), .nulls = rows.number(i, 8), .bounded = rows.flag(i, 9), .min = rows.maybe(i, 10), .max = rows.maybe(i, 11),
		                                   .has_nan = rows.is_null(i, 12) ? std::optional<bool>() : rows.flag(i, 12)});
	}
	return files;
}

}  // namespace lake
