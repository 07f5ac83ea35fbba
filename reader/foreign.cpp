// A lake table as a foreign table: what the planner and the executor ask of it.
//
// The plan knows which columns are needed and which conditions can prune; both are bound to the lake's table when
// the scan begins, under the snapshot of the query.  Conditions are pruning only: the executor checks every row again.
#include "columns.h"
#include "scan.h"

extern "C" {
#include "access/table.h"
#include "access/stratnum.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/pg_locale.h"
#include "utils/rel.h"
#include "utils/typcache.h"
}

#include <cmath>

namespace reader {

namespace {

// --- What a condition can prune ---------------------------------------------------------------------

bool has_useful_bounds(Oid type)
{
	switch (type) {
	case BOOLOID:
	case INT2OID:
	case INT4OID:
	case INT8OID:
	case NUMERICOID:
	case FLOAT4OID:
	case FLOAT8OID:
	case TEXTOID:
	case VARCHAROID:
	case UUIDOID:
	case DATEOID:
	case TIMEOID:
	case TIMESTAMPOID:
	case TIMESTAMPTZOID: return true;
	default: return false;
	}
}

const Var *column_in(Node *node, Index relation)
{
	if (IsA(node, RelabelType))
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	auto *var = reinterpret_cast<Var *>(node);
	return IsA(node, Var) && var->varno == static_cast<int>(relation) && var->varlevelsup == 0 && var->varattno > 0 && has_useful_bounds(var->vartype) ? var : nullptr;
}

bool is_value(Node *node)
{
	return !contain_var_clause(node) && !contain_volatile_functions(node) && !contain_subplans(node);
}

bool is_in_byte_order(Oid type, Oid collation, int strategy)
{
	if (type != TEXTOID && type != VARCHAROID)
		return true;
	if (!OidIsValid(collation))
		return false;
	return strategy == BTEqualStrategyNumber ? get_collation_isdeterministic(collation) : pg_newlocale_from_collation(collation)->collate_is_c;
}

List *comparison(const Var *column, Oid op, Oid collation, TestKind kind)
{
	const Oid family = lookup_type_cache(column->vartype == VARCHAROID ? TEXTOID : column->vartype, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	if (!OidIsValid(family) || !op_in_opfamily(op, family))
		return NIL;
	int strategy;
	Oid left, right;
	get_op_opfamily_properties(op, family, false, &strategy, &left, &right);
	if (!is_in_byte_order(column->vartype, collation, strategy) || (kind == TestKind::any && strategy != BTEqualStrategyNumber))
		return NIL;
	const Oid function = get_opfamily_proc(family, left, right, 1);
	if (!OidIsValid(function))
		return NIL;
	List *test = list_make4_int(static_cast<int>(kind), column->varattno, strategy, static_cast<int>(function));
	return lappend_int(test, static_cast<int>(right));
}

// A list of five integers, a TestPlan, and the value; NIL: no test.
List *test_of(Node *clause, Index relation, Node **value)
{
	*value = nullptr;
	if (IsA(clause, OpExpr) && list_length(reinterpret_cast<OpExpr *>(clause)->args) == 2) {
		auto *op = reinterpret_cast<OpExpr *>(clause);
		auto *left = static_cast<Node *>(linitial(op->args)), *right = static_cast<Node *>(lsecond(op->args));
		Oid opno = op->opno;
		const Var *column = column_in(left, relation);
		if (column == nullptr) {
			std::swap(left, right);
			column = column_in(left, relation);
			opno = column != nullptr ? get_commutator(opno) : InvalidOid;
		}
		if (column == nullptr || !OidIsValid(opno) || !is_value(right))
			return NIL;
		*value = right;
		return comparison(column, opno, op->inputcollid, TestKind::compare);
	}
	if (IsA(clause, ScalarArrayOpExpr) && reinterpret_cast<ScalarArrayOpExpr *>(clause)->useOr) {
		auto *op = reinterpret_cast<ScalarArrayOpExpr *>(clause);
		const Var *column = column_in(static_cast<Node *>(linitial(op->args)), relation);
		*value = static_cast<Node *>(lsecond(op->args));
		return column != nullptr && is_value(*value) ? comparison(column, op->opno, op->inputcollid, TestKind::any) : NIL;
	}
	if (IsA(clause, NullTest) && !reinterpret_cast<NullTest *>(clause)->argisrow) {
		auto *test = reinterpret_cast<NullTest *>(clause);
		const Var *column = column_in(reinterpret_cast<Node *>(test->arg), relation);
		if (column == nullptr)
			return NIL;
		*value = reinterpret_cast<Node *>(makeNullConst(INT4OID, -1, InvalidOid));
		const auto kind = test->nulltesttype == IS_NULL ? TestKind::is_null : TestKind::is_not_null;
		return lappend_int(list_make4_int(static_cast<int>(kind), column->varattno, 0, 0), 0);
	}
	return NIL;
}

bool has_exec_param(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (IsA(node, Param) && reinterpret_cast<Param *>(node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, has_exec_param, context);
}

// --- The planner --------------------------------------------------------------------------------------

void estimate(Oid relid, TableSize *size)
{
	const Foreign foreign = read_foreign_table(relid);
	const Lake lake = read_lake_of_server(foreign.server);
	*size = read_size(lake, read_table(lake, foreign.reference));
}

void get_size(PlannerInfo *root, RelOptInfo *relation, Oid relid)
{
	auto *size = static_cast<TableSize *>(palloc0(sizeof(TableSize)));
	const bool pushed = !ActiveSnapshotSet();
	if (pushed)
		PushActiveSnapshot(GetTransactionSnapshot());
	pg::entry(estimate, relid, size);
	if (pushed)
		PopActiveSnapshot();
	relation->tuples = Max(size->rows, 1);
	relation->pages = static_cast<BlockNumber>(Min(ceil(size->bytes / BLCKSZ), MaxBlockNumber - 1.0));
	relation->fdw_private = size;
	set_baserel_size_estimates(root, relation);
}

Bitmapset *columns_of(RelOptInfo *relation, List *clauses)
{
	Bitmapset *columns = nullptr;
	pull_varattnos(reinterpret_cast<Node *>(relation->reltarget->exprs), relation->relid, &columns);
	for (int i = 0; i < list_length(clauses); i++)
		pull_varattnos(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, list_nth_cell(clauses, i))->clause), relation->relid, &columns);
	return columns;
}

void get_paths(PlannerInfo *root, RelOptInfo *relation, Oid)
{
	const auto *size = static_cast<TableSize *>(relation->fdw_private);
	const int all = relation->max_attr > 0 ? relation->max_attr : 1;
	const double share = Min(1.0, (bms_num_members(columns_of(relation, relation->baserestrictinfo)) + 0.5) / all);
	const Cost startup = size->files * random_page_cost + relation->baserestrictcost.startup;
	const Cost run = size->bytes / BLCKSZ * share * seq_page_cost + relation->tuples * (2 * cpu_tuple_cost + relation->baserestrictcost.per_tuple);
	add_path(relation, reinterpret_cast<Path *>(create_foreignscan_path(root, relation, nullptr, relation->rows, 0, startup, startup + run, NIL, relation->lateral_relids,
	                                                                     nullptr, NIL, NIL)));
}

// Private to the plan: attribute numbers that are read, tests, whether they wait for parameters of the executor.
ForeignScan *get_plan(PlannerInfo *, RelOptInfo *relation, Oid, ForeignPath *, List *targets, List *clauses, Plan *outer)
{
	List *tests = NIL, *values = NIL;
	for (int i = 0; i < list_length(clauses); i++) {
		Node *value;
		List *test = test_of(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, list_nth_cell(clauses, i))->clause), relation->relid, &value);
		if (test == NIL)
			continue;
		tests = lappend(tests, test);
		values = lappend(values, value);
	}
	List *attributes = NIL;
	Bitmapset *columns = columns_of(relation, clauses);
	for (int member = -1; (member = bms_next_member(columns, member)) >= 0;)
		attributes = lappend_int(attributes, member + FirstLowInvalidHeapAttributeNumber);
	List *waits = list_make1_int(has_exec_param(reinterpret_cast<Node *>(values), nullptr));
	return make_foreignscan(targets, extract_actual_clauses(clauses, false), relation->relid, values, list_make3(attributes, tests, waits), NIL, NIL, outer);
}

