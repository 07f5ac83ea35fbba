#pragma once
// Statements of the engine's own, run as somebody else.
//
// A refresh runs as the stream table's owner, so that functions of the query do.  What he may read was asked of his query, when it
// was compiled.  The engine's statements read the same tables in other ways: with rows that policies hide, which the
// statement filters itself; and logs, arrangements and copies, which he must not read.  So their relations are opened as the
// extension's owner, as those of a view are as the view's: by the text of one statement, while it is analysed.
#include "error.hpp"

#include <string>

namespace pg {

class Trust {
public:
	explicit Trust(const std::string &statement);
	~Trust();
	Trust(const Trust &) = delete;
	Trust &operator=(const Trust &) = delete;

private:
	const char *before_;
};

// From _PG_init.
void watch_analysis();

}  // namespace pg
