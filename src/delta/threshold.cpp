// Rows that compare with the one row of another relation: x > (SELECT avg(y) FROM …).
//
// That row is n now, and was o at the last tick.  With c(a, r) whether the condition is true:
//
//   Δ(A ⋉ R) = Σ over a of ΔA(a) · [c(a, o)]
//            + Σ over a of A(a) · ([c(a, n)] - [c(a, o)])
//
// There is a second sum only if R has changed, and its rows are those for which c changes.  Where c compares a column of A
// with one of R by an order, these lie between o and n, and are found by that column.  A NULL is at no place of the order:
// where it comes or goes, all rows are looked at.
#include "match.h"

#include "pg/sql.hpp"

namespace delta {

namespace {

// A column that rows can be found by: of a table, or of an aggregate's groups.
bool is_found(const Operator &node, int column)
{
	switch (node.kind) {
	case query::Kind::aggregate:
		return column >= int(node.keys.size()) && node.aggregates[column - node.keys.size()].law != query::Law::exact_sum;
	case query::Kind::filter:
	case query::Kind::semi_join:
	case query::Kind::anti_join:
		return is_found(*node.inputs[0], column);
	case query::Kind::project:
		return node.expressions[column].plain >= 0 && is_found(*node.inputs[0], node.expressions[column].plain);
	default:
		return query::ordered_by(node, column).first != nullptr;
	}
}

}  // namespace

void Compiler::match_one_row(Operator &node, const std::string &da, const std::string &db, const std::string &name)
{
	Operator &left = *node.inputs[0], &right = *node.inputs[1];
	auto where = [&](const std::string &row) {
		return "SELECT " + before_more(columns_of("a", node.width())) + "a.w FROM " + da + " a WHERE EXISTS (SELECT 1 FROM " + row + " b WHERE " +
		       on(node, "a", "b") + ")";
	};
	step(node.id, "changed rows of the left input that match", {da}, {where("(" + current(right, {}, false) + ")"), {}, {}, {}, name, false}).none = {db};
	step(node.id, "changed rows of the left input that did match", {da, db}, {where("(SELECT * FROM " + db + " z WHERE z.w < 0)"), {}, {}, {}, name, false});

	bool ranged = node.bound && is_found(left, node.bound->left);
	std::string rows = "SELECT x.* FROM (" + current(left, {}, true) + ") x";
	if (ranged) {
		std::string c = "c" + std::to_string(node.bound->right + 1), x = "x.c" + std::to_string(node.bound->left + 1), both = "(o." + c + ", n." + c + ")";
		rows = "SELECT x.* FROM (" + current(left, {node.bound->left}, false) + ") x WHERE o." + c + " IS NOT NULL AND n." + c + " IS NOT NULL AND " + x +
		       " >= LEAST" + both + " AND " + x + " <= GREATEST" + both + " UNION ALL " + rows + " WHERE o." + c + " IS NULL OR n." + c + " IS NULL";
	}
	std::string now = "((" + on(node, "a", "n") + ") IS TRUE)", then = "((" + on(node, "a", "o") + ") IS TRUE)";
	std::string crossing = "SELECT " + before_more(columns_of("a", node.width())) + "CASE WHEN " + now + " THEN a.w ELSE -a.w END AS w FROM (SELECT * FROM " +
	                       db + " z WHERE z.w < 0) o, (SELECT * FROM " + db + " z WHERE z.w > 0) n, LATERAL (" + rows + ") a WHERE " + now + " <> " + then;
	step(node.id, ranged ? "rows of the left input between what the other was and is" : "rows of the left input, by what the other was and is", {db},
	     {crossing, {}, {}, {}, name, false})
	    .statement.scans = !ranged;
	if (!ranged)
		note(node, "all rows of input " + std::to_string(left.id) + " are looked at when that of input " + std::to_string(right.id) + " changes");
}

}  // namespace delta