// --- The executor -------------------------------------------------------------------------------------

// Lives in the query's memory context and is destroyed with it, also when an error jumps over us.
struct Execution {
	std::unique_ptr<Scan> scan;
	List *values = NIL;  // expression states, by test
	std::vector<Test> tests;
	bool waits = false, tested = false;
	MemoryContextCallback callback{};
};

void destroy(void *execution)
{
	delete static_cast<Execution *>(execution);
}

Execution *make_execution(MemoryContext context)
{
	auto *execution = new Execution;
	execution->callback.func = destroy;
	execution->callback.arg = execution;
	MemoryContextRegisterResetCallback(context, &execution->callback);
	return execution;
}

std::vector<int> attributes_of(const List *numbers, TupleDesc row)
{
	std::set<int> places;
	for (int i = 0; i < list_length(numbers); i++) {
		const int number = list_nth_int(numbers, i);
		if (number > 0)
			places.insert(number - 1);
		for (int all = 0; number == 0 && all < row->natts; all++)  // the whole row
			places.insert(all);
	}
	std::erase_if(places, [&](int place) { return TupleDescAttr(row, place)->attisdropped || TupleDescAttr(row, place)->attgenerated != '\0'; });
	return {places.begin(), places.end()};
}

std::vector<Test> tests_of(const List *plans, const std::vector<Wanted> &wanted)
{
	std::vector<Test> tests;
	for (int i = 0; i < list_length(plans); i++) {
		const auto *plan = static_cast<const List *>(list_nth(plans, i));
		Test test{{static_cast<TestKind>(list_nth_int(plan, 0)), -1, list_nth_int(plan, 2), static_cast<Oid>(list_nth_int(plan, 3)), static_cast<Oid>(list_nth_int(plan, 4))}};
		for (size_t place = 0; place < wanted.size(); place++)
			if (wanted[place].target == list_nth_int(plan, 1) - 1)
				test.plan.attno = static_cast<int>(place);
		test.usable = test.plan.attno >= 0 && !wanted[test.plan.attno].through_text && wanted[test.plan.attno].column_id >= 0;
		if (test.usable && OidIsValid(test.plan.comparison))
			pg::call(fmgr_info, test.plan.comparison, &test.comparison);
		tests.push_back(std::move(test));
	}
	return tests;
}

