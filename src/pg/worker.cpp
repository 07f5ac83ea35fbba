#include "worker.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
}

namespace pg {

BackgroundWorker describe_worker(const char *name, const char *type, const char *main, Datum argument)
{
	BackgroundWorker worker{};
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = argument;
	snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s", name);
	snprintf(worker.bgw_type, sizeof worker.bgw_type, "%s", type);
	snprintf(worker.bgw_library_name, sizeof worker.bgw_library_name, "pg_trickle");
	snprintf(worker.bgw_function_name, sizeof worker.bgw_function_name, "%s", main);
	return worker;
}

void begin_worker()
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

static void serve_interrupts()
{
	if (ProcDiePending)
		proc_exit(0);
	QueryCancelPending = false;   // there is no query
	CHECK_FOR_INTERRUPTS();
	if (catchupInterruptPending)
		ProcessCatchupInterrupt();
	if (ConfigReloadPending) {
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

void worker_sleep(long milliseconds, const char *event)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (milliseconds >= 0 ? WL_TIMEOUT : 0);
	serve_interrupts();
	WaitLatch(MyLatch, events, milliseconds, WaitEventExtensionNew(event));
	ResetLatch(MyLatch);
	serve_interrupts();
}

}  // namespace pg
