#include "frame.h"

#include "cancel.h"
#include "fill.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "executor/tstoreReceiver.h"
#include "executor/tuptable.h"
#include "commands/vacuum.h"
#include "jit/jit.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace apply {

namespace {

// A refresh has a dozen of them; what is larger goes to a temporary file.
constexpr int most_store_kilobytes = 1024;

constexpr double found_page_cost = 1.1;

// A table is sampled by three hundred times as many rows.
constexpr int enough_statistics = 25;

// Of which the planner knows nothing: so many rows read are one written.
constexpr double reads_of_a_write = 5;

// What plans that are kept are made for.
constexpr int64 few_rows = 2, some_rows = 200;

class Sampled {
public:
	Sampled() : target_(default_statistics_target) { default_statistics_target = Min(target_, enough_statistics); }
	~Sampled() { default_statistics_target = target_; }

private:
	int target_;
};

// Planner settings for the length of one statement.  Few or some rows: find, never
// scan.  All rows: a nested loop is never right, but is what wrong statistics lead to.
// What a change finds lies mostly where writers have just been: in memory, where a page costs the same whichever it is.
// The variables are set directly; nothing watches them.
class PlanFor {
public:
	explicit PlanFor(Rows rows) : seqscan_(enable_seqscan), nestloop_(enable_nestloop), jit_(jit_enabled), page_(random_page_cost)
	{
		enable_seqscan = (rows == Rows::many || rows == Rows::all) && seqscan_;
		enable_nestloop = rows != Rows::all && nestloop_;
		jit_enabled = false;
		if (rows != Rows::all)
			random_page_cost = Min(page_, found_page_cost * seq_page_cost);
	}
	~PlanFor()
	{
		enable_seqscan = seqscan_;
		enable_nestloop = nestloop_;
		jit_enabled = jit_;
		random_page_cost = page_;
	}

private:
	bool seqscan_, nestloop_, jit_;
	double page_;
};

SPIPlanPtr prepare(const char *sql, const Oid *types, int count, bool keep, bool parallel, pg::Opened opened)
{
	SPIPlanPtr plan = pg::prepare_trusted(sql, types, count, (keep ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN) | (parallel ? CURSOR_OPT_PARALLEL_OK : 0),
	                                      opened);
	if (keep)
		SPI_keepplan(plan);
	return plan;
}

double cost_of(SPIPlanPtr plan)
{
	CachedPlan *planned = SPI_plan_get_cached_plan(plan);
	double cost = linitial_node(PlannedStmt, planned->stmt_list)->planTree->total_cost;
	ReleaseCachedPlan(planned, nullptr);
	return cost;
}

// The types a plan yields must be those its ephemeral relation declares.
void check_result(SPIPlanPtr plan, TupleDesc declared, const char *name)
{
	auto *source = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
	TupleDesc yields = source->resultDesc;
	if (yields == nullptr || yields->natts != declared->natts)
		elog(ERROR, "ephemeral relation %s has %d columns, its statement yields %d", name, declared->natts,
		     yields == nullptr ? 0 : yields->natts);
	for (int i = 0; i < declared->natts; i++)
		if (TupleDescAttr(yields, i)->atttypid != TupleDescAttr(declared, i)->atttypid)
			elog(ERROR, "column %d of ephemeral relation %s is of type %s, its statement yields %s", i + 1, name,
			     format_type_be(TupleDescAttr(declared, i)->atttypid), format_type_be(TupleDescAttr(yields, i)->atttypid));
}

struct Run {
	SPIPlanPtr plan;
	const Oid *types;
	const Datum *values;
	const char *nulls;
	int count;
	Tuplestorestate *into;
	bool modifies;
	Snapshot snapshot;
};

uint64 execute(const Run *run)
{
	SPIExecuteOptions options = {};
	ParamListInfo parameters = makeParamList(run->count);
	for (int i = 0; i < run->count; i++) {
		parameters->params[i].value = run->values[i];
		parameters->params[i].isnull = run->nulls != nullptr && run->nulls[i] == 'n';
		parameters->params[i].pflags = PARAM_FLAG_CONST;
		parameters->params[i].ptype = run->types[i];
	}
	options.params = parameters;
	options.read_only = !run->modifies;
	if (run->into != nullptr) {
		options.dest = CreateTuplestoreDestReceiver();
		SetTuplestoreDestReceiverParams(options.dest, run->into, CurrentMemoryContext, false, nullptr, nullptr);
	}
	if (options.read_only) {
		CommandCounterIncrement();
		PushCopiedSnapshot(run->snapshot);
		UpdateActiveSnapshotCommandId();
	}
	int result = SPI_execute_plan_extended(run->plan, &options);
	if (options.read_only)
		PopActiveSnapshot();
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(result));
	if (options.dest != nullptr)
		options.dest->rDestroy(options.dest);
	return SPI_processed;
}