void begin_body(ForeignScanState *node)
{
	auto *plan = reinterpret_cast<ForeignScan *>(node->ss.ps.plan);
	const Relation relation = node->ss.ss_currentRelation;
	const TupleDesc row = RelationGetDescr(relation);
	Execution *execution = make_execution(node->ss.ps.state->es_query_cxt);
	node->fdw_state = execution;
	const Foreign foreign = read_foreign_table(RelationGetRelid(relation));
	Lake lake = read_lake_of_server(foreign.server);
	Table table = read_table(lake, foreign.reference);
	std::vector<Wanted> wanted = bind_columns(RelationGetRelid(relation), row, lake, table, attributes_of(static_cast<List *>(linitial(plan->fdw_private)), row));
	execution->tests = tests_of(static_cast<List *>(lsecond(plan->fdw_private)), wanted);
	execution->values = pg::call(ExecInitExprList, plan->fdw_exprs, &node->ss.ps);
	execution->waits = linitial_int(static_cast<List *>(lthird(plan->fdw_private))) != 0;
	execution->scan = std::make_unique<Scan>(std::move(lake), std::move(table), std::move(wanted));
}

// A value as a copy in the query's memory; an array's elements by themselves.
struct Evaluated {
	bool is_null;
	Datum value;
	Datum *elements;
	bool *nulls;
	int count;
};

Evaluated evaluate(ForeignScanState *node, ExprState *state, Oid type, bool is_array)
{
	Evaluated result{};
	bool is_null;
	const Datum value = ExecEvalExprSwitchContext(state, node->ss.ps.ps_ExprContext, &is_null);
	result.is_null = is_null;
	if (is_null || !OidIsValid(type))
		return result;
	const MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	int16 length;
	bool by_value;
	char align;
	get_typlenbyvalalign(type, &length, &by_value, &align);
	if (is_array)
		deconstruct_array(DatumGetArrayTypePCopy(value), type, length, by_value, align, &result.elements, &result.nulls, &result.count);
	else
		result.value = datumCopy(value, by_value, length);
	MemoryContextSwitchTo(before);
	return result;
}

