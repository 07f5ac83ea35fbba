#pragma once
// What can go wrong, by what is to be done about it.
#include <arrow/result.h>
#include <arrow/status.h>

#include <stdexcept>
#include <string>

namespace lake {

// Carries an SQLSTATE, because that is how PostgreSQL's users and pgtrickle.lake_status() name errors.
struct Error : std::runtime_error {
	std::string sqlstate;
	Error(std::string sqlstate, const std::string &message) : std::runtime_error(message), sqlstate(std::move(sqlstate)) {}
};

// PostgreSQL said no.
struct DatabaseError : Error {
	using Error::Error;
};

// The connection is gone: nothing can be recorded, start over.
struct ConnectionLost : Error {
	explicit ConnectionLost(const std::string &message) : Error("08006", message) {}
};

// The object store said no: an S3 that is down, a full disk, a directory that may not be written.  Retried.
struct StoreError : Error {
	using Error::Error;
};

// A value or a relation that cannot be published as it is.  The publication is suspended until somebody acts.
struct Unpublishable : Error {
	using Error::Error;
};

// Another writer of the catalog came between.  The batch is done again.
struct Conflict : Error {
	explicit Conflict(const std::string &message) : Error("40001", message) {}
};

// Arrow's own trouble is trouble of the store: its errno, where it has one, becomes the SQLSTATE (53100 disk full,
// 42501 permission denied, 58P01 no such file), else 58030.
void check(const arrow::Status &status);

template <typename T>
T check(arrow::Result<T> result)
{
	check(result.status());
	return std::move(result).ValueUnsafe();
}

}  // namespace lake
