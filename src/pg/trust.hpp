#pragma once
// Statements of the engine's own, run as somebody else.
//
// A refresh runs as the stream table's owner, so that functions of the query do.  What he may read was asked of his query, when it
// was compiled.  The engine's statements read the same tables in other ways: with rows that policies hide, which the
// statement filters itself; and logs, arrangements and copies, which he must not read.  So their relations are opened as the
// extension's owner, as those of a view are as the view's.
//
// What the words of his query stand for was found when it was given, and he need not be able to use their schemas ever since.
// The statements are texts in which it is found again: while one is analysed that is done for pg_read_all_data, which may use
// every schema.  A constant of a type with a domain in it may run what its CHECK calls: before anything runs that is not built in
// and always the same, the rest is done for him again.
#include "error.hpp"

extern "C" {
#include "executor/spi.h"
}

#include <string>

namespace pg {

// Whom relations are opened as: the extension's owner, or who runs the statement.
enum class Opened { as_extension, as_user };

// While it lives the query in a text, a definition, is analysed for a role: its words are found for him, and what reading its constants
// runs is run as him.  What follows is done for who was before.
class Given {
public:
	Given(const std::string &text, Oid role);
	~Given();
	Given(const Given &) = delete;
	Given &operator=(const Given &) = delete;

	const char *text;
	Oid user;
	int context;

private:
	const Given *before_;
};

// As SPI_prepare_cursor; what it takes for analysis lives as long as the plan.
SPIPlanPtr prepare_trusted(const char *sql, const Oid *types, int count, int cursor_options, Opened opened);

// From _PG_init.
void watch_analysis();

}  // namespace pg
