#pragma once
// SQL from C++: catalog statements with text parameters, and the words that
// SQL is made of.
#include "error.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg {

using Text = std::optional<std::string>;
using Rows = std::vector<std::vector<Text>>;

// Runs one statement with text parameters ($1::int casts as it likes) and
// returns its rows as text.  The plan is kept for the life of the backend.
// REQUIRES: inside with_spi().
Rows query(const std::string &sql, const std::vector<Text> &params = {});

// The same, reading what is committed now also where the transaction has an older snapshot: for
// what is kept beyond the transaction.
Rows query_latest(const std::string &sql, const std::vector<Text> &params = {});

// Reads under the active snapshot, which is the executor's within one of its nodes, and changes nothing.
Rows query_active(const std::string &sql, const std::vector<Text> &params = {});

// Reads once under a snapshot, seeing also what this transaction has done; trusted (trust.hpp).
Rows query_under(Snapshot snapshot, const std::string &sql);

// Runs one statement once; its plan is not kept (DDL, one-off loads).
// Returns the number of rows it processed.
uint64 execute(const std::string &sql);

// The single value of query(), or nothing.
Text value(const std::string &sql, const std::vector<Text> &params = {});
// … of a statement that is trusted (trust.hpp).
Text value_trusted(const std::string &sql);

std::string quote_ident(std::string_view name);
std::string quote_literal(std::string_view text);
std::string relation_name(Oid relid);                 // schema.name, quoted; fails 42P01 when gone
[[noreturn]] void fail_at(Oid relid, int sqlstate, std::string message, std::string detail, std::string hint);   // Failure about it
std::string type_name(Oid type, int32 typmod = -1);   // schema-qualified where needed
std::string collation_name(Oid collation);            // schema-qualified
std::string attribute_name(Oid relid, AttrNumber number);

// 'a = b' by the default equality of the type, whatever the search_path; and
// the form that takes two NULLs for equal.  Fails 42883 for a type without one.
std::string equal(Oid type, const std::string &a, const std::string &b);
std::string not_distinct(Oid type, const std::string &a, const std::string &b);
// 'a < b' and 'a > b' in the default order of the type.
std::string less(Oid type, const std::string &a, const std::string &b);
std::string greater(Oid type, const std::string &a, const std::string &b);
std::string at_most(Oid type, const std::string &a, const std::string &b);
std::string at_least(Oid type, const std::string &a, const std::string &b);
bool has_equality(Oid type);
// Equal values may look different, as numeric 1 and 1.00; a function can tell them apart.
bool varies_when_equal(Oid type);
bool has_hash(Oid type);     // extended hash, for records of it
bool has_order(Oid type);
bool is_pseudo(Oid type);    // of which there are no columns
bool is_fixed(Oid type);     // a fixed number of bytes
int bytes_of(Oid type);      // that number; less than 1: it is not fixed

std::string join(const std::vector<std::string> &parts, std::string_view with);
// '{1,2}' for a parameter of an array type.
std::string array_of(const auto &numbers)
{
	std::vector<std::string> texts;
	for (auto number : numbers)
		texts.push_back(std::to_string(number));
	return "{" + join(texts, ",") + "}";
}

// While it lives, the server acts as this role.
class Identity {
public:
	explicit Identity(Oid role, bool restricted = false)
	{
		GetUserIdAndSecContext(&user_, &context_);
		SetUserIdAndSecContext(role, context_ | SECURITY_LOCAL_USERID_CHANGE |
		                                 (restricted ? SECURITY_RESTRICTED_OPERATION : 0));
	}
	~Identity() { SetUserIdAndSecContext(user_, context_); }
	Identity(const Identity &) = delete;
	Identity &operator=(const Identity &) = delete;

private:
	Oid user_;
	int context_;
};

// While it lives, NOTICEs of our own DDL are not shown.
class Quiet {
public:
	Quiet() : client_(client_min_messages), log_(log_min_messages)
	{
		client_min_messages = std::max(client_, WARNING);
		log_min_messages = std::max(log_, WARNING);
	}
	~Quiet()
	{
		client_min_messages = client_;
		log_min_messages = log_;
	}
	Quiet(const Quiet &) = delete;
	Quiet &operator=(const Quiet &) = delete;

private:
	int client_, log_;
};

}  // namespace pg
