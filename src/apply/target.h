#pragma once
// The change meets the stream table.
//
// With a unique key the change is merged by it: of the rows of one key the one
// that comes wins over the one that goes, so an update stays one (and HOT when no
// index cares).  Without a key equal rows are told apart by nothing: as many
// copies are deleted or inserted as the weight says.
#include "apply/frame.h"

#include <string>

namespace view {
struct View;
}

namespace apply {

// Writes the statements that compute the stream table's change into z_out
// and apply it, or in FULL mode the difference to the recomputed query.
void plan_target(view::View &view);

// DDL for the index that finds the stream table's rows, run once at creation: a primary key where
// the key has small columns that are never NULL, an index on a hash of the row otherwise.
std::string target_index(const view::View &view);

// What target_index() makes, in words that stay when columns are renamed.
std::string target_shape(const view::View &view);

// Applies the change by the number of copies, for content that may not have the key yet.
std::vector<Prepared> apply_as_bag(const view::View &view);

}  // namespace apply
