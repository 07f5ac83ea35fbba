#pragma once
// Where a lake's files are: a directory of this machine, or a bucket of an S3 server, behind Arrow's file systems.
//
// A file is named by its path relative to the lake's data path, as in DuckLake's catalog.  A file that close_file
// or put has returned for is durable.  Failures are StoreErrors with the store's own words.
#include "error.h"

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace lake {

class ObjectStore {
public:
	// data_path: '/abs/dir/' or 's3://bucket/prefix/'.  settings: endpoint, region, scheme, path_style,
	// access_key_id, secret_access_key, session_token; for S3 only, all optional.
	ObjectStore(const std::string &data_path, const std::map<std::string, std::string> &settings);

	// Files that this process makes from now on are as open as the data path itself, whatever umask it was given.
	void be_as_open() const;

	std::shared_ptr<arrow::io::OutputStream> create(const std::string &path);
	void close_file(arrow::io::OutputStream &file, const std::string &path);
	void put(const std::string &path, const std::string &bytes);
	std::shared_ptr<arrow::io::RandomAccessFile> open(const std::string &path);
	int64_t size(const std::string &path);
	void remove(const std::string &path);  // no error if it is not there
	// Calls file(path, seconds since 1970 of its last change) for everything below the data path.
	void list(const std::function<void(const std::string &, int64_t)> &file);

	// The one spelling of a file's full name that is written into files: file:///abs/… or s3://….  Of '': of the data path.
	std::string uri(const std::string &path) const;

private:
	std::string full(const std::string &path) const;
	std::shared_ptr<arrow::fs::FileSystem> files_;
	std::string root_;  // in the file system's terms, with a slash at its end
	bool local_;
};

// Once, before main returns: S3 has threads of its own.
void finish_object_stores();

}  // namespace lake
