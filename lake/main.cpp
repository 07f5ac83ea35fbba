// trickle-lake: follows what is published in a database and keeps the lake's tables up to date.
//
// It has no shutdown of its own: being killed at any moment is its normal end, and what it left half done is
// cleared up when it starts.
#include "object_store.h"
#include "serve.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <malloc.h>
#include <thread>

namespace {

constexpr const char *usage =
    "trickle-lake publishes tables of a PostgreSQL database into the lakes that pgtrickle.create_lake made.\n"
    "\n"
    "Usage: trickle-lake [--conninfo CONNINFO] [--lake NAME] [--once]\n"
    "  --conninfo CONNINFO  how to connect, as libpq takes it; default: the PG* environment variables\n"
    "  --lake NAME          serve only this lake; default: all lakes of the database\n"
    "  --once               publish everything once and end: 0 if all was published, 1 if not\n"
    "  --version, --help\n";

constexpr int longest_wait = 10;  // seconds before connecting again

int run(const lake::Settings &settings)
{
	for (int wait = 1;; wait = std::min(wait * 2, longest_wait)) {
		const auto began = std::chrono::steady_clock::now();
		try {
			return lake::serve(settings) ? 0 : 1;
		} catch (const lake::Error &e) {
			fprintf(stderr, "trickle-lake: %s (%s)\n", e.what(), e.sqlstate.c_str());
		} catch (const std::exception &e) {
			fprintf(stderr, "trickle-lake: %s\n", e.what());
		}
		if (settings.once)
			return 1;
		if (std::chrono::steady_clock::now() - began > std::chrono::minutes(1))
			wait = 1;
		std::this_thread::sleep_for(std::chrono::seconds(wait));
	}
}

}  // namespace

int main(int argc, char **argv)
{
	static const option options[] = {{"conninfo", required_argument, nullptr, 'c'}, {"lake", required_argument, nullptr, 'l'},
	                                 {"once", no_argument, nullptr, 'o'},           {"version", no_argument, nullptr, 'v'},
	                                 {"help", no_argument, nullptr, 'h'},           {nullptr, 0, nullptr, 0}};
	lake::Settings settings;
	for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
		switch (option) {
		case 'c':
			settings.conninfo = optarg;
			break;
		case 'l':
			settings.lake = optarg;
			break;
		case 'o':
			settings.once = true;
			break;
		case 'v':
			puts("trickle-lake " PG_TRICKLE_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "trickle-lake: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return 2;
	}
	// Memory of a large batch goes back to the system when it is done; within it a row group takes what the one before had.
	setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 32 << 20);
	setvbuf(stderr, nullptr, _IOLBF, 0);
	const int status = run(settings);
	lake::finish_object_stores();
	return status;
}
