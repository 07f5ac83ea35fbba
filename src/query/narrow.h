#pragma once
// Groups that nobody asks for are not kept.
//
// Where groups of X are joined by their key k with values a that all come from the key d of a few rows σ(T),
//
//   A ⋈[a = k] γ[k; f(X)] (X)  =  A ⋈[a = k] γ[k; f(X)] (X ⋈[k = d] π[d] σ(T))        a ⊆ d, d a unique key of T
//
// so that a change of X which is of no such group ends at a look-up among these rows, and state has no more groups than
// they are.  A correlated subquery with an aggregate is such a join.
#include "query/tree.h"

namespace query {

// Rewrites every join that the law applies to; σ(T) is a filter that is marked as kept.  Numbers the operators.
void narrow_groups(Tree &root);

}  // namespace query