void evaluate_tests(ForeignScanState *node, Execution &execution)
{
	if (execution.tested)
		return;
	execution.tested = true;
	std::vector<Test> &tests = execution.scan->tests;
	tests.clear();
	for (size_t i = 0; i < execution.tests.size(); i++) {
		Test test = execution.tests[i];
		if (!test.usable)
			continue;
		const Evaluated value = pg::call(evaluate, node, static_cast<ExprState *>(list_nth(execution.values, static_cast<int>(i))), test.plan.value_type, test.plan.kind == TestKind::any);
		test.has_value = !value.is_null;
		test.value = value.value;
		for (int element = 0; element < value.count; element++)
			if (!value.nulls[element])
				test.elements.push_back(value.elements[element]);
		tests.push_back(std::move(test));
	}
}

bool advance_body(ForeignScanState *node)
{
	auto &execution = *static_cast<Execution *>(node->fdw_state);
	const MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	evaluate_tests(node, execution);
	const bool more = execution.scan->advance();
	MemoryContextSwitchTo(before);
	return more;
}

bool advance(ForeignScanState *node)
{
	PushActiveSnapshot(node->ss.ps.state->es_snapshot);
	const bool more = pg::entry(advance_body, node);
	PopActiveSnapshot();
	return more;
}

void begin(ForeignScanState *node, int)
{
	const MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	PushActiveSnapshot(node->ss.ps.state->es_snapshot);
	pg::entry(begin_body, node);
	PopActiveSnapshot();
	MemoryContextSwitchTo(before);
}

TupleTableSlot *iterate(ForeignScanState *node)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	Scan &scan = *static_cast<Execution *>(node->fdw_state)->scan;
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	while (!scan.fill(slot->tts_values, slot->tts_isnull))
		if (!advance(node))
			return slot;
	return ExecStoreVirtualTuple(slot);
}

void rescan(ForeignScanState *node)
{
	auto &execution = *static_cast<Execution *>(node->fdw_state);
	const bool list_again = execution.waits && node->ss.ps.chgParam != nullptr;
	execution.tested = execution.tested && !list_again;
	execution.scan->restart(list_again);
}

void end(ForeignScanState *node)
{
	if (auto *execution = static_cast<Execution *>(node->fdw_state); execution != nullptr)
		execution->scan.reset();  // files are closed now; the rest goes with the memory
}

void list_body(ForeignScanState *node)
{
	auto &execution = *static_cast<Execution *>(node->fdw_state);
	const MemoryContext before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	evaluate_tests(node, execution);
	execution.scan->list();
	MemoryContextSwitchTo(before);
}

void explain(ForeignScanState *node, ExplainState *es)
{
	auto &execution = *static_cast<Execution *>(node->fdw_state);
	if (!es->analyze && !execution.waits) {
		PushActiveSnapshot(node->ss.ps.state->es_snapshot);
		pg::entry(list_body, node);
		PopActiveSnapshot();
	}
	const Counts &counts = execution.scan->counts();
	ExplainPropertyInteger("Lake Snapshot", nullptr, execution.scan->table().version, es);
	if (!es->analyze && execution.waits)
		return;
	ExplainPropertyInteger("Files", nullptr, counts.files, es);
	ExplainPropertyInteger("Files Pruned", nullptr, counts.files_pruned, es);
	if (!es->analyze)
		return;
	ExplainPropertyInteger("Row Groups", nullptr, counts.groups, es);
	ExplainPropertyInteger("Row Groups Pruned", nullptr, counts.groups_pruned, es);
	ExplainPropertyInteger("Rows Deleted", nullptr, counts.rows_deleted, es);
	ExplainPropertyInteger("Read", "bytes", counts.bytes + counts.bytes_deletes, es);
}

// --- IMPORT FOREIGN SCHEMA ----------------------------------------------------------------------------