void open_relation(EphemeralNamedRelation *relation, Tuplestorestate **store, TupleDesc description, const char *name)
{
	*store = tuplestore_begin_heap(true, false, Min(work_mem, most_store_kilobytes));
	auto *enr = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
	enr->md.name = pstrdup(name);
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = description;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = few_rows;
	enr->reldata = *store;
	int result = SPI_register_relation(enr);
	if (result != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed: %s", SPI_result_code_string(result));
	*relation = enr;
}

struct Attribute {
	const char *name;
	Oid type, collation;
};

TupleDesc describe(const Attribute *attributes, int count)
{
	TupleDesc description = CreateTemplateTupleDesc(count);
	for (int i = 0; i < count; i++) {
		TupleDescInitEntry(description, i + 1, attributes[i].name, attributes[i].type, -1, 0);
		TupleDescInitEntryCollation(description, i + 1, attributes[i].collation);
	}
	return description;
}

double statistics_rows(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return 0;
	double rows = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return rows;
}

struct Weights {
	bool mark, positive, negative;
};

void look_at_weights(Tuplestorestate *store, TupleDesc description, Weights *out)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
	tuplestore_rescan(store);
	while (!out->mark && tuplestore_gettupleslot(store, true, false, slot)) {
		bool null;
		int64 weight = DatumGetInt64(slot_getattr(slot, description->natts, &null));
		out->mark = weight == 0;
		out->positive = out->positive || weight > 0;
		out->negative = out->negative || weight < 0;
	}
	ExecDropSingleTupleTableSlot(slot);
}

// The least depth above this one.
void least_depth(Tuplestorestate *store, TupleDesc description, int64 above, std::optional<int64> *out)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
	tuplestore_rescan(store);
	while (tuplestore_gettupleslot(store, true, false, slot)) {
		bool null;
		int64 depth = DatumGetInt64(slot_getattr(slot, description->natts - 1, &null));
		if (depth > above && (!*out || depth < **out))
			*out = depth;
	}
	ExecDropSingleTupleTableSlot(slot);
}

// Rows of this depth; all rows if there is none.
void copy_rows(Tuplestorestate *from, TupleDesc description, const std::optional<int64> *depth, Tuplestorestate *to)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
	tuplestore_rescan(from);
	while (tuplestore_gettupleslot(from, true, false, slot)) {
		bool null;
		if (!*depth || DatumGetInt64(slot_getattr(slot, description->natts - 1, &null)) == **depth)
			tuplestore_puttupleslot(to, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
}

// Another store, not tuplestore_clear(): that remembers a read pointer of every scan there was.
void make_empty(EphemeralNamedRelation relation, Tuplestorestate **store)
{
	tuplestore_end(*store);
	*store = tuplestore_begin_heap(true, false, Min(work_mem, most_store_kilobytes));
	relation->reldata = *store;
}

struct Hashes {
	int64 *values;
	int64 count;
};

void take_hashes(Tuplestorestate *store, TupleDesc description, Hashes *out)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
	out->values = static_cast<int64 *>(palloc(sizeof(int64) * (tuplestore_tuple_count(store) + 1)));
	tuplestore_rescan(store);
	while (tuplestore_gettupleslot(store, true, false, slot)) {
		bool null;
		out->values[out->count++] = DatumGetInt64(slot_getattr(slot, 1, &null));
	}
	ExecDropSingleTupleTableSlot(slot);
}

struct Target {
	Oid table;
	AttrNumber *attributes;
	int count;
};

void find_columns(Oid table, const char *const *names, Target *out)
{
	out->table = table;
	out->attributes = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (out->count + 1)));
	for (int i = 0; i < out->count; i++)
		out->attributes[i] = get_attnum(table, names[i]);
}

// Are the plan's values what the columns hold, as they are?
bool yields_columns(SPIPlanPtr plan, const Target *target)
{
	TupleDesc yields = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	if (yields == nullptr || yields->natts != target->count)
		return false;
	for (int i = 0; i < target->count; i++) {
		Oid type, collation;
		int32 typmod;
		if (target->attributes[i] <= 0)
			return false;
		get_atttypetypmodcoll(target->table, target->attributes[i], &type, &typmod, &collation);
		if (TupleDescAttr(yields, i)->atttypid != type || (typmod != -1 && TupleDescAttr(yields, i)->atttypmod != typmod))
			return false;
	}
	return true;
}

uint64 fill_table(SPIPlanPtr plan, const Target *target, Snapshot snapshot)
{
	SPIExecuteOptions options = {};
	options.read_only = true;
	options.dest = filling(target->table, target->attributes, target->count);
	CommandCounterIncrement();
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	int result = SPI_execute_plan_extended(plan, &options);
	PopActiveSnapshot();
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(result));
	options.dest->rDestroy(options.dest);
	CommandCounterIncrement();
	return SPI_processed;
}

