#include "nested.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace reader {

namespace {

void prepare_plain(Cell *cell)
{
	Oid function;
	bool is_varlena;
	getTypeInputInfo(cell->type, &function, &cell->input_param);
	fmgr_info(function, &cell->input);
	if (!OidIsValid(cell->natural))
		return;
	cell->through_text = cell->type != cell->natural;
	getTypeOutputInfo(cell->natural, &function, &is_varlena);
	fmgr_info(function, &cell->output);
}

bool is_composite(Oid type)
{
	return get_typtype(type) == TYPTYPE_COMPOSITE;
}

bool make(const Column &column, Oid type, int32 typmod, Cell &cell);

bool make_array(const Column &column, Oid element, int32 typmod, Cell &cell)
{
	const Column *inner = &column;
	for (; inner->type == "list" && inner->children.size() == 1; inner = &inner->children[0])
		cell.dimensions++;
	cell.kind = Cell::Kind::array;
	cell.parts.resize(1);
	return make(*inner, element, typmod, cell.parts[0]);
}

bool make_composite(const Column &column, Cell &cell)
{
	cell.kind = Cell::Kind::composite;
	cell.row = pg::call(lookup_rowtype_tupdesc_copy, cell.type, -1);
	for (int i = 0; i < cell.row->natts; i++) {
		const Form_pg_attribute attribute = TupleDescAttr(cell.row, i);
		if (attribute->attisdropped)
			continue;
		const auto found = std::find_if(column.children.begin(), column.children.end(), [&](const Column &child) { return child.name == NameStr(attribute->attname); });
		if (found == column.children.end() || !make(*found, attribute->atttypid, attribute->atttypmod, cell.parts.emplace_back()))
			return false;
		cell.attributes.push_back(i);
	}
	return true;
}

bool make(const Column &column, Oid type, int32 typmod, Cell &cell)
{
	cell.type = pg::call(getBaseTypeAndTypmod, type, &typmod);
	cell.typmod = typmod;
	if (cell.type != type)
		cell.domain = type;
	if (const Oid element = pg::call(get_element_type, cell.type); OidIsValid(element) && column.type == "list")
		return make_array(column, element, typmod, cell);
	if (column.type == "struct" && pg::call(is_composite, cell.type))
		return make_composite(column, cell);
	if (column.type == "map" && column.children.size() == 2 && pg::type_name(cell.type).ends_with("hstore")) {
		cell.kind = Cell::Kind::pairs;
		cell.parts.resize(2);
		pg::call(prepare_plain, &cell);
		return make(column.children[0], TEXTOID, -1, cell.parts[0]) && make(column.children[1], TEXTOID, -1, cell.parts[1]);
	}
	cell.type = type;  // a domain's input checks it
	int32 natural_typmod;
	cell.natural = natural_type(column, natural_typmod);
	pg::call(prepare_plain, &cell);
	return true;
}

char *text_of(const Cell &cell, Datum value)
{
	return OutputFunctionCall(const_cast<FmgrInfo *>(&cell.output), value);
}

Datum input(const Cell &cell, char *text)
{
	return InputFunctionCall(const_cast<FmgrInfo *>(&cell.input), text, cell.input_param, cell.typmod);
}

// Sizes of all dimensions, those of the first lists; -1: not known yet.
struct Elements {
	int sizes[MAXDIM];
	Datum *values;
	bool *nulls;
	int count, room;
};

void collect(const Cell &cell, const arrow::Array &array, int64_t row, int dimension, Elements *out)
{
	const auto &list = static_cast<const arrow::ListArray &>(array);
	const int64_t first = list.value_offset(row), count = list.value_length(row);
	if (out->sizes[dimension] < 0 && count <= static_cast<int64_t>(MaxArraySize))
		out->sizes[dimension] = static_cast<int>(count);
	if (array.IsNull(row) || out->sizes[dimension] != count)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("a list of the lake has lists of different lengths, which an array has not"), errhint("Read the column as jsonb.")));
	const arrow::Array &values = *list.values();
	for (int64_t i = first; i < first + count; i++) {
		if (dimension + 1 < cell.dimensions) {
			collect(cell, values, i, dimension + 1, out);
			continue;
		}
		if (out->count == out->room) {
			out->room = Max(2 * out->room, 16);
			out->values = static_cast<Datum *>(out->values == nullptr ? palloc(sizeof(Datum) * out->room) : repalloc_huge(out->values, sizeof(Datum) * out->room));
			out->nulls = static_cast<bool *>(out->nulls == nullptr ? palloc(sizeof(bool) * out->room) : repalloc_huge(out->nulls, sizeof(bool) * out->room));
		}
		out->nulls[out->count] = values.IsNull(i);
		out->values[out->count] = values.IsNull(i) ? Datum(0) : nested_datum(cell.parts[0], values, i);
		out->count++;
	}
}

