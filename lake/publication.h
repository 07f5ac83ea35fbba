#pragma once
// What is published, as pgtrickle's tables say (sql/60_lake.sql), and how it is doing.
#include "database.h"
#include "decode.h"
#include "hash.h"
#include "layout.h"

#include <map>
#include <string>
#include <vector>

namespace lake {

struct Lake {
	int id;
	std::string name, data_path;
	std::string schema;                           // of the DuckLake tables, quoted
	std::map<std::string, std::string> settings;  // of the S3 server and its user mapping
	std::string missing_server = {};              // named by the lake's options, and not there
};

struct Publication {
	int id;
	int64_t relid;
	std::string relation;  // schema.name, quoted
	bool partitioned;
	std::string table_name, mode;
	std::vector<int> key;  // places among the columns; none: the whole row
	bool integer_key;
	std::string salt;
	int64_t table_id;  // of DuckLake; -1 before the first load
	int version;       // of the columns, under the snapshot
	bool altered;      // the lake has not these columns yet
	bool reload;       // and needs all rows again
	std::string frontier;  // empty: load, or load again
	int load_version;  // of the columns when its load in parts began (load.h); -1: none is under way
	std::string frontier_xmax, frontier_xip, seen_xid, seen_part;
	std::vector<Column> columns;       // of the relation
	std::vector<Column> lake_columns;  // of the lake table: with those of mode 'history' before them
	Layout layout;
	bool iceberg_each_commit;
	std::string told_tags;  // comments and the query (pgtrickle._lake_tags), as the lake has them
	Text tags;              // as they are now, if they are others

	bool loading() const { return load_version >= 0; }
	bool is_history() const { return mode == "history"; }
	bool finds_rows() const { return mode != "append"; }  // again, when they go
	std::string rows_table() const { return "pgtrickle_state.lake_rows_" + std::to_string(id); }
};

std::vector<Lake> read_lakes(Connection &connection, const std::string &only);

// The columns or the key are no longer those that are published, and nobody told: pgtrickle._follow_columns, and again.
struct NeedsFollow : Error {
	int publication;
	int64_t relid;
	NeedsFollow(int publication, int64_t relid, const std::string &why) : Error("0A000", why), publication(publication), relid(relid) {}
};

// Under the connection's snapshot; nothing if it was unpublished.  Throws Unpublishable when the relation is gone.
std::optional<Publication> read_publication(Connection &connection, int id);

// How a row is found again.
class KeyReader {
public:
	explicit KeyReader(const Publication &publication) : publication_(publication), hash_(publication.salt) {}
	Key operator()(const Tuple &tuple);
	static Key integer(const Field &field);  // where the key is one integer
	// Of the whole row, whatever the key.  row: all fields of the tuple but the last `without`.
	Key image(const Tuple &tuple, int without = 0);

private:
	const Publication &publication_;
	RowHash hash_;
	std::string bytes_;
};

// The query for all rows, and for the changes since the frontier; columns in the publication's order, then the values of
// its partitions, w at the end.
std::string whole_query(const Publication &publication, Connection &connection);
std::string changes_query(const Publication &publication, Connection &connection);
// For the rows of these blocks of a table or partition, and for the rows as they are now whose keys are in the changes.
std::string part_query(const Publication &publication, Connection &connection, const std::string &relation, int64_t first_block, int64_t end_block);
std::string touched_query(const Publication &publication, Connection &connection);

// What pgtrickle.lake_status() shows.  A suspended publication waits for somebody; the others are tried again later.
void record_success(Connection &connection, int id);
void record_error(Connection &connection, int id, const std::string &sqlstate, const std::string &message, bool suspend);
void record_iceberg(Connection &connection, int id, const Text &error);

}  // namespace lake
