#include "prune.h"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/miscnodes.h"
#include "utils/lsyscache.h"
}

namespace reader {

namespace {

int32 compare(const Test &test, Datum bound, Datum value)
{
	return DatumGetInt32(FunctionCall2Coll(const_cast<FmgrInfo *>(&test.comparison), C_COLLATION_OID, bound, value));
}

bool may_compare(const Test &test, const Bounds &bounds, Datum value)
{
	const bool from_below = !bounds.has_min || compare(test, bounds.min, value) <= 0;  // some row may be <= value
	const bool from_above = !bounds.has_max || compare(test, bounds.max, value) >= 0;
	switch (test.plan.strategy) {
	case BTLessStrategyNumber: return !bounds.has_min || compare(test, bounds.min, value) < 0;
	case BTLessEqualStrategyNumber: return from_below;
	case BTEqualStrategyNumber: return from_below && from_above;
	case BTGreaterEqualStrategyNumber: return from_above;
	case BTGreaterStrategyNumber: return !bounds.has_max || compare(test, bounds.max, value) > 0;
	default: return true;
	}
}

bool parse(const char *text, Oid type, Datum *value)
{
	Oid input, param;
	getTypeInputInfo(type, &input, &param);
	FmgrInfo function;
	fmgr_info(input, &function);
	ErrorSaveContext soft{};
	soft.type = T_ErrorSaveContext;
	return InputFunctionCallSafe(&function, const_cast<char *>(text), param, -1, reinterpret_cast<fmNodePtr>(&soft), value);
}

}  // namespace

bool may_match(const Test &test, const Bounds &bounds)
{
	switch (test.plan.kind) {
	case TestKind::is_null: return bounds.may_be_null;
	case TestKind::is_not_null: return bounds.may_be_value;
	case TestKind::compare: return bounds.may_be_value && test.has_value && may_compare(test, bounds, test.value);
	case TestKind::any:
		for (size_t i = 0; bounds.may_be_value && i < test.elements.size(); i++)
			if (may_compare(test, bounds, test.elements[i]))
				return true;
		return false;
	}
	return true;
}

Bounds bounds_of_file(const FileBounds &file, Oid type, bool is_float)
{
	Bounds bounds;
	bounds.may_be_null = file.nulls != 0;
	bounds.may_be_value = file.values != 0 || file.nulls < 0;
	bounds.has_min = file.min && pg::call(parse, file.min->c_str(), type, &bounds.min);
	// NaN is greater than all, and in no bound.
	bounds.has_max = file.max && !(is_float && file.may_be_nan) && pg::call(parse, file.max->c_str(), type, &bounds.max);
	return bounds;
}

}  // namespace reader