uint64 execute_once(SPIPlanPtr plan, Snapshot snapshot)
{
	int result = SPI_execute_snapshot(plan, nullptr, nullptr, snapshot, InvalidSnapshot, false, true, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

// Found for somebody who may not use the schema any more.
Oid oid_of(const std::string &table)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	return std::stoul(*pg::value("SELECT $1::regclass::oid", {table}));
}

}  // namespace

double rows_of(Oid relid)
{
	return pg::call(statistics_rows, relid);
}

double rows_held(const std::vector<Oid> &tables)
{
	double held = 0;
	for (Oid table : tables)
		held += std::max(rows_of(table), 0.0);
	return held;
}

void analyze(const std::string &table, Columns of)
{
	std::vector<std::string> columns;
	for (const auto &row : pg::query("SELECT DISTINCT quote_ident(a.attname) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid "
	                                 "AND a.attnum = ANY (i.indkey) AND a.attnum > 0 WHERE i.indrelid = $1::regclass",
	                                 {table}))
		columns.push_back(*row[0]);
	// Those of an expression are made with all columns' alone.
	bool computed = pg::value("SELECT 1 FROM pg_catalog.pg_index WHERE indrelid = $1::regclass AND indexprs IS NOT NULL LIMIT 1", {table}).has_value();
	Sampled few;
	pg::execute("ANALYZE " + table + (of == Columns::all || computed || columns.empty() ? "" : " (" + pg::join(columns, ", ") + ")"));
}

bool much_of(const std::vector<Oid> &bases, int64 rows)
{
	return !bases.empty() && std::all_of(bases.begin(), bases.end(),
	                                     [&](Oid base) { return rows * 50 > rows_of(base); });
}

Prepared &Prepared::operator=(Prepared &&other) noexcept
{
	std::swap(statement, other.statement);
	std::swap(parameters, other.parameters);
	std::swap(few, other.few);
	std::swap(some, other.some);
	return *this;
}

Prepared::~Prepared()
{
	for (SPIPlanPtr plan : {few, some})
		if (plan != nullptr)
			SPI_freeplan(plan);   // drops the plan's memory; cannot fail for a saved plan
}

double planned_cost(const Prepared &prepared, pg::Opened opened)
{
	PlanFor settings(Rows::many);
	SPIPlanPtr plan = pg::call(prepare, prepared.statement.sql.c_str(), static_cast<const Oid *>(prepared.parameters.data()), int(prepared.parameters.size()), false, true, opened);
	double cost = pg::call(cost_of, plan);
	pg::call(SPI_freeplan, plan);
	return cost;
}

Frame::Open &Frame::open(const std::string &name)
{
	auto found = open_.find(name);
	if (found != open_.end())
		return found->second;
	Open opened;
	std::vector<Attribute> attributes;
	for (const auto &column : ephemerals_.at(name).columns)
		attributes.push_back({column.name.c_str(), column.type, column.collation});
	opened.description =
	    pg::call(describe, static_cast<const Attribute *>(attributes.data()), int(attributes.size()));
	pg::call(open_relation, &opened.relation, &opened.store, opened.description, name.c_str());
	return open_.emplace(name, opened).first->second;
}

int64 Frame::rows(const std::string &name) const
{
	auto found = open_.find(name);
	return found == open_.end() ? 0 : pg::call(tuplestore_tuple_count, found->second.store);
}

uint64 Frame::run(Prepared &prepared, const std::vector<Datum> &parameters, const char *nulls)
{
	const delta::Statement &statement = prepared.statement;
	int64 input = 0;
	for (const auto &name : statement.reads)
		input += pg::call(tuplestore_tuple_count, open(name).store);
	bool bulk = statement.scans || input > most_small_rows;
	Rows size = bulk ? Rows::many : input > most_few_rows ? Rows::some : Rows::few;
	SPIPlanPtr &kept = size == Rows::some ? prepared.some : prepared.few;
	bulk_ = bulk_ || bulk;
	for (const auto &name : statement.reads)
		open(name).relation->md.enrtuples = bulk ? std::max<int64>(rows(name), 1) : size == Rows::some ? some_rows : few_rows;

	PlanFor settings(size);
	SPIPlanPtr plan = bulk ? nullptr : kept;
	int count = prepared.parameters.size();
	const std::string &sql = bulk && much_of(statement.bases, input) ? statement.bulk : statement.sql;
	if (plan == nullptr) {
		bool alone = bulk && statement.reads.empty() && !statement.modifies;    // a worker has no ephemeral relations
		plan = pg::call(prepare, sql.c_str(), static_cast<const Oid *>(prepared.parameters.data()), count, !bulk, alone, opened_);
		if (!bulk)
			kept = plan;
		if (!statement.into.empty())
			pg::call(check_result, plan, open(statement.into).description, statement.into.c_str());
	}
	Run run{plan, prepared.parameters.data(), parameters.data(), nulls, count,
	        statement.into.empty() ? nullptr : open(statement.into).store, statement.modifies, snapshot_};
	uint64 processed = pg::call(execute, static_cast<const Run *>(&run));
	if (bulk)
		pg::call(SPI_freeplan, plan);
	return processed;
}

