#include "error.h"

#include <arrow/util/io_util.h>

#include <cerrno>
#include <new>

namespace lake {

namespace {

const char *sqlstate_of(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "53100";
	case EACCES:
	case EPERM:
	case EROFS:
		return "42501";
	case ENOENT:
		return "58P01";
	default:
		return "58030";
	}
}

}  // namespace

void check(const arrow::Status &status)
{
	if (status.ok())
		return;
	if (status.IsOutOfMemory())
		throw std::bad_alloc();
	const std::string reason = status.detail() ? ": " + status.detail()->ToString() : "";
	throw StoreError(sqlstate_of(arrow::internal::ErrnoFromStatus(status)), status.message() + reason);
}

}  // namespace lake
