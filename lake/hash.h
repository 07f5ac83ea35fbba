#pragma once
// How a row is found again: by its one integer key as it is, else by a keyed hash of its key columns' bytes.
//
// SipHash-2-4 with 128 bits (Aumasson, Bernstein: https://cr.yp.to/siphash/siphash-20120918.pdf).  Keyed with a
// secret of the publication, so that nobody can make two rows meet who does not know it.
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lake {

struct Key {
	uint64_t high = 0, low = 0;
	auto operator<=>(const Key &) const = default;
};

struct KeyHash {
	size_t operator()(const Key &key) const { return (key.low ^ key.high * 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93; }
};

class RowHash {
public:
	explicit RowHash(std::string_view salt) { memcpy(secret_, salt.data(), sizeof secret_); }

	Key operator()(std::string_view bytes) const
	{
		uint64_t v0 = 0x736f6d6570736575 ^ secret_[0], v1 = 0x646f72616e646f6d ^ secret_[1] ^ 0xee;
		uint64_t v2 = 0x6c7967656e657261 ^ secret_[0], v3 = 0x7465646279746573 ^ secret_[1];
		auto round = [&] {
			v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
			v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
			v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
			v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
		};
		auto absorb = [&](uint64_t word) {
			v3 ^= word;
			round(), round();
			v0 ^= word;
		};
		size_t at = 0;
		uint64_t word;
		for (; at + 8 <= bytes.size(); at += 8)
			memcpy(&word, bytes.data() + at, 8), absorb(word);
		word = static_cast<uint64_t>(bytes.size()) << 56;
		memcpy(&word, bytes.data() + at, bytes.size() - at);
		absorb(word);
		v2 ^= 0xee;
		round(), round(), round(), round();
		const uint64_t first = v0 ^ v1 ^ v2 ^ v3;
		v1 ^= 0xdd;
		round(), round(), round(), round();
		return {first, v0 ^ v1 ^ v2 ^ v3};
	}

private:
	uint64_t secret_[2];
};

}  // namespace lake
