#pragma once
// A stream table as the engine works with it: compiled from its definition,
// kept for the life of the backend, compiled anew when the definition or the
// shape of a source changes.
#include "apply/copy.h"
#include "apply/frame.h"
#include "delta/compile.h"

#include <memory>
#include <optional>

namespace view {

struct Setting {
	std::string name, value;
};

// A delta statement and the conditions for running it.
struct Work {
	delta::Step step;
	apply::Prepared prepared;
};

struct BatchWork {
	Oid relation;
	std::string name;
	apply::Prepared prepared, consolidate;
};

struct View {
	int id = 0;
	Oid relid = InvalidOid, definition = InvalidOid, owner = InvalidOid;
	std::string name;                     // qualified
	std::string mode;                     // effective: DIFFERENTIAL or FULL
	bool immediate = false;               // follows in the transaction that changes what it reads
	int generation = 0;
	std::vector<Setting> settings;
	std::vector<query::Column> columns;   // of the stream table
	query::Tree tree;        // none in FULL
	std::optional<std::vector<int>> key;          // columns that are unique; none: a bag
	delta::Program program;
	std::vector<BatchWork> batches;
	std::vector<Work> steps;
	std::vector<Oid> sources;
	std::vector<int> arrangements;        // consumers it uses
	std::vector<apply::Copy> copies;      // among its sources
	// The change of the stream table, consolidated, into z_out; then into the table.
	apply::Prepared change, recompute;
	// AUTO, where the query itself may stand in for state that is not kept up: how many changes wait, and recompute without state.
	apply::Prepared waiting, query;
	bool may_lapse = false;
	std::vector<apply::Prepared> apply;
	apply::Prepared rows_that_go;         // hashes of rows of a bag that are deleted
	bool fixed = false;                   // no value of its can be too long for an index row
	bool wide = false;                    // it has met values that do not fit an index row
	bool lacks_arrangement = false;       // rows must be found that neither an index nor an arrangement finds
	bool ready = false;                   // set up for this compilation: see layout.h
	std::string remade;                   // why it was set up anew, if its content has to follow
	bool chooses = false;                 // AUTO: may be recomputed where that is cheaper
	bool always = false;                  // FULL: recomputed when due, whether or not a captured source changed
};

// The compiled stream table.  Fails 42P01 if there is none with this id.
// REQUIRES: inside with_spi(), as superuser.
View &load(int id);

// The same if it is compiled and nothing that it depends on has changed since; else nullptr.
View *compiled(int id);

// Compiles from the catalog without the cache; may_create lets it make arrangements, anew choose what state is kept.
std::unique_ptr<View> compile(int id, bool may_create, bool anew = false);

// Makes the copies of materialized views and foreign tables that the query wants and lacks; true if it reads any.
bool make_copies(int id);

// Drops what is compiled, for changes of this session.
void forget(int id);

// Settings that change answers, as they are now.
std::vector<Setting> current_settings();
std::string to_array(const std::vector<Setting> &settings);    // text[] literal

}  // namespace view