uint64 Frame::run_once(const std::string &sql, Rows rows)
{
	PlanFor settings(rows);
	SPIPlanPtr plan = pg::call(prepare, sql.c_str(), static_cast<const Oid *>(nullptr), 0, false, false, opened_);
	filled_.planned += pg::call(cost_of, plan);
	const auto start = Clock::now();
	uint64 processed = pg::call(execute_once, plan, snapshot_);
	filled_.milliseconds += milliseconds_since(start);
	pg::call(SPI_freeplan, plan);
	return processed;
}

uint64 Frame::fill(const std::string &table, const std::vector<std::string> &columns, const std::string &select, Rows rows)
{
	std::vector<const char *> names;
	std::vector<std::string> quoted;
	for (const std::string &column : columns) {
		names.push_back(column.c_str());
		quoted.push_back(pg::quote_ident(column));
	}
	Oid relid = oid_of(table);
	Target target{relid, nullptr, int(columns.size())};
	pg::call(find_columns, relid, static_cast<const char *const *>(names.data()), &target);
	PlanFor settings(rows);
	SPIPlanPtr plan = pg::call(prepare, select.c_str(), static_cast<const Oid *>(nullptr), 0, false, true, opened_);
	bool pages = pg::call(takes_pages, relid) && pg::call(yields_columns, plan, static_cast<const Target *>(&target));
	uint64 filled = 0;
	if (pages) {
		filled_.planned += pg::call(cost_of, plan);
		const auto start = Clock::now();
		filled = pg::call(fill_table, plan, static_cast<const Target *>(&target), snapshot_);
		filled_.milliseconds += milliseconds_since(start);
	}
	pg::call(SPI_freeplan, plan);
	if (!pages)
		filled = run_once("INSERT INTO " + table + (quoted.empty() ? "" : " (" + pg::join(quoted, ", ") + ")") + " " + select, rows);
	filled_.planned += filled * reads_of_a_write * cpu_tuple_cost;
	return filled;
}

Changes Frame::read_batch(Prepared &batch, Prepared &consolidate, const std::vector<Datum> &parameters, const char *nulls)
{
	run(batch, parameters, nulls);
	Open &raw = open(batch.statement.into);
	if (pg::call(tuplestore_tuple_count, raw.store) == 0)
		return Changes::none;
	Weights weights{};
	pg::call(look_at_weights, raw.store, raw.description, &weights);
	if (weights.mark)
		return Changes::everything;
	Open &target = open(consolidate.statement.into);
	if (weights.positive && weights.negative && !consolidate.statement.sql.empty()) {
		if (!pg::call(cancel, raw.store, raw.description, target.store))
			run(consolidate, {});
		return Changes::some;
	}
	std::swap(raw.store, target.store);
	std::swap(raw.relation->reldata, target.relation->reldata);
	return weights.negative ? Changes::some : Changes::inserts;
}

std::optional<int64> Frame::take(const std::string &pending, std::optional<int64> depth, int64 above, const std::string &into)
{
	empty(into);
	if (rows(pending) == 0)
		return depth;
	Open &from = open(pending), &to = open(into);
	if (!depth)
		pg::call(least_depth, from.store, from.description, above, &depth);
	if (depth)
		pg::call(copy_rows, from.store, from.description, static_cast<const std::optional<int64> *>(&depth), to.store);
	return depth;
}

void Frame::empty(const std::string &name)
{
	Open &one = open(name);
	if (rows(name) > 0)
		pg::call(make_empty, one.relation, &one.store);
}

void Frame::swap(const std::string &a, const std::string &b)
{
	Open &one = open(a), &other = open(b);
	std::swap(one.store, other.store);
	std::swap(one.relation->reldata, other.relation->reldata);
}

void Frame::append(const std::string &from, const std::string &to)
{
	static const std::optional<int64> all;
	Open &source = open(from), &target = open(to);
	pg::call(copy_rows, source.store, source.description, &all, target.store);
}

std::vector<int64> Frame::take(const std::string &name)
{
	Open &from = open(name);
	Hashes hashes{};
	pg::call(take_hashes, from.store, from.description, &hashes);
	empty(name);
	return {hashes.values, hashes.values + hashes.count};
}

void Frame::close()
{
	for (auto &[name, relation] : open_)
		pg::call(tuplestore_end, relation.store);
	open_.clear();
}

}  // namespace apply
