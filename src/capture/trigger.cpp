// The hot path: runs once for every changed row of every captured relation, in the
// writer's transaction.  C in C++ clothes: no object with a destructor, no pg::call.
#include "log.h"

extern "C" {
#include "executor/executor.h"
#include "rewrite/rewriteHandler.h"
#include "utils/datum.h"
#include "varatt.h"
}

namespace capture {

namespace {

struct Image {
	Datum values[MaxTupleAttributeNumber];
	bool isnull[MaxTupleAttributeNumber];
};

// Virtual generated columns have no bytes in the row; few tables have any.
Datum compute(Relation relation, AttrNumber number, TupleTableSlot *slot, bool *isnull)
{
	EState *estate = CreateExecutorState();
	auto *expression = reinterpret_cast<Expr *>(build_generation_expression(relation, number));
	ExprState *state = ExecPrepareExpr(expression, estate);
	ExprContext *context = GetPerTupleExprContext(estate);
	context->ecxt_scantuple = slot;
	Datum value = ExecEvalExpr(state, context, isnull);
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
	if (!*isnull)
		value = datumCopy(value, attribute->attbyval, attribute->attlen);
	FreeExecutorState(estate);
	return value;
}

void take(const Route *route, Relation relation, TupleTableSlot *slot, Image *image)
{
	slot_getsomeattrs(slot, route->last);
	for (int i = 3; i < route->width; i++) {
		const Column *column = &route->columns[i];
		if (column->source == InvalidAttrNumber) {
			image->isnull[i] = true;
		} else if (column->computed) {
			image->values[i] = compute(relation, column->source, slot, &image->isnull[i]);
		} else {
			image->values[i] = slot->tts_values[column->source - 1];
			image->isnull[i] = slot->tts_isnull[column->source - 1];
		}
	}
}

bool same(const Column *column, Datum a, Datum b)
{
	if (column->by_value)
		return a == b;
	// An unchanged toasted value is the same pointer in both rows; do not fetch it to see that.
	if (column->length == -1 && datumIsEqual(a, b, false, -1))
		return true;
	return datum_image_eq(a, b, false, column->length);
}

bool unchanged(const Route *route, const Image *before, const Image *after)
{
	for (int i = 3; i < route->width; i++) {
		if (route->columns[i].source == InvalidAttrNumber)
			continue;
		if (before->isnull[i] != after->isnull[i])
			return false;
		if (!before->isnull[i] && !same(&route->columns[i], before->values[i], after->values[i]))
			return false;
	}
	return true;
}

void log_row(const Route *route, Log *log, TriggerData *data)
{
	Image before, after;
	TriggerEvent event = data->tg_event;
	if (TRIGGER_FIRED_BY_INSERT(event)) {
		take(route, data->tg_relation, data->tg_trigslot, &after);
		append(log, 1, after.values, after.isnull);
	} else if (TRIGGER_FIRED_BY_DELETE(event)) {
		take(route, data->tg_relation, data->tg_trigslot, &before);
		append(log, -1, before.values, before.isnull);
	} else {
		take(route, data->tg_relation, data->tg_trigslot, &before);
		take(route, data->tg_relation, data->tg_newslot, &after);
		if (unchanged(route, &before, &after))
			return;
		append(log, -1, before.values, before.isnull);
		append(log, 1, after.values, after.isnull);
	}
}

}  // namespace

void append_marker(Log *log)
{
	Image nothing;
	memset(nothing.isnull, true, sizeof nothing.isnull);
	append(log, 0, nothing.values, nothing.isnull);
}

void log_rebuild(Oid root)
{
	if (Log *log = open_log(find_route(root)); log != nullptr)
		append_marker(log);
}

}  // namespace capture

extern "C" {
PG_FUNCTION_INFO_V1(log_change);
PGDLLEXPORT Datum log_change(PG_FUNCTION_ARGS);
}

Datum log_change(PG_FUNCTION_ARGS)
{
	using namespace capture;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		                errmsg("pgtrickle._log_change() can only be called as a trigger"),
		                errhint("Capture triggers are made by pgtrickle.create_stream_table and pgtrickle.publish.")));
	auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
	Route *route = find_route(data);
	Log *log = open_log(route);
	if (log != nullptr) {
		if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event) || route->misfit)
			append_marker(log);
		else if (TRIGGER_FIRED_FOR_ROW(data->tg_event))
			log_row(route, log, data);
	}
	return PointerGetDatum(nullptr);
}
