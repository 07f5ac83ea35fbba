#include "alike.h"

#include "pg/sql.hpp"

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
	if (!pg::has_equality(type.type) || !pg::varies_when_equal(type.type))
		return same(type, a, b);
	return same(type, a, b) + " AND (" + text(a) + " IS NOT DISTINCT FROM " + text(b) + ")";
}

Alike alike(const std::string &alias, const std::vector<std::string> &names, const std::vector<Column> &types, bool exactly)
{
	Alike out;
	for (size_t i = 0; i < names.size(); i++) {
		std::string value = alias + "." + names[i];
		bool comparable = pg::has_equality(types[i].type);
		out.shown.push_back(comparable ? value : "any_value(" + value + ") AS " + names[i]);
		out.by.push_back(comparable ? value : image(value));
		if (comparable && exactly && pg::varies_when_equal(types[i].type))
			out.by.push_back(text(value));
	}
	return out;
}

std::string hash_of(const std::vector<std::string> &values, const std::vector<Column> &types)
{
	std::vector<std::string> hashed;
	for (size_t i = 0; i < values.size(); i++)
		if (pg::has_hash(types[i].type))
			hashed.push_back(values[i]);
		else if (has_hash(types[i]))
			hashed.push_back(image(values[i]));
	return hash_of(hashed);
}

std::string hash_of(const std::vector<std::string> &values)
{
	if (values.empty())
		return "0::int8";
	return "hash_record_extended(ROW(" + pg::join(values, ", ") + "), 0)";
}

bool has_hash(const Column &type)
{
	return pg::has_hash(type.type) || !pg::has_equality(type.type) || !pg::varies_when_equal(type.type);
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
