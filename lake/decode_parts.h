#pragma once
// What the decoders of decode.cpp and of decode_nested.cpp share.
#include "decode.h"

namespace lake {

// RowBuilder says which column, and which row.
[[noreturn]] void refuse(const std::string &what);

// Microseconds, days, months; the ends of all three are infinity.
void check_finite_interval(const char *data);

std::shared_ptr<arrow::Field> field_of(const Column &column, const Decoder &decoder, bool nullable = true);

// Of a column that consists of others; nullptr: it does not.
std::unique_ptr<Decoder> make_nested(const Column &column);

}  // namespace lake