Datum array_of(const Cell &cell, const arrow::Array &array, int64_t row)
{
	Elements elements{};
	for (int &size : elements.sizes)
		size = -1;
	if (cell.dimensions > MAXDIM)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("lists of the lake lie in each other %d deep", cell.dimensions)));
	collect(cell, array, row, 0, &elements);
	const Oid type = cell.parts[0].type;
	if (elements.count == 0)
		return PointerGetDatum(construct_empty_array(type));
	int lower[MAXDIM];
	for (int &bound : lower)
		bound = 1;
	int16 length;
	bool by_value;
	char align;
	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(elements.values, elements.nulls, cell.dimensions, elements.sizes, lower, type, length, by_value, align));
}

Datum composite_of(const Cell &cell, const arrow::Array &array, int64_t row)
{
	const auto &fields = static_cast<const arrow::StructArray &>(array);
	auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * Max(cell.row->natts, 1)));
	auto *nulls = static_cast<bool *>(palloc(Max(cell.row->natts, 1)));
	memset(nulls, true, cell.row->natts);
	for (size_t i = 0; i < cell.parts.size(); i++) {
		if (cell.places[i] < 0)
			continue;
		const arrow::Array &field = *fields.field(cell.places[i]);
		const int attribute = cell.attributes[i];
		nulls[attribute] = field.IsNull(row);
		if (!nulls[attribute])
			values[attribute] = nested_datum(cell.parts[i], field, row);
	}
	return HeapTupleHeaderGetDatum(heap_form_tuple(cell.row, values, nulls)->t_data);
}

void append_quoted(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *text);
	}
	appendStringInfoChar(out, '"');
}

Datum pairs_of(const Cell &cell, const arrow::Array &array, int64_t row)
{
	const auto &map = static_cast<const arrow::MapArray &>(array);
	const arrow::Array &keys = *map.keys(), &items = *map.items();
	StringInfoData text;
	initStringInfo(&text);
	for (int64_t i = map.value_offset(row); i < map.value_offset(row) + map.value_length(row); i++) {
		appendStringInfoString(&text, text.len > 0 ? "," : "");
		append_quoted(&text, text_of(cell.parts[0], nested_datum(cell.parts[0], keys, i)));
		appendStringInfoString(&text, "=>");
		if (items.IsNull(i))
			appendStringInfoString(&text, "NULL");
		else
			append_quoted(&text, text_of(cell.parts[1], nested_datum(cell.parts[1], items, i)));
	}
	return input(cell, text.data);
}

}  // namespace

std::shared_ptr<Cell> make_nested(const Column &column, Oid type, int32 typmod)
{
	auto cell = std::make_shared<Cell>();
	return make(column, type, typmod, *cell) && cell->kind != Cell::Kind::plain ? cell : nullptr;
}

bool bind_nested(Cell &cell, const arrow::DataType &from)
{
	switch (cell.kind) {
	case Cell::Kind::plain: return is_convertible(from, cell.natural);
	case Cell::Kind::array: {
		const arrow::DataType *type = &from;
		for (int i = 0; i < cell.dimensions; i++) {
			if (type->id() != arrow::Type::LIST)
				return false;
			type = static_cast<const arrow::ListType *>(type)->value_type().get();
		}
		return bind_nested(cell.parts[0], *type);
	}
	case Cell::Kind::composite:
		if (from.id() != arrow::Type::STRUCT)
			return false;
		cell.places.clear();
		for (size_t i = 0; i < cell.parts.size(); i++) {
			cell.places.push_back(static_cast<const arrow::StructType &>(from).GetFieldIndex(NameStr(TupleDescAttr(cell.row, cell.attributes[i])->attname)));
			if (cell.places[i] >= 0 && !bind_nested(cell.parts[i], *from.field(cell.places[i])->type()))
				return false;
		}
		return true;
	case Cell::Kind::pairs:
		return from.id() == arrow::Type::MAP && bind_nested(cell.parts[0], *static_cast<const arrow::MapType &>(from).key_type()) &&
		       bind_nested(cell.parts[1], *static_cast<const arrow::MapType &>(from).item_type());
	}
	return false;
}

namespace {

Datum base_datum(const Cell &cell, const arrow::Array &array, int64_t row)
{
	switch (cell.kind) {
	case Cell::Kind::array: return array_of(cell, array, row);
	case Cell::Kind::composite: return composite_of(cell, array, row);
	case Cell::Kind::pairs: return pairs_of(cell, array, row);
	case Cell::Kind::plain: break;
	}
	const Datum value = to_datum(array, row, cell.natural);
	return cell.through_text ? input(cell, text_of(cell, value)) : value;
}

}  // namespace

Datum nested_datum(const Cell &cell, const arrow::Array &array, int64_t row)
{
	check_stack_depth();
	const Datum value = base_datum(cell, array, row);
	if (OidIsValid(cell.domain) && cell.kind != Cell::Kind::plain)
		domain_check(value, false, cell.domain, nullptr, CurrentMemoryContext);
	return value;
}

}  // namespace reader
