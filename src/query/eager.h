#pragma once
// Grouping before joining.
//
// Where the group keys identify a row of T, and the aggregates read X alone,
//
//   γ[T.keys; f(X)] (T ⋈ X)  =  T ⋈ γ[X.k; f(X)] (X)        X.k: the columns of X that the join equates
//   γ[T.keys; f(X)] (T ⟕ X)  =  T ⟕ γ[X.k; f(X)] (X)        counts of a row without a match: 0, count(*) 1
//
// because each group is one row of T with all its matches (Yan and Larson, "Eager Aggregation and
// Lazy Aggregation", VLDB 1995).  To keep up to date the right side is the better one: a change of T
// touches one row instead of all its matches, the groups hold no columns of T, and a left
// join to a group a key needs no state.
#include "query/tree.h"

namespace query {

// Rewrites every aggregate of the tree that the law applies to.
Tree group_before_join(Tree node);

}  // namespace query
