#include "runs.h"

#include <algorithm>

namespace lake {

namespace {

constexpr size_t keys_of_run = 240, keys_with_positions = 160;  // four runs fill a page
constexpr size_t fewest_dense = 64, most_dense = 1024;          // one that overlaps another gives way to as many rows

constexpr int32_t int8_oid = 20, int4_oid = 23;

bool is_ascending(const auto &a, const auto &b) { return a.key < b.key; }

}  // namespace

bool RunWriter::would_overlap(std::vector<int64_t> keys)
{
	if (keys.size() <= sorted_at_once)
		return false;
	const auto first = keys.begin(), later = first + sorted_at_once, low = first + sorted_at_once / 20, high = later - sorted_at_once / 20;
	std::nth_element(first, low, later);
	std::nth_element(low + 1, high, later);
	return 2 * std::count_if(later, keys.end(), [&](int64_t key) { return *low < key && key < *high; }) > keys.end() - later;
}

RunWriter::RunWriter(Connection &writer, int publication)
    : publication_(publication), copy_(writer, "pgtrickle.publication_run(publication, first_key, last_key, file, first_position, keys, positions)")
{
	rows_.reserve(sorted_at_once);
}

void RunWriter::add(int64_t key, int file, int32_t position)
{
	if (file != file_ || rows_.size() == sorted_at_once)
		flush();
	file_ = file;
	rows_.push_back({key, position});
}

void RunWriter::finish()
{
	flush();
	copy_.finish();
}

void RunWriter::flush()
{
	if (!std::is_sorted(rows_.begin(), rows_.end(), is_ascending<Row, Row>))
		std::sort(rows_.begin(), rows_.end(), is_ascending<Row, Row>);
	for (const Row *at = rows_.data(), *end = at + rows_.size(); at < end;) {
		const Row *next = at + 1;
		while (next < end && next < at + most_dense && next->key == next[-1].key + 1 && next->position == next[-1].position + 1)
			next++;
		if (next >= at + fewest_dense) {
			write(at, next, true);
			at = next;
			continue;
		}
		while (next < end && next < at + keys_of_run && next->position == next[-1].position + 1)
			next++;
		if (next < end && next < at + keys_with_positions)
			next = std::min(end, at + keys_with_positions);
		write(at, next, false);
		at = next;
	}
	rows_.clear();
}

void RunWriter::write(const Row *begin, const Row *end, bool dense)
{
	const auto count = static_cast<int32_t>(end - begin);
	auto array = [&](int32_t type, auto value) {
		copy_.array(type, count, sizeof value(*begin));
		for (const Row *row = begin; row < end; row++)
			copy_.field(value(*row));
	};
	copy_.begin_row(7);
	copy_.field(static_cast<int32_t>(publication_));
	copy_.field(begin->key);
	copy_.field(end[-1].key);
	copy_.field(static_cast<int32_t>(file_));
	copy_.field(begin->position);
	if (dense)
		copy_.null();
	else
		array(int8_oid, [](const Row &row) { return row.key; });
	if (end[-1].position - begin->position == count - 1 && std::is_sorted(begin, end, [](const Row &a, const Row &b) { return a.position < b.position; }))
		copy_.null();
	else
		array(int4_oid, [](const Row &row) { return row.position; });
	copy_.end_row();
}

}  // namespace lake
