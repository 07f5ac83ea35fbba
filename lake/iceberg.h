#pragma once
// Iceberg's metadata over DuckLake's files, so that Spark, Trino and pyiceberg read what DuckDB reads.
//
// An Iceberg snapshot says what DuckLake's catalog says of a table at one of its snapshots, whoever wrote it, and has
// its id, which is its sequence number too.  Column ids are Iceberg's field ids.  What was said last is kept in
// pgtrickle.iceberg_*; the difference becomes, of data files and of delete files in a partition spec, one new manifest at most:
//
//   new files are ADDED, those that are gone DELETED, and with them go the EXISTING ones of the manifests they stood in
//   and of all manifests that are no larger, so that there are few and a file is rewritten a logarithmic number of times
//
// DuckLake's partitions are partition specs, each of which has manifests of its own.  A delete file is in the partition of
// its data file.  When a column goes that a spec speaks of, or comes to have other values, what was
// listed under it moves to the one without fields.
//
// Then come the list of manifests, metadata.json, which PostgreSQL writes (pgtrickle._iceberg_metadata), and the row of
// iceberg_tables that names it.  The caller's commit makes it so.
#include "database.h"
#include "manifest.h"
#include "object_store.h"
#include "publication.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace lake {

class Iceberg {
public:
	using Note = std::function<void(const std::vector<std::string> &)>;
	Iceberg(Connection &writer, const Lake &lake, ObjectStore &store, Note note)
	    : c_(writer), lake_(lake), store_(store), note_(std::move(note))
	{
	}

	// Tells Iceberg what the catalog says of a table now.  REQUIRES: a READ COMMITTED transaction, since the notes are
	// another connection's.  Throws Unpublishable, before anything is changed, when Iceberg has no words for it, and
	// Conflict when the catalog changed meanwhile, which its lock rules out.
	void follow(int64_t table_id);

	// What the transaction has noted and keeps, since the last call.
	std::vector<std::string> take_written();
	// Did it leave files that are to be removed, noted, when it is committed?
	bool take_leftovers();

private:
	struct Table;
	struct File;
	struct Change;
	using Manifests = std::vector<std::pair<int64_t, Manifest>>;  // by id
	bool find(int64_t table_id, Table &table);
	Change compare(const Table &table);
	void read_specs(Table &table);
	void assign_partitions(const Table &table, Change &change);
	void compute_partitions(const Table &table, std::vector<File> &added);
	void read_partitions(const Table &table, const std::string &condition, const std::string &ids, const std::function<File *(int64_t)> &file);
	void adapt_delete_files(const Table &table, std::vector<File> &added);
	std::vector<Manifest> write_manifests(const Table &table, const Change &change);
	void write_manifest(const Table &table, const Change &change, bool deletes, const PartitionSpec &spec, std::set<int64_t> replaced, Manifests &manifests);
	std::vector<File> existing(const Table &table, const std::string &manifests, const std::set<int64_t> &removed);
	void add_metrics(std::vector<ManifestEntry> &entries, const std::map<int64_t, size_t> &places);
	void add_snapshot(const Table &table, const Change &change, const std::vector<Manifest> &manifests);
	void publish(const Table &table);
	void leave(const Rows &paths);
	std::string new_path(const Table &table, const std::string &before, const std::string &after);
	void flush();
	std::string table(const char *name) const { return lake_.schema + ".ducklake_" + name; }

	Connection &c_;
	const Lake &lake_;
	ObjectStore &store_;
	Note note_;
	std::vector<std::pair<std::string, std::string>> pending_;  // files to be written: path, bytes
	std::vector<std::string> written_;
	bool leftovers_ = false;
};

}  // namespace lake
