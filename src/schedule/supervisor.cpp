#include "supervisor.h"

#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "settings.h"

extern "C" {
#include "commands/dbcommands.h"
#include "libpq/pqsignal.h"
#include "postmaster/postmaster.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "catalog/pg_authid.h"
#include "utils/acl.h"
}

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace schedule {

namespace {

constexpr Micros second = 1'000'000;
constexpr int patience = 3000;   // ms until SIGKILL

pid_t child;   // 0: none

void wake_on_exit(int)
{
	int kept = errno;
	SetLatch(MyLatch);
	errno = kept;
}

// Between fork and exec: system calls only.
[[noreturn]] void become(char **arguments, pid_t parent)
{
	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			(void) ::signal(signal, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, nullptr);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close_range(3, ~0U, 0);
	execv(arguments[0], arguments);
	_exit(127);
}

std::string value(const std::string &text)
{
	std::string quoted = "'";
	for (char c : text) {
		if (c == '\'' || c == '\\')
			quoted += '\\';
		quoted += c;
	}
	return quoted + "'";
}

// The first directory of unix_socket_directories.
std::string socket_directory()
{
	std::string all = Unix_socket_directories != nullptr ? Unix_socket_directories : "";
	std::string first = all.substr(0, all.find(','));
	size_t from = first.find_first_not_of(" \""), to = first.find_last_not_of(" \"");
	return from == std::string::npos ? "localhost" : first.substr(from, to - from + 1);
}

std::string connection_string(const std::string &database, const std::string &user)
{
	std::string conninfo = settings::lake_conninfo != nullptr ? settings::lake_conninfo : "";
	if (conninfo.empty())
		conninfo = "host=" + value(socket_directory()) + " port=" + std::to_string(PostPortNumber) + " user=" + value(user);
	return conninfo + " dbname=" + value(database);
}

std::string program()
{
	if (settings::lake_command != nullptr && settings::lake_command[0] != '\0')
		return settings::lake_command;
	std::string path = my_exec_path;
	return path.substr(0, path.rfind('/')) + "/trickle-lake";
}

struct Names {
	char *database, *user;
};

Names names()
{
	return {get_database_name(MyDatabaseId), GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false)};
}

std::string exit_text(int status)
{
	if (WIFSIGNALED(status))
		return "was ended by signal " + std::to_string(WTERMSIG(status));
	if (WEXITSTATUS(status) == 127)
		return "could not be started";
	return "exited with code " + std::to_string(WEXITSTATUS(status));
}

void report_start(const char *program, int pid)
{
	ereport(LOG, (errmsg("started %s with PID %d", program, pid)));
}

void report_exit(const char *program, int pid, const char *how, int seconds)
{
	ereport(LOG, (errmsg("%s with PID %d %s", program, pid, how), errdetail("It will be started again in %d s.", seconds),
	              errhint("Its own messages are above; pg_trickle.lake_command names the program.")));
}

// false: still running.
bool wait_for_end(int milliseconds)
{
	for (; milliseconds > 0; milliseconds -= 10) {
		if (waitpid(child, nullptr, WNOHANG) != 0)
			return true;
		pg_usleep(10'000);
	}
	return false;
}

void end_child()
{
	if (child == 0)
		return;
	kill(child, SIGTERM);
	if (!wait_for_end(patience)) {
		kill(child, SIGKILL);
		waitpid(child, nullptr, 0);
	}
	child = 0;
}

void at_exit(int, Datum)
{
	end_child();
}

}  // namespace

void Supervisor::read()
{
	wanted_ = pg::with_spi([] {
		return pg::value("SELECT to_regclass('pgtrickle.lake') IS NOT NULL") == "t" &&
		       pg::value("SELECT 1 FROM pgtrickle.lake LIMIT 1").has_value();
	});
}

void Supervisor::start(Micros now)
{
	static bool prepared;
	if (!prepared) {
		pqsignal(SIGCHLD, wake_on_exit);
		before_shmem_exit(at_exit, Datum(0));
		prepared = true;
	}
	std::string path = program();
	pg::call(StartTransactionCommand);
	Names who = pg::call(names);
	std::string conninfo = connection_string(who.database, who.user);
	pg::call(CommitTransactionCommand);
	std::string option = "--conninfo";
	char *arguments[] = {path.data(), option.data(), conninfo.data(), nullptr};

	pid_t parent = getpid();
	fflush(nullptr);
	pid_t pid = fork();
	if (pid == 0)
		become(arguments, parent);
	started_ = now;
	if (pid < 0) {
		start_at_ = now + std::min(60 * second, backoff(++failures_));
		return;
	}
	child = pid;
	pg::call(report_start, path.c_str(), int(pid));
}

void Supervisor::reap(Micros now)
{
	int status;
	if (child == 0 || waitpid(child, &status, WNOHANG) == 0)
		return;
	const bool was_told = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	failures_ = was_told || now - started_ > 60 * second ? 1 : failures_ + 1;
	Micros wait = std::min(60 * second, backoff(failures_));
	start_at_ = now + wait;
	pg::call(report_exit, program().c_str(), int(child), exit_text(status).c_str(), int(wait / second));
	child = 0;
}

void Supervisor::tend(Micros now)
{
	reap(now);
	if (wanted_ && child == 0 && now >= start_at_)
		start(now);
	else if (!wanted_)
		stop();
}

void Supervisor::stop()
{
	end_child();
}

Micros Supervisor::next(Micros now) const
{
	return wanted_ && child == 0 ? std::max(now, start_at_) : never;
}

}  // namespace schedule
