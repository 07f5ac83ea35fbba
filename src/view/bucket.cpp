// Iceberg's bucket of a value: 32-bit murmur3 (x86, seed 0) of its bytes, without its sign, modulo the number of buckets.
// Whole numbers are hashed as 64 bits, little-endian; DuckLake's bucket() is the same.
#include "pg/error.hpp"

#include <bit>
#include <cstring>

namespace view {

namespace {

uint32_t mixed(uint32_t k) { return std::rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u; }

uint32_t murmur3(const unsigned char *data, size_t size)
{
	uint32_t h = 0;
	size_t at = 0;
	for (; at + 4 <= size; at += 4) {
		const uint32_t k = data[at] | data[at + 1] << 8 | data[at + 2] << 16 | static_cast<uint32_t>(data[at + 3]) << 24;
		h = std::rotl(h ^ mixed(k), 13) * 5 + 0xe6546b64u;
	}
	uint32_t rest = 0;
	for (size_t i = size; i-- > at;)
		rest = rest << 8 | data[i];
	if (at < size)
		h ^= mixed(rest);
	h ^= static_cast<uint32_t>(size);
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

int32_t bucket(int32_t buckets, const unsigned char *data, size_t size)
{
	if (buckets < 1)
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "there cannot be " + std::to_string(buckets) + " buckets", {}, "Give a number of at least 1.");
	return static_cast<int32_t>((murmur3(data, size) & 0x7fffffffu) % static_cast<uint32_t>(buckets));
}

}  // namespace

}  // namespace view

PGT_FUNCTION(lake_bucket_number)
{
	uint64_t value = static_cast<uint64_t>(PG_GETARG_INT64(1));
	unsigned char bytes[8];
	for (unsigned char &byte : bytes) {
		byte = static_cast<unsigned char>(value);
		value >>= 8;
	}
	PG_RETURN_INT32(view::bucket(PG_GETARG_INT32(0), bytes, sizeof bytes));
}

PGT_FUNCTION(lake_bucket_bytes)
{
	const varlena *value = PG_GETARG_VARLENA_PP(1);
	PG_RETURN_INT32(view::bucket(PG_GETARG_INT32(0), reinterpret_cast<const unsigned char *>(VARDATA_ANY(value)), VARSIZE_ANY_EXHDR(value)));
}
