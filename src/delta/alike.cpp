#include "alike.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace delta {

namespace {

std::string image(const std::string &value)
{
	return "pgtrickle._image(" + value + ")";
}

std::string text(const std::string &value)
{
	return "(" + value + ")::text";
}

}  // namespace

std::string same(const Column &type, const std::string &a, const std::string &b)
{
	if (pg::has_equality(type.type))
		return pg::not_distinct(type.type, a, b);
	return "(" + image(a) + " IS NOT DISTINCT FROM " + image(b) + ")";
}

std::string exactly_same(const Column &type, const std::string &a, const std::string &b)
{
	return same(type, a, b) + (has_looks(type) ? " AND " + look_same(a, b) : "");
}

bool has_looks(const Column &type)
{
	bool of_one_scale = type.type == NUMERICOID && type.typmod >= 0;
	return pg::has_equality(type.type) && pg::varies_when_equal(type.type) && !of_one_scale;
}

std::string look_same(const std::string &a, const std::string &b)
{
	return "(" + text(a) + " IS NOT DISTINCT FROM " + text(b) + ")";
}

Alike alike(const std::string &alias, const std::vector<Column> &columns, bool exactly)
{
	Alike out;
	for (const Column &column : columns) {
		std::string value = alias + "." + column.name;
		bool comparable = pg::has_equality(column.type);
		out.shown.push_back(comparable ? value : "any_value(" + value + ") AS " + column.name);
		out.by.push_back(comparable ? value : image(value));
		if (exactly && has_looks(column))
			out.by.push_back(text(value));
	}
	return out;
}

std::string consolidated(const std::string &rows, const std::vector<Column> &columns, bool exactly)
{
	Alike row = alike("o", columns, exactly);
	return "SELECT " + pg::join(row.shown, ", ") + (columns.empty() ? "" : ", ") + "sum(o.w)::int8 AS w FROM " + rows + " o" +
	       (columns.empty() ? "" : " GROUP BY " + pg::join(row.by, ", ")) + " HAVING sum(o.w) <> 0";
}

std::string hash_of(const std::vector<std::string> &values, const std::vector<Column> &types)
{
	std::vector<std::string> hashed;
	for (size_t i = 0; i < values.size(); i++)
		if (pg::has_hash(types[i].type))
			hashed.push_back(values[i]);
		else if (is_hashed(types[i]))
			hashed.push_back(image(values[i]));
	return hash_of(hashed);
}

std::string hash_of(const std::vector<std::string> &values)
{
	if (values.empty())
		return "0::int8";
	return "hash_record_extended(ROW(" + pg::join(values, ", ") + "), 0)";
}

bool is_hashed(const Column &type)
{
	return pg::has_hash(type.type) || !has_looks(type);
}

std::string and_all(const std::vector<std::string> &conditions)
{
	return conditions.empty() ? "true" : pg::join(conditions, " AND ");
}

std::string recheck(const std::vector<std::string> &conditions)
{
	return "CASE WHEN " + and_all(conditions) + " THEN true ELSE false END";
}

}  // namespace delta
