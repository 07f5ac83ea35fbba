// WITH RECURSIVE: what it begins with, and a term over the rows of the last iteration.
//
// Each row of the last iteration must come to rows of its own in the term, whatever the other rows are: then a change of
// some is carried through the term without the others.  Filters, expressions, inner joins, and left joins that
// preserve it are like that.  A column with the depth of a row goes beside it through the term.
#include "from.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace query {

namespace {

std::vector<Column> columns_of(const CommonTableExpr &cte)
{
	std::vector<Column> out;
	ListCell *name, *type, *typmod, *collation;
	forfour (name, cte.ctecolnames, type, cte.ctecoltypes, typmod, cte.ctecoltypmods, collation, cte.ctecolcollations)
		out.push_back({strVal(lfirst(name)), lfirst_oid(type), lfirst_int(typmod), lfirst_oid(collation), false});
	return out;
}

Tree self(const CommonTableExpr &cte, std::shared_ptr<Recursion> recursion)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::self;
	node->columns = columns_of(cte);
	node->depth = node->width();
	node->columns.push_back({"depth", INT8OID, -1, 0, true});
	node->recursion = std::move(recursion);
	return node;
}

bool holds_self(const Operator &node, const Recursion *recursion)
{
	bool found = false;
	walk(node, [&](const Operator &below) { found = found || (below.kind == Kind::self && below.recursion.get() == recursion); });
	return found;
}

// From the root of the term down to self there is nothing that looks at several rows at once.
void check_term(const Operator &node, const Recursion *recursion, int location)
{
	if (node.kind == Kind::self)
		return;
	int on = 0;
	while (!holds_self(*node.inputs[on], recursion))
		on++;
	bool row_by_row = node.kind == Kind::filter || node.kind == Kind::project || node.kind == Kind::join || (node.kind == Kind::left_join && on == 0);
	if (!row_by_row)
		no_law("WITH RECURSIVE with its recursive term under " + std::string(name(node.kind)), location,
		       "What a row comes to in the next iteration would depend on other rows of the last one.");
	check_term(*node.inputs[on], recursion, location);
}

void check_columns(const std::vector<Column> &columns, bool all, int location)
{
	for (const Column &column : columns) {
		std::string type = pg::type_name(column.type);
		if (column.type == RECORDOID || column.type == RECORDARRAYOID)
			no_law("SEARCH or CYCLE of WITH RECURSIVE", location, "What they keep for a row is of no type that a table could have.");
		if (!pg::has_hash(column.type) || !pg::has_equality(column.type))
			no_law("WITH RECURSIVE with column \"" + column.name + "\" of type " + type, location, "Its rows are compared by equality and hash.");
		if (!all && pg::varies_when_equal(column.type))
			no_law("WITH RECURSIVE … UNION with column \"" + column.name + "\" of type " + type, location,
			       "Equal values of the type can differ in what comes of them, and which one is met first is not known.");
	}
}

}  // namespace

Tree build_recursive(const RangeTblEntry *entry, const CommonTableExpr *cte, const Environment &environment)
{
	std::shared_ptr<Recursion> &recursion = environment.recursions[cte];
	if (entry->self_reference)
		return self(*cte, recursion);
	auto *query = reinterpret_cast<::Query *>(cte->ctequery);
	auto *operation = reinterpret_cast<SetOperationStmt *>(query->setOperations);
	recursion = std::make_shared<Recursion>();
	recursion->all = operation->all;
	Environment inner(&environment, query->cteList);
	auto node = std::make_shared<Operator>();
	node->kind = Kind::recursive;
	node->columns = columns_of(*cte);
	node->recursion = recursion;
	check_columns(node->columns, operation->all, cte->location);
	node->inputs.push_back(build_branch(*query, operation->larg, inner));
	node->inputs.push_back(build_branch(*query, operation->rarg, inner));
	check_term(*node->inputs[1], recursion.get(), cte->location);
	recursion->whole = node.get();
	return node;
}

Tree distinct_in_term(Tree input)
{
	const Recursion *recursion = nullptr;
	for (const Operator *node = input.get(); node != nullptr && recursion == nullptr;) {
		recursion = node->recursion.get();
		auto next = std::find_if(node->inputs.begin(), node->inputs.end(), [](const auto &below) { return below->depth >= 0; });
		node = next == node->inputs.end() ? nullptr : next->get();
	}
	if (recursion == nullptr || recursion->all)
		no_law("DISTINCT in the recursive term of WITH RECURSIVE … UNION ALL", -1, "Write UNION if no row is wanted twice.");
	return input;    // UNION does the same
}

}  // namespace query
