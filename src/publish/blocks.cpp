// The rows of a query as trickle-lake reads a table: by blocks, column after column (lake/block.h has the layout).
//
// COPY sends a row at a time, and each value of it through its type's send function: more than half of what a load cost the server.
// Here a block of rows is taken from the executor and written into one value of type bytea, which COPY then sends.  Values look as their
// send functions have them, so that whoever reads them need not know which way they came; numbers, times, text and
// bytes are written without calling one, and those of one width without their lengths.
#include "pg/error.hpp"

extern "C" {
#include "executor/executor.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "tcop/tcopprot.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

#include <cstring>

namespace publish {

namespace {

constexpr int most_rows = 1024;
constexpr Size most_bytes = 256 << 10;   // and the row that goes beyond it

// By the width of a value in bytes; plain: bytes that are sent as they are, sent: as the send function has them.
enum class Form : int16 { sent = -1, plain = 0, byte = 1, two = 2, four = 4, eight = 8, uuid = 16 };

struct Column {
	Form form;
	int16 width() const { return static_cast<int>(form) > 0 ? static_cast<int16>(form) : -1; }   // -1: of its own
	FmgrInfo send;
	bool has_nulls;
	char *nulls;   // a byte a row: 1 is NULL
	uint32 *ends;  // network order, of values of their own width
	char *bytes;
	Size used, room;
};

// Everything is the server's memory and nothing has a destructor: errors of the server may pass.
struct Blocks {
	DestReceiver receiver;
	QueryDesc *query;
	MemoryContext context, values;   // values: of one block
	int count;
	Column *columns;
	int rows;
	Size bytes;
	bool goes_on;
};

Form form_of(Oid send)
{
	const bool as_it_is = pg_get_client_encoding() == GetDatabaseEncoding();
	switch (send) {
	case F_BOOLSEND:
		return Form::byte;
	case F_INT2SEND:
		return Form::two;
	case F_INT4SEND:
	case F_FLOAT4SEND:
	case F_DATE_SEND:
		return Form::four;
	case F_INT8SEND:
	case F_FLOAT8SEND:
	case F_TIME_SEND:
	case F_TIMESTAMP_SEND:
	case F_TIMESTAMPTZ_SEND:
		return Form::eight;
	case F_UUID_SEND:
		return Form::uuid;
	case F_BYTEASEND:
		return Form::plain;
	case F_TEXTSEND:
	case F_VARCHARSEND:
	case F_BPCHARSEND:
	case F_JSON_SEND:
		return as_it_is ? Form::plain : Form::sent;
	default:
		return Form::sent;
	}
}

void append(Blocks *b, Column *c, const char *bytes, Size size)
{
	if (c->used + size > c->room) {
		c->room = Max(2 * c->room, c->used + size);
		c->bytes = static_cast<char *>(c->bytes ? repalloc(c->bytes, c->room) : MemoryContextAlloc(b->context, c->room));
	}
	memcpy(c->bytes + c->used, bytes, size);
	c->used += size;
	b->bytes += size;
}

void append_null(Blocks *b, Column *c)
{
	static const char zeros[16] = {};
	if (!c->has_nulls)
		memset(c->nulls, 0, most_rows);
	c->has_nulls = true;
	c->nulls[b->rows] = 1;
	if (c->width() > 0)
		append(b, c, zeros, c->width());
}

template <typename Number>
void append_number(Blocks *b, Column *c, Number in_network_order)
{
	append(b, c, reinterpret_cast<const char *>(&in_network_order), sizeof in_network_order);
}

void append_varlena(Blocks *b, Column *c, struct varlena *value)
{
	append(b, c, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

void append_value(Blocks *b, Column *c, Datum value)
{
	switch (c->form) {
	case Form::byte:
		append_number(b, c, static_cast<uint8>(DatumGetBool(value)));
		break;
	case Form::two:
		append_number(b, c, pg_hton16(DatumGetUInt16(value)));
		break;
	case Form::four:
		append_number(b, c, pg_hton32(DatumGetUInt32(value)));
		break;
	case Form::eight:
		append_number(b, c, pg_hton64(DatumGetUInt64(value)));
		break;
	case Form::uuid:
		append(b, c, DatumGetPointer(value), c->width());
		break;
	case Form::plain:
		append_varlena(b, c, PG_DETOAST_DATUM_PACKED(value));
		break;
	case Form::sent:
		append_varlena(b, c, SendFunctionCall(&c->send, value));
		break;
	}
}

// False: the block is full; the executor stops, and goes on behind this row when it is run again.
bool receive(TupleTableSlot *slot, DestReceiver *self)
{
	auto *b = reinterpret_cast<Blocks *>(self);
	slot_getallattrs(slot);
	MemoryContext before = MemoryContextSwitchTo(b->values);
	for (int i = 0; i < b->count; i++) {
		Column *c = &b->columns[i];
		if (slot->tts_isnull[i])
			append_null(b, c);
		else
			append_value(b, c, slot->tts_values[i]);
		if (c->ends != nullptr)
			c->ends[b->rows] = pg_hton32(static_cast<uint32>(c->used));
	}
	MemoryContextSwitchTo(before);
	b->goes_on = ++b->rows == most_rows || b->bytes >= most_bytes;
	return !b->goes_on;
}

void startup(DestReceiver *, int, TupleDesc) {}

void nothing(DestReceiver *) {}

void prepare_columns(Blocks *b, TupleDesc yields)
{
	b->count = yields->natts;
	b->columns = static_cast<Column *>(palloc0(sizeof(Column) * b->count));
	for (int i = 0; i < b->count; i++) {
		Column *c = &b->columns[i];
		Oid send;
		bool is_varlena;
		getTypeBinaryOutputInfo(TupleDescAttr(yields, i)->atttypid, &send, &is_varlena);
		fmgr_info(send, &c->send);
		c->form = form_of(send);
		c->nulls = static_cast<char *>(palloc(most_rows));
		if (c->width() < 0)
			c->ends = static_cast<uint32 *>(palloc(sizeof(uint32) * most_rows));
		c->room = most_rows * (c->width() < 0 ? 16 : c->width());
		c->bytes = static_cast<char *>(palloc(c->room));
	}
}

PlannedStmt *plan(const char *sql)
{
	List *parsed = pg_parse_query(sql);
	if (list_length(parsed) == 1) {
		List *queries = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, parsed), sql, nullptr, 0, nullptr);
		auto *query = list_length(queries) == 1 ? linitial_node(Query, queries) : nullptr;
		if (query != nullptr && query->commandType == CMD_SELECT && !query->hasModifyingCTE)
			return pg_plan_query(query, sql, 0, nullptr);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("not one SELECT: %s", sql), errhint("pgtrickle._row_blocks() is for trickle-lake."));
}

Blocks *open(const char *sql)
{
	auto *b = static_cast<Blocks *>(palloc0(sizeof(Blocks)));
	b->context = CurrentMemoryContext;
	b->values = AllocSetContextCreate(CurrentMemoryContext, "values of a block", ALLOCSET_DEFAULT_SIZES);
	b->receiver.receiveSlot = receive;
	b->receiver.rStartup = startup;
	b->receiver.rShutdown = nothing;
	b->receiver.rDestroy = nothing;
	b->receiver.mydest = DestNone;
	b->query = CreateQueryDesc(plan(sql), sql, GetActiveSnapshot(), InvalidSnapshot, &b->receiver, nullptr, nullptr, 0);
	ExecutorStart(b->query, 0);
	prepare_columns(b, b->query->tupDesc);
	b->goes_on = true;
	return b;
}

void close(Blocks *b)
{
	ExecutorFinish(b->query);
	ExecutorEnd(b->query);
	FreeQueryDesc(b->query);
}

// When the rows that are left are not asked for.
void give_up(Datum blocks)
{
	close(reinterpret_cast<Blocks *>(DatumGetPointer(blocks)));
}

void begin_block(Blocks *b)
{
	MemoryContextReset(b->values);
	b->rows = 0;
	b->bytes = 0;
	for (int i = 0; i < b->count; i++) {
		Column *c = &b->columns[i];
		c->has_nulls = false;
		c->used = 0;
		if (c->room > 2 * most_bytes) {
			pfree(c->bytes);
			c->bytes = nullptr;
			c->room = 0;
		}
	}
}

char *put(char *at, const void *bytes, Size size)
{
	memcpy(at, bytes, size);
	return at + size;
}

bytea *written(const Blocks *b)
{
	const Size rows = b->rows;
	Size size = VARHDRSZ + sizeof(uint32) + sizeof(uint16);
	for (int i = 0; i < b->count; i++) {
		const Column *c = &b->columns[i];
		size += sizeof(uint16) + 1 + (c->has_nulls ? rows : 0) + (c->ends ? rows * sizeof(uint32) : 0) + c->used;
	}
	auto *block = static_cast<bytea *>(palloc(size));
	SET_VARSIZE(block, size);
	const uint32 row_count = pg_hton32(b->rows);
	const uint16 column_count = pg_hton16(b->count);
	char *at = put(put(VARDATA(block), &row_count, sizeof row_count), &column_count, sizeof column_count);
	for (int i = 0; i < b->count; i++) {
		const Column *c = &b->columns[i];
		const uint16 width = pg_hton16(static_cast<uint16>(c->width()));
		const char nulls = c->has_nulls ? 1 : 0;
		at = put(put(at, &width, sizeof width), &nulls, 1);
		if (c->has_nulls)
			at = put(at, c->nulls, rows);
		if (c->ends)
			at = put(at, c->ends, rows * sizeof(uint32));
		if (c->used > 0)
			at = put(at, c->bytes, c->used);
	}
	return block;
}

Datum next_block(FunctionCallInfo fcinfo)
{
	auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	FuncCallContext *state;
	if (SRF_IS_FIRSTCALL()) {
		state = SRF_FIRSTCALL_INIT();
		MemoryContext before = MemoryContextSwitchTo(state->multi_call_memory_ctx);
		state->user_fctx = open(text_to_cstring(PG_GETARG_TEXT_PP(0)));
		MemoryContextSwitchTo(before);
		RegisterExprContextCallback(result->econtext, give_up, PointerGetDatum(state->user_fctx));
	}
	state = SRF_PERCALL_SETUP();
	auto *b = static_cast<Blocks *>(state->user_fctx);
	begin_block(b);
	if (b->goes_on) {
		b->goes_on = false;
		ExecutorRun(b->query, ForwardScanDirection, 0);
	}
	if (b->rows > 0) {
		bytea *block = written(b);
		SRF_RETURN_NEXT(state, PointerGetDatum(block));
	}
	UnregisterExprContextCallback(result->econtext, give_up, PointerGetDatum(b));
	close(b);
	SRF_RETURN_DONE(state);
}

}  // namespace

}  // namespace publish

PGT_FUNCTION(row_blocks)
{
	return pg::call(publish::next_block, fcinfo);
}
