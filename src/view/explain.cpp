// Looking into a stream table: its operators with their laws, state and access; the
// statements of a tick; and a query that is not one yet.
#include "apply/arrangement.h"
#include "name.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "place.h"
#include "query/analyze.h"
#include "query/traceless.h"
#include "view.h"

extern "C" {
#include "catalog/pg_authid.h"
}

#include <algorithm>

namespace view {

namespace {

using query::Kind;
using query::Operator;

std::string readable(const std::string &text, const Operator &input)
{
	return query::render(text, [&](int column) {
		return column < input.width() ? input.columns[column].name : "?";
	});
}

std::string readable_keys(const Operator &aggregate)
{
	std::vector<std::string> out;
	for (const auto &key : aggregate.keys)
		out.push_back(readable(key.text, *aggregate.inputs[0]));
	return pg::join(out, ", ");
}

std::string by_partition(const Operator &node)
{
	std::vector<std::string> out;
	for (int column : node.partition)
		out.push_back(node.columns[column].name);
	return out.empty() ? "" : " by " + pg::join(out, ", ");
}

std::string in_order(const Operator &node, const std::vector<query::Sort> &order)
{
	std::vector<std::string> out;
	for (const auto &sort : order)
		out.push_back(node.columns[sort.column].name + sort.direction());
	return out.empty() ? "" : " in the order of " + pg::join(out, ", ");
}

std::string title_of_top(const Operator &node)
{
	std::string rows = node.limit ? std::to_string(*node.limit) + " rows" : "rows", from = node.inputs.size() > 1 ? " of input " + std::to_string(node.inputs[1]->id) : "";
	auto counted = [&](std::optional<int> column, const std::string &word) { return column ? ", " + word + from : std::string(); };
	return "top " + rows + (node.offset_rows > 0 ? " after " + std::to_string(node.offset_rows) : "") + counted(node.limit_column, "LIMIT") +
	       counted(node.offset_column, "OFFSET") + (node.with_ties ? " with ties" : "") +
	       by_partition(node) + in_order(node, node.order);
}

std::string title(const Operator &node)
{
	std::vector<std::string> parts;
	switch (node.kind) {
	case Kind::scan:
		if (Oid source = apply::source_of_copy(node.relation); OidIsValid(source))
			return "scan the copy of " + pg::relation_name(source);
		return "scan " + pg::relation_name(node.relation);
	case Kind::constant:
		return "constant " + node.relation_of.text;
	case Kind::function:
		for (const auto &c : node.conditions)
			parts.push_back(readable(c.text, node));
		return std::string(node.padded ? "left join" : "join") + " lateral " + readable(node.relation_of.text, *node.inputs[0]) +
		       (parts.empty() ? "" : " on " + pg::join(parts, " AND "));
	case Kind::project:
		return std::string(query::moments_of(node).empty() ? "project" : "project over time") + (node.sets ? " to sets" : "");
	case Kind::filter:
		for (const auto &c : node.conditions)
			parts.push_back(readable(c.text, *node.inputs[0]));
		return std::string(query::moments_of(node).empty() ? "filter " : "filter over time ") + pg::join(parts, " AND ");
	case Kind::join:
	case Kind::left_join:
	case Kind::semi_join:
	case Kind::anti_join: {
		Operator all;
		for (const auto &input : node.inputs)
			all.columns.insert(all.columns.end(), input->columns.begin(), input->columns.end());
		for (const auto &c : node.conditions)
			parts.push_back(readable(c.text, all));
		return std::string(query::name(node.kind)) + " on " + (parts.empty() ? "true" : pg::join(parts, " AND "));
	}
	case Kind::aggregate:
		for (const auto &a : node.aggregates)
			parts.push_back(a.title);
		return "aggregate " + pg::join(parts, ", ") + (node.keys.empty() ? "" : " by " + readable_keys(node));
	case Kind::window:
		for (const auto &w : node.windows)
			for (const auto &f : w.functions)
				parts.push_back(f.title + in_order(node, w.order) + (w.frame.empty() ? "" : " " + w.frame));
		return "window " + pg::join(parts, ", ") + by_partition(node);
	case Kind::top:
		return title_of_top(node);
	case Kind::recursive:
		return node.recursion->all ? "recursion UNION ALL" : "recursion UNION";
	case Kind::self:
		return std::string(query::name(node.kind)) + " of " + std::to_string(node.recursion->whole->id);
	default:
		return query::name(node.kind) + std::string(node.all ? " all" : "");
	}
}

std::string broken_ties(const Operator &node)
{
	return query::ties_matter(node) ? "; rows that the order leaves alike are ordered by a hash of their columns" : "";
}

std::string law(const Operator &node, bool wide = false)
{
	switch (node.kind) {
	case Kind::one_row: return "never changes";
	case Kind::scan: return "the batch of changes since the frontier";
	case Kind::filter:
	case Kind::project:
	case Kind::function:
		return query::moments_of(node).empty() ? "linear" : "linear in rows; at each tick rows that time has moved since the last one";
	case Kind::constant: return node.relation_of.uses_time() ? "worked out at both times where a moment has moved" : "does not change";
	case Kind::union_all: return "linear";
	case Kind::join: return "the change of one input with the others looked up as they are now; of several, from input to input";
	case Kind::left_join: return "the inner join's, and padding of rows whose matches come or go";
	case Kind::semi_join:
		if (query::compares_with_one_row(node))
			return "changed rows that match, and rows that do no longer or do now when the one row to compare with has changed";
		return "changed rows with a match, and rows whose first match comes or last match goes";
	case Kind::anti_join: return "changed rows without a match, and rows whose first match comes or last match goes";
	case Kind::distinct: return "weights crossing zero";
	case Kind::intersect:
	case Kind::except: return "copies in both inputs counted";
	case Kind::window: return "the functions are worked out again where rows changed" + broken_ties(node);
	case Kind::top: return "the first rows of touched partitions are looked up in order" + broken_ties(node);
	case Kind::recursive:
		return node.recursion->all ? "the change of each depth through the recursive term, and that of the term for the rows there were"
		                           : "the same, by numbers of derivations; a row goes when it has none at its depth or below";
	case Kind::self: return "the change of the depth before";
	case Kind::aggregate: break;
	}
	std::vector<std::string> out;
	for (const auto &a : node.aggregates) {
		const char *how = a.law == query::Law::count_distinct ? "counted values"
		                  : a.law == query::Law::exact_sum   ? "added exactly, rounded once"
		                  : a.law != query::Law::recompute   ? "added"
		                  : a.wants_order && !query::keys_of_one_row(node).empty() ? "the extreme, looked up when it goes"
		                  : a.wants_order && wide            ? "recomputed from all values of the group, some too long for an ordered index"
		                  : a.wants_order                    ? "ordered values"
		                  : a.quantile && !wide              ? "a place in the ordered values that follows their changes"
		                  : a.most_frequent && !wide         ? "values in the order of their number"
		                                                     : "recomputed from the group's values";
		out.push_back(a.title + ": " + how + (a.any_order ? ", in the order of the values: the query leaves it open" : ""));
	}
	return pg::join(out, "; ");
}

std::string when(const delta::Step &step)
{
	if (step.when_time_moves)
		return "each tick";
	std::vector<std::string> out;
	if (!step.all.empty())
		out.push_back(pg::join(step.all, " and ") + " not empty");
	if (!step.any.empty())
		out.push_back(pg::join(step.any, " or ") + " not empty");
	if (!step.none.empty())
		out.push_back(pg::join(step.none, " and ") + " empty");
	if (step.loop >= 0)
		out.push_back("at each depth");
	return pg::join(out, ", ");
}

void explain_node(const View &view, const Operator &node, int depth, std::set<int> &told, pg::Rows &out)
{
	std::string line = std::string(2 * depth, ' ') + std::to_string(node.id) + " " + title(node);
	if (!told.insert(node.id).second) {
		out.push_back({line, "as above: read more than once, kept once", {}, {}, {}});
		return;
	}
	std::vector<std::string> tables;
	int64 bytes = 0;
	auto add = [&](const std::string &table) {
		tables.push_back(table);
		bytes += std::stoll(pg::value("SELECT pg_total_relation_size(to_regclass($1))", {table}).value_or("0"));
	};
	for (const auto &state : view.program.states)
		if (state.node == node.id)
			add(state.table);
	const std::string &note = view.program.notes[node.id];
	for (size_t at = note.find("pgtrickle_state.a_"); at != std::string::npos; at = note.find("pgtrickle_state.a_", at + 1))
		add(note.substr(at, note.find_first_of("; ", at) - at));
	out.push_back({line, law(node, view.wide),
	               tables.empty() ? pg::Text() : pg::join(tables, ", "),
	               tables.empty() ? pg::Text() : std::to_string(bytes), note.empty() ? pg::Text() : note});
	for (const auto &input : node.inputs)
		explain_node(view, *input, depth + 1, told, out);
}

pg::Rows explain(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	View &view = load(id);
	pg::Rows out;
	std::set<int> told;
	if (view.immediate)
		out.push_back({"IMMEDIATE", "brought along by the transactions that change what it reads", {}, {},
		               view.program.exclusive.empty() ? "they wait for each other at equal keys alone"
		                                              : "they wait for each other, one at a time: " + view.program.exclusive});
	if (pg::value("SELECT 1 FROM pgtrickle.consumer WHERE id = $1::int AND lapsed", {std::to_string(id)}))
		out.push_back({"lapsed", "recomputed and the difference applied, for as long as that is cheaper: the state below is not kept up", {}, {}, {}});
	if (view.tree != nullptr)
		explain_node(view, *view.tree, 0, told, out);
	for (const auto &copy : view.copies) {
		std::string table = pg::relation_name(copy.relid);
		out.push_back({"copy", apply::describe(copy, id), table, pg::value("SELECT pg_total_relation_size($1::regclass)", {table}),
		               copy.foreign ? pg::Text("a comparison costs the whole of it") : pg::Text("a comparison costs the whole of it, a tick without a refresh nothing")});
	}
	if (view.tree == nullptr)
		out.push_back({"recomputed", "the query is run and the difference applied", {}, {},
		               pg::value("SELECT mode_reason FROM pgtrickle.stream_table WHERE id = $1::int", {std::to_string(id)})});
	return out;
}

pg::Rows statements(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	View &view = load(id);
	pg::Rows out;
	auto add = [&](const std::string &does, const std::string &runs, const std::string &sql) {
		out.push_back({std::to_string(out.size() + 1), does, runs, sql});
	};
	for (const auto &batch : view.batches)
		add("changes of " + pg::relation_name(batch.relation) + " since the frontier, into " + batch.name, "each tick",
		    batch.prepared.statement.sql);
	for (const auto &work : view.steps)
		add("operator " + std::to_string(work.step.node) + ": " + work.step.title +
		        (work.step.statement.into.empty() ? "" : ", into " + work.step.statement.into),
		    when(work.step), work.step.statement.sql);
	const apply::Prepared &change = view.tree != nullptr ? view.change : view.recompute;
	add("change of the stream table, into z_out", view.tree != nullptr ? pg::join(change.statement.reads, " or ") + " not empty" : "when due",
	    change.statement.sql);
	for (const auto &statement : view.apply)
		add("apply", "z_out not empty", statement.statement.sql);
	return out;
}

pg::Rows validate(const std::string &sql)
{
	pg::Rows out;
	bool valid = false;
	auto error = pg::attempt([&] {
		::Query *query = query::rewritten_query(sql);
		query::refuse_traceless(query);
		valid = true;
		apply::suppose_copies(query);
		auto tree = query::build(query);
		query::walk(static_cast<const Operator &>(*tree), [&](const Operator &node) {
			out.push_back({"info", title(node), {}, law(node), {}});
		});
	});
	if (!error)
		return out;
	ErrorData *data = error->data();
	int position = data->internalpos > 0 ? data->internalpos : data->cursorpos;
	if (position == 0)
		position = place_of_relation(*data, sql);
	return {{valid ? "warning" : "error", {}, position > 0 ? pg::Text(std::to_string(position)) : pg::Text(),
	         std::string(data->message), data->hint == nullptr ? pg::Text() : pg::Text(data->hint)}};
}

}  // namespace

}  // namespace view

PGT_FUNCTION(explain_stream_table)
{
	view::return_rows(fcinfo, pg::with_spi([&] { return view::explain(view::stream_table_id(fcinfo, 0)); }));
	return Datum(0);
}

PGT_FUNCTION(explain_delta)
{
	view::return_rows(fcinfo, pg::with_spi([&] { return view::statements(view::stream_table_id(fcinfo, 0)); }));
	return Datum(0);
}

PGT_FUNCTION(validate_query)
{
	std::string sql;
	if (!PG_ARGISNULL(0))
		sql = pg::call(text_to_cstring, static_cast<const text *>(PG_GETARG_TEXT_PP(0)));
	view::return_rows(fcinfo, pg::with_spi([&] { return view::validate(sql); }));
	return Datum(0);
}
