#include "columns.h"

extern "C" {
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/lsyscache.h"
}

namespace reader {

namespace {

std::map<std::string, std::string> to_map(const List *options)
{
	std::map<std::string, std::string> map;
	for (int i = 0; i < list_length(options); i++) {
		auto *option = static_cast<DefElem *>(list_nth(options, i));
		map[option->defname] = pg::call(defGetString, option);
	}
	return map;
}

const Column *column_of(const std::map<std::string, std::string> &options, const std::string &attribute, const Table &table)
{
	const auto id = options.find("column_id");
	const auto name = options.find("column_name");
	for (const Column &column : table.columns)
		if (id != options.end() ? column.id == std::stoll(id->second) : column.name == (name != options.end() ? name->second : attribute))
			return &column;
	return nullptr;
}

Datum input(const char *text, Oid type)
{
	Oid function, param;
	getTypeInputInfo(type, &function, &param);
	return OidInputFunctionCall(function, const_cast<char *>(text), param, -1);
}

void prepare_input(Wanted *wanted)
{
	Oid function;
	getTypeInputInfo(wanted->natural, &function, &wanted->natural_param);
	fmgr_info(function, &wanted->natural_input);
}

// varchar, and domains, are the type they are made of as far as their values are.
void prepare_cast(Wanted *wanted, Oid type, int32 typmod)
{
	if (type == wanted->natural || (type == VARCHAROID && typmod < 0 && wanted->natural == TEXTOID))
		return;
	Oid function;
	bool is_varlena;
	wanted->through_text = true;
	wanted->typmod = typmod;
	getTypeOutputInfo(wanted->natural, &function, &is_varlena);
	fmgr_info(function, &wanted->natural_output);
	getTypeInputInfo(type, &function, &wanted->input_param);
	fmgr_info(function, &wanted->input);
}

}  // namespace

void want_as(Wanted &wanted, const Column *column, Oid type, int32 typmod)
{
	if (column != nullptr && wanted.natural == JSONBOID && type != JSONBOID)
		wanted.nested = make_nested(*column, type, typmod);
	if (!wanted.nested)
		pg::call(prepare_cast, &wanted, type, typmod);
}

Foreign read_foreign_table(Oid relid)
{
	const ForeignTable *foreign = pg::call(GetForeignTable, relid);
	std::map<std::string, std::string> options = to_map(foreign->options);
	Foreign found{foreign->serverid, {}};
	found.reference.table = options.contains("table_name") ? options["table_name"] : pg::call(get_rel_name, relid);
	if (options.contains("schema_name"))
		found.reference.schema = options["schema_name"];
	if (options.contains("version"))
		found.reference.version = std::stoll(options["version"]);
	if (options.contains("at"))
		found.reference.at = options["at"];
	return found;
}

Wanted want_place(int64_t what, int target)
{
	Wanted wanted;
	wanted.column_id = what;
	wanted.target = target;
	wanted.natural = INT8OID;
	pg::call(prepare_input, &wanted);
	return wanted;
}

Wanted want_column(const Column &column, int target)
{
	Wanted wanted;
	int32 typmod;
	wanted.target = target;
	wanted.column_id = column.id;
	wanted.natural = natural_type(column, typmod);
	wanted.is_float = wanted.natural == FLOAT4OID || wanted.natural == FLOAT8OID;
	pg::call(prepare_input, &wanted);
	if (column.initial_default && !(*column.initial_default == "NULL" && wanted.natural != TEXTOID)) {
		wanted.has_default = true;
		wanted.default_value = pg::call(input, from_duckdb_text(*column.initial_default, wanted.natural).c_str(), wanted.natural);
	}
	return wanted;
}

std::vector<Wanted> bind_columns(Oid relid, TupleDesc row, const Lake &lake, const Table &table, const std::vector<int> &attributes)
{
	std::vector<Wanted> all;
	for (int attribute : attributes) {
		const Form_pg_attribute form = TupleDescAttr(row, attribute);
		std::map<std::string, std::string> options = to_map(pg::call(GetForeignColumnOptions, relid, form->attnum));
		if (options["row_id"] == "true") {
			all.push_back(want_place(row_id_column, attribute));
			want_as(all.back(), nullptr, form->atttypid, form->atttypmod);
		} else {
			const Column *column = column_of(options, NameStr(form->attname), table);
			if (column == nullptr)
				pg::fail(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND,
				         std::string("column \"") + NameStr(form->attname) + "\" is not in the lake's table in snapshot " + std::to_string(table.version),
				         "Lake \"" + lake.name + "\".", "It may have been dropped or renamed: import the table again, or say which column is meant by option column_name.");
			all.push_back(want_column(*column, attribute));
			want_as(all.back(), column, form->atttypid, form->atttypmod);
		}
	}
	return all;
}

std::string foreign_table_ddl(const Lake &lake, const char *server, const std::string &local_name, const Reference &reference)
{
	const Table table = read_table(lake, reference);
	std::vector<std::string> columns;
	for (const Column &column : table.columns) {
		int32 typmod;
		const Oid type = natural_type(column, typmod);
		columns.push_back(pg::quote_ident(column.name) + " " + pg::type_name(type, typmod) + " OPTIONS (column_id '" + std::to_string(column.id) + "')" +
		                  (column.nullable ? "" : " NOT NULL"));
	}
	std::string ddl = "CREATE FOREIGN TABLE " + local_name + " (" + pg::join(columns, ", ") + ") SERVER " + pg::quote_ident(server) +
	                  " OPTIONS (schema_name " + pg::quote_literal(reference.schema) + ", table_name " + pg::quote_literal(reference.table);
	if (reference.version)
		ddl += ", version '" + std::to_string(*reference.version) + "'";
	if (reference.at)
		ddl += ", at " + pg::quote_literal(*reference.at);
	return ddl + ")";
}

}  // namespace reader