List *append_command(List *commands, const char *ddl)
{
	return lappend(commands, pstrdup(ddl));
}

bool is_imported(const ImportForeignSchemaStmt *statement, const std::string &name)
{
	bool listed = false;
	for (int i = 0; i < list_length(statement->table_list); i++)
		listed |= name == static_cast<RangeVar *>(list_nth(statement->table_list, i))->relname;
	switch (statement->list_type) {
	case FDW_IMPORT_SCHEMA_LIMIT_TO: return listed;
	case FDW_IMPORT_SCHEMA_EXCEPT: return !listed;
	default: return true;
	}
}

List *import_body(ImportForeignSchemaStmt *statement, Oid server_id)
{
	const Lake lake = read_lake_of_server(server_id);
	Reference reference;
	reference.schema = statement->remote_schema;
	for (int i = 0; i < list_length(statement->options); i++) {
		auto *option = static_cast<DefElem *>(list_nth(statement->options, i));
		const std::string name = option->defname, value = pg::call(defGetString, option);
		if (name == "version" && !value.empty() && value.find_first_not_of("0123456789") == std::string::npos && value.size() < 19)
			reference.version = std::stoll(value);
		else if (name == "at")
			reference.at = value;
		else
			pg::fail(ERRCODE_FDW_INVALID_OPTION_NAME, "unknown option \"" + name + "\" with value \"" + value + "\"", {}, "Accepted: version (a number) or at (a time).");
	}
	List *commands = NIL;
	for (const std::string &table : read_table_names(lake, reference.schema, reference)) {
		if (!is_imported(statement, table))
			continue;
		reference.table = table;
		commands = pg::call(append_command, commands,
		                    foreign_table_ddl(lake, statement->server_name, pg::quote_ident(statement->local_schema) + "." + pg::quote_ident(table), reference).c_str());
	}
	return commands;
}

List *import_schema(ImportForeignSchemaStmt *statement, Oid server_id)
{
	return pg::entry(import_body, statement, server_id);
}

}  // namespace

}  // namespace reader

PGT_FUNCTION(lake_table_handler)
{
	auto *routine = reinterpret_cast<FdwRoutine *>(pg::call(+[] { return static_cast<void *>(makeNode(FdwRoutine)); }));
	routine->GetForeignRelSize = reader::get_size;
	routine->GetForeignPaths = reader::get_paths;
	routine->GetForeignPlan = reader::get_plan;
	routine->BeginForeignScan = reader::begin;
	routine->IterateForeignScan = reader::iterate;
	routine->ReScanForeignScan = reader::rescan;
	routine->EndForeignScan = reader::end;
	routine->ExplainForeignScan = reader::explain;
	routine->ImportForeignSchema = reader::import_schema;
	PG_RETURN_POINTER(routine);
}

// _lake_table_ddl(server, local name, quoted; schema, table, version, at)
PGT_FUNCTION(lake_table_ddl)
{
	auto text_argument = [&](int i) { return std::string(pg::call(text_to_cstring, static_cast<const text *>(pg::call(pg_detoast_datum_packed, reinterpret_cast<varlena *>(PG_GETARG_DATUM(i)))))); };
	const std::string server_name = text_argument(0);
	const ForeignServer *server = pg::call(GetForeignServerByName, server_name.c_str(), false);
	if (pg::call(object_aclcheck, Oid{ForeignServerRelationId}, server->serverid, GetUserId(), AclMode{ACL_USAGE}) != ACLCHECK_OK)
		pg::fail(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for foreign server " + server_name, {}, "Ask its owner to GRANT USAGE ON FOREIGN SERVER.");
	reader::Reference reference;
	reference.schema = text_argument(2);
	reference.table = text_argument(3);
	if (!PG_ARGISNULL(4))
		reference.version = PG_GETARG_INT64(4);
	if (!PG_ARGISNULL(5))
		reference.at = text_argument(5);
	const std::string ddl = reader::foreign_table_ddl(reader::read_lake_of_server(server->serverid), server->servername, text_argument(1), reference);
	PG_RETURN_TEXT_P(pg::call(cstring_to_text, ddl.c_str()));
}
