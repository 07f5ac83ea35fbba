#pragma once
// One refresh at work: the ephemeral relations it fills and the statements it runs.
//
// Every statement reads under the one snapshot of the tick; those that modify
// state also see what the tick wrote before them.  A frame lives inside one SPI
// connection: what it registers ends with SPI_finish or with the abort.
#include "delta/program.h"
#include "pg/error.hpp"
#include "pg/trust.hpp"

extern "C" {
#include "access/tupdesc.h"
#include "utils/queryenvironment.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"
}

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace apply {

// A statement with the plans kept for few and for some rows.
struct Prepared {
	delta::Statement statement;
	std::vector<Oid> parameters;
	SPIPlanPtr few = nullptr, some = nullptr;

	Prepared() = default;
	Prepared(delta::Statement s, std::vector<Oid> p) : statement(std::move(s)), parameters(std::move(p)) {}
	Prepared(const Prepared &) = delete;
	Prepared &operator=(const Prepared &) = delete;
	Prepared(Prepared &&other) noexcept { *this = std::move(other); }
	Prepared &operator=(Prepared &&other) noexcept;
	~Prepared();
};

// How much a statement reads: it is planned for that.  few: a nested loop of changes with changes is nothing yet; some: it
// would be what most of the time goes to; many: planned each time, for the numbers it has; all: whole tables.
enum class Rows { few, some, many, all };

// What a batch says: everything is the mark of a TRUNCATE.
enum class Changes { none, inserts, some, everything };

// Rows of a table as the statistics have it; negative or 0 if they do not know.
double rows_of(Oid relid);
// Of all of them, as far as it is known.
double rows_held(const std::vector<Oid> &tables);

// Statistics from a small sample, enough to choose between finding and scanning: of all columns, or of what indexes find.
enum class Columns { all, indexed };
void analyze(const std::string &table, Columns columns);

// True if this many changed rows are enough to read the tables as a whole: a fiftieth of each.
bool much_of(const std::vector<Oid> &bases, int64 rows);

// What a statement that scans costs by its plan, in the planner's unit.  REQUIRES: inside with_spi().
double planned_cost(const Prepared &prepared, pg::Opened opened);

using Clock = std::chrono::steady_clock;

inline double milliseconds_since(Clock::time_point start)
{
	return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Frame {
public:
	// REQUIRES: inside with_spi(); snapshot outlives the frame.
	// as_extension: its statements are run for somebody who may not read all that they do (pg/trust.hpp).
	Frame(const std::map<std::string, delta::Ephemeral> &ephemerals, Snapshot snapshot, pg::Opened opened = pg::Opened::as_user)
	    : ephemerals_(ephemerals), snapshot_(snapshot), opened_(opened)
	{
	}

	// Rows appended to an ephemeral relation so far.
	int64 rows(const std::string &name) const;
	// Runs a statement; returns rows modified or appended.
	uint64 run(Prepared &prepared, const std::vector<Datum> &parameters, const char *nulls = nullptr);
	// Runs text once under the snapshot.
	uint64 run_once(const std::string &sql, Rows rows = Rows::many);
	// Rows of a SELECT into these columns of a table; returns how many.  In pages and in parallel, where nothing has to see them one by one.
	uint64 fill(const std::string &table, const std::vector<std::string> &columns, const std::string &select, Rows rows);
	// Reads a batch.  One that only inserts, or only deletes, is handed on as it is; otherwise rows that
	// cancel are summed away, by their bytes or else by the second statement.
	Changes read_batch(Prepared &batch, Prepared &consolidate, const std::vector<Datum> &parameters, const char *nulls);
	// A loop's relations: see delta::Loop.  Takes what is pending at this depth, or at the least one above; that depth.
	std::optional<int64> take(const std::string &pending, std::optional<int64> depth, int64 above, const std::string &into);
	void empty(const std::string &name);
	void swap(const std::string &a, const std::string &b);
	void append(const std::string &from, const std::string &to);
	// The one int8 column of an ephemeral relation, which is then empty.
	std::vector<int64> take(const std::string &name);
	// From here on reads are under this snapshot.
	void see(Snapshot snapshot) { snapshot_ = snapshot; }
	// Until a statement was planned for bulk it is "small".
	bool went_bulk() const { return bulk_; }
	// What the statements of fill() and run_once() have cost: by plan, and for the rows that were filled in, in the planner's unit; and in fact.
	struct Cost {
		double planned = 0, milliseconds = 0;
	};
	const Cost &filled() const { return filled_; }
	// Ends the tuplestores; call on success only, an abort does it otherwise.
	void close();

private:
	struct Open {
		EphemeralNamedRelation relation = nullptr;
		Tuplestorestate *store = nullptr;
		TupleDesc description = nullptr;
	};
	Open &open(const std::string &name);

	const std::map<std::string, delta::Ephemeral> &ephemerals_;
	Snapshot snapshot_;
	pg::Opened opened_;
	std::map<std::string, Open> open_;
	bool bulk_ = false;
	Cost filled_;
};

// More input rows than these and a statement is planned for some, or for the rows there are.
inline constexpr int64 most_few_rows = 50, most_small_rows = 1000;

}  // namespace apply
