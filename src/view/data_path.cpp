// A lake's directory must be writable before anything is published into it: found out here, in the
// caller's own statement, rather than by trickle-lake some seconds later.  The directory of schema main, which is made
// with it, would otherwise belong to whoever writes the first table, and be closed to the server's user.
#include "pg/error.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace view {

namespace {

int sqlstate_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
	case EROFS:
		return ERRCODE_INSUFFICIENT_PRIVILEGE;
	case ENOSPC:
	case EDQUOT:
		return ERRCODE_DISK_FULL;
	case ENOENT:
	case ENOTDIR:
		return ERRCODE_UNDEFINED_FILE;
	default:
		return ERRCODE_IO_ERROR;
	}
}

[[noreturn]] void refuse(const std::string &path, const std::string &what, int error)
{
	const passwd *user = getpwuid(geteuid());
	pg::fail(sqlstate_of(error), "cannot write to data path \"" + path + "\": " + strerror(error),
	         what + " failed with errno " + std::to_string(error) + ".",
	         std::string("Make the directory and give it to user ") + (user ? user->pw_name : "of the server") +
	             ", name another one, or give {\"check_path\": false} if trickle-lake runs on another machine.");
}

void make_directories(const std::string &path)
{
	for (size_t end = 1; end != std::string::npos;) {
		end = path.find('/', end + 1);
		const std::string directory = path.substr(0, end);
		if (access(directory.c_str(), F_OK) != 0 && mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
			refuse(path, "Making directory \"" + directory + "\"", errno);
	}
}

// The file's content is one block, so that a full disk says so.
void try_writing(const std::string &path)
{
	const std::string file = path + "/.pg_trickle_" + std::to_string(getpid());
	const std::string block(8192, '\0');
	const int descriptor = open(file.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	if (descriptor < 0)
		refuse(path, "Making file \"" + file + "\"", errno);
	const ssize_t written = write(descriptor, block.data(), block.size());
	const int error = written < 0 ? errno : ENOSPC;
	close(descriptor);
	unlink(file.c_str());
	if (written != static_cast<ssize_t>(block.size()))
		refuse(path, "Writing file \"" + file + "\"", error);
}

}  // namespace

void check_data_path(std::string path)
{
	while (path.size() > 1 && path.back() == '/')
		path.pop_back();
	for (const std::string &directory : {path, path + "/main"}) {
		make_directories(directory);
		try_writing(directory);
	}
}

}  // namespace view

PGT_FUNCTION(check_data_path)
{
	view::check_data_path(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
