#include "batch.h"

#include <algorithm>
#include <unordered_map>

namespace lake {

namespace {

constexpr size_t most_changes = 2 << 20;    // weighed at a time
constexpr size_t most_buffered = 64 << 20;  // bytes of changes kept, so that a small batch is read once

// Of a change: the last field.
int weight_of(const Tuple &tuple) { return static_cast<int>(read_integer<int64_t>(tuple.fields.back().data)); }

// Writes rows into as many files as they need.
class Appender {
public:
	Appender(const Workshop &shop, const Publication &publication, bool with_row_ids)
	    : shop_(shop), rows_(publication.lake_columns, with_row_ids), with_row_ids_(with_row_ids), stamps_(publication.is_history()),
	      layout_(publication.layout), columns_(publication.columns.size())
	{
	}

	// In mode 'history' a row is a version that begins now.
	Place append(const Tuple &tuple, int64_t row_id) { return append(tuple, row_id, {shop_.moment}); }
	Place append(const Tuple &tuple, int64_t row_id, const Span &span)
	{
		if (writer_ && !is_in_partition(tuple))
			close();
		if (!writer_)
			open(tuple);
		rows_.append(stamps_ ? stamp_(tuple, span) : tuple, row_id);
		const Place place{files_.back().number, static_cast<int32_t>(files_.back().rows++), row_id};
		flush_if_full();
		return place;
	}

	// Rows that are new, whose columns are those of the file and which need not be told apart by partition.
	bool takes_blocks() const { return !stamps_ && !with_row_ids_ && layout_.partition.empty(); }
	// placed: is told where the rows from one number to another came to lie, in order.
	void append(Block &block, const std::function<void(int, int, Place)> &placed)
	{
		for (int begin = 0, end; begin < block.rows(); begin = end) {
			if (!writer_)
				open({});
			end = static_cast<int>(std::min<int64_t>(block.rows(), begin + row_group_rows - rows_.rows()));
			rows_.append(block, begin, end);
			placed(begin, end, {files_.back().number, static_cast<int32_t>(files_.back().rows), -1});
			files_.back().rows += end - begin;
			flush_if_full();
		}
	}

	std::vector<DataFile> finish()
	{
		if (writer_)
			close();
		return std::move(files_);
	}

private:
	Text partition_value(const Tuple &tuple, size_t key) const
	{
		const Field &field = tuple.fields[columns_ + key];
		return field.is_null() ? Text() : std::string(field.data, field.size);
	}
	bool is_in_partition(const Tuple &tuple) const
	{
		for (size_t i = 0; i < layout_.partition.size(); i++)
			if (partition_value(tuple, i) != files_.back().partition[i])
				return false;
		return true;
	}
	void open(const Tuple &tuple)
	{
		std::vector<Text> values;
		for (size_t i = 0; i < layout_.partition.size(); i++)
			values.push_back(partition_value(tuple, i));
		files_.push_back({shop_.next_file(), shop_.directory + layout_.directory(values) + new_file_name(), shop_.directory.size(), 0, with_row_ids_, {}, {}, values});
		shop_.note(files_.back().path);
		writer_ = std::make_unique<ParquetWriter>(shop_.store, files_.back().path, rows_.schema());
	}
	void flush_if_full()
	{
		if (rows_.rows() >= row_group_rows || rows_.bytes() >= row_group_bytes)
			flush();
	}
	void flush()
	{
		const bool full = writer_->bytes() >= data_file_bytes || files_.back().rows >= data_file_rows;
		writer_->write(rows_.finish());
		if (full)
			close();
	}
	void close()
	{
		if (rows_.rows() > 0)
			writer_->write(rows_.finish());
		files_.back().footprint = writer_->close();
		files_.back().statistics = rows_.statistics();
		rows_.restart();
		writer_.reset();
	}

	const Workshop &shop_;
	RowBuilder rows_;
	const bool with_row_ids_, stamps_;
	Stamper stamp_;
	const Layout &layout_;
	const size_t columns_;
	std::vector<DataFile> files_;
	std::unique_ptr<ParquetWriter> writer_;
};

// The changes as they were logged, read as often as need be: from memory when they fit, else from the log again,
// which the snapshot keeps the same.
class Log {
public:
	Log(Connection &reader, std::string query) : reader_(reader), query_(std::move(query)) {}

	void each(const std::function<void(const Tuple &)> &change)
	{
		if (complete_) {
			for (const char *at = kept_.data(), *end = at + kept_.size(); at < end;) {
				tuple_.fields.resize(read_integer<int16_t>(at));
				at += 2;
				read_fields(at, tuple_);
				change(tuple_);
			}
			return;
		}
		const bool keep = !read_before_;
		read_before_ = true;
		bool fits = keep;
		reader_.copy_out(query_, [&](const Tuple &tuple) {
			if (fits && (fits = kept_.size() + tuple.image.size() < most_buffered)) {
				append_integer(kept_, static_cast<int16_t>(tuple.fields.size()));
				kept_ += tuple.image;
			}
			change(tuple);
		});
		complete_ = fits;
		if (!fits)
			std::string().swap(kept_);
	}

private:
	Connection &reader_;
	std::string query_;
	std::string kept_;
	Tuple tuple_;
	bool read_before_ = false, complete_ = false;
};

// The changes of one publication with what cancels cancelled: how often each row image came or went, on balance.
// More changes than can be weighed at a time are taken a partition of the keys after the other, reading the log again.
class NetChanges {
public:
	NetChanges(Connection &reader, const Publication &publication)
	    : log_(reader, changes_query(publication, reader)), key_(publication), keeps_went_(publication.is_history())
	{
		collect();
		partitions_ = (changes_ + most_changes - 1) / most_changes + (changes_ == 0);
	}

	int64_t changes() const { return static_cast<int64_t>(changes_); }
	bool marked() const { return marked_; }  // TRUNCATE, or another change of everything
	size_t partitions() const { return partitions_; }
	Key key(const Tuple &tuple) { return key_(tuple); }

	// Before the other two.
	void weigh(size_t partition)
	{
		if (partitions_ == 1)
			return;  // done already
		partition_ = partition;
		collect();
	}

	bool some_come() const { return !came_.empty(); }

	// The keys of the rows that went, sorted, and how many of each.  Once per weighing.
	std::vector<std::pair<Key, int>> gone()
	{
		std::sort(went_.begin(), went_.end());
		std::vector<std::pair<Key, int>> counted;
		for (const Key &key : went_)
			if (!counted.empty() && counted.back().first == key)
				counted.back().second++;
			else
				counted.emplace_back(key, 1);
		std::vector<Key>().swap(went_);
		return counted;
	}

	// The rows that came, and in mode 'history' those that went.  Once per weighing.
	void each_come(const std::function<void(const Tuple &)> &row) { each(came_, 1, row); }
	void each_gone(const std::function<void(const Tuple &)> &row) { each(went_images_, -1, row); }

private:
	using Images = std::vector<std::pair<Key, int>>;  // sorted, and how often
	void each(Images &images, int sign, const std::function<void(const Tuple &)> &row)
	{
		if (images.empty())
			return;
		log_.each([&](const Tuple &tuple) {
			if (sign * weight_of(tuple) <= 0 || !belongs(tuple))
				return;
			const Key image = key_.image(tuple, 1);
			auto found = std::lower_bound(images.begin(), images.end(), image, [](const auto &entry, const Key &key) { return entry.first < key; });
			if (found == images.end() || found->first != image || found->second == 0)
				return;
			found->second--;
			row(tuple);
		});
	}

	// By key, so that the old and the new image of a row meet.
	bool belongs(const Tuple &tuple) { return partitions_ == 1 || KeyHash()(key_(tuple)) % partitions_ == partition_; }

	void collect()
	{
		std::vector<Change> changes;
		changes_ = 0;
		log_.each([&](const Tuple &tuple) {
			changes_++;
			const int weight = weight_of(tuple);
			marked_ = marked_ || weight == 0;
			if (weight != 0 && belongs(tuple) && changes.size() < (partitions_ == 1 ? most_changes : SIZE_MAX))
				changes.push_back({key_.image(tuple, 1), key_(tuple), weight});
		});
		std::sort(changes.begin(), changes.end(), [](const Change &a, const Change &b) { return a.image < b.image; });
		went_.clear();
		came_.clear();
		went_images_.clear();
		for (size_t i = 0; i < changes.size();) {
			const Change &first = changes[i];
			int weight = 0;
			for (; i < changes.size() && changes[i].image == first.image; i++)
				weight += changes[i].weight;
			if (weight > 0)
				came_.emplace_back(first.image, weight);
			else
				went_.insert(went_.end(), -weight, first.key);
			if (weight < 0 && keeps_went_)
				went_images_.emplace_back(first.image, -weight);
		}
	}

	struct Change {
		Key image, key;
		int weight;
	};

	Log log_;
	KeyReader key_;
	const bool keeps_went_;
	Images came_, went_images_;
	std::vector<Key> went_;
	size_t changes_ = 0, partitions_ = 1, partition_ = 0;
	bool marked_ = false;
};

using Places = std::unordered_multimap<Key, Place, KeyHash>;

// Takes the rows that went out of the positions.  Tells where they were, by key, for those that take their place.
Places take_gone(NetChanges &net, Positions &positions, Batch &batch)
{
	const std::vector<std::pair<Key, int>> keys = net.gone();
	Places places;
	const bool wanted = net.some_come() || batch.publication.is_history();
	int64_t missing = 0;
	for (const auto &[key, count] : keys)
		missing += count;
	positions.take(keys, [&](const Key &key, const Place &place) {
		batch.gone[place.file].push_back(place.position);
		if (wanted)
			places.emplace(key, place);
		missing--;
	});
	if (missing != 0)
		throw NeedsLoad{batch.publication.id};
	return places;
}

// Mode 'history': the rows that went become versions that end.
void end_versions(const Workshop &shop, const Publication &p, NetChanges &net, Places &places, Appender &ended)
{
	std::vector<int> files;
	for (const auto &[key, place] : places)
		files.push_back(place.file);
	std::sort(files.begin(), files.end());
	files.erase(std::unique(files.begin(), files.end()), files.end());
	const std::map<int, Moment> began = beginnings(shop.writer, p.id, files);
	net.each_gone([&](const Tuple &tuple) {
		const auto at = places.find(net.key(tuple));
		ended.append(tuple, at->second.row_id, {began.at(at->second.file), shop.moment});
		places.erase(at);
	});
}

}  // namespace

std::vector<DataFile> write_rows(const Workshop &shop, const Publication &p, const std::string &query, Positions::Adding *adding)
{
	KeyReader key(p);
	Appender appender(shop, p, false);
	int64_t rows = 0;
	const bool by_block = appender.takes_blocks() && (!adding || p.integer_key);
	read_blocks(shop.reader, query, [&](Block &block) {
		if (by_block)
			appender.append(block, [&](int begin, int end, Place place) {
				for (int row = begin; adding && row < end; row++, place.position++)
					adding->add(key.integer(block.column(p.key[0])[row]), place);
			});
		else
			for (int row = 0; row < block.rows(); row++) {
				const Tuple &tuple = block.row(row);
				const Place place = appender.append(tuple, -1);
				if (adding)
					adding->add(key(tuple), place);
			}
		shop.progress(rows += block.rows());
	});
	return appender.finish();
}

Batch write_load(const Workshop &shop, Publication publication)
{
	Batch batch{std::move(publication), true, 0, {}, {}, shop.moment};
	const Publication &p = batch.publication;
	Positions positions(shop.writer, p);
	std::optional<Positions::Adding> adding;
	if (p.finds_rows()) {
		positions.begin_load();
		adding.emplace(positions, Positions::To::fresh_load);
	}
	batch.files = write_rows(shop, p, whole_query(p, shop.reader), adding ? &*adding : nullptr);
	for (const DataFile &file : batch.files)
		batch.rows_in += file.rows;
	if (adding) {
		adding->finish();
		positions.end_load();
	}
	return batch;
}

Batch write_loaded(const Workshop &shop, Publication publication, std::vector<DataFile> files)
{
	Batch batch{std::move(publication), true, 0, std::move(files), {}, shop.moment};
	const Publication &p = batch.publication;
	for (const DataFile &file : batch.files)
		batch.rows_in += file.rows;
	Positions positions(shop.writer, p);
	KeyReader key(p);
	std::vector<std::pair<Key, int>> touched;
	bool any = false;
	auto take = [&] {
		std::sort(touched.begin(), touched.end());
		touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
		positions.take(touched, [&](const Key &, const Place &place) { batch.gone[place.file].push_back(place.position); });
		touched.clear();
	};
	shop.reader.copy_out(changes_query(p, shop.reader), [&](const Tuple &tuple) {
		any = true;
		if (weight_of(tuple) == 0)
			throw NeedsRestart{p.id};
		touched.emplace_back(key(tuple), 1);
		if (touched.size() >= most_changes)
			take();
	});
	take();
	if (any) {
		Positions::Adding adding(positions, Positions::To::rows);
		for (DataFile &file : write_rows(shop, p, touched_query(p, shop.reader), &adding))
			batch.files.push_back(std::move(file));
		adding.finish();
	}
	return batch;
}

Batch write_changes(const Workshop &shop, Publication publication)
{
	Batch batch{std::move(publication), false, 0, {}, {}, shop.moment};
	const Publication &p = batch.publication;
	NetChanges net(shop.reader, p);
	batch.rows_in = net.changes();
	if (net.marked() && p.finds_rows()) {
		batch.load = true;
		return batch;
	}
	Positions positions(shop.writer, p);
	Appender fresh(shop, p, false), moved(shop, p, true);
	for (size_t partition = 0; partition < net.partitions() && net.changes() > 0; partition++) {
		net.weigh(partition);
		if (!p.finds_rows()) {
			net.each_come([&](const Tuple &tuple) { fresh.append(tuple, -1); });
			continue;
		}
		Places places = take_gone(net, positions, batch);
		if (p.is_history())
			end_versions(shop, p, net, places, moved);
		std::vector<std::pair<Key, Place>> placed;
		net.each_come([&](const Tuple &tuple) {
			const Key key = net.key(tuple);
			auto old = places.find(key);
			placed.emplace_back(key, old == places.end() ? fresh.append(tuple, -1) : moved.append(tuple, old->second.row_id));
			if (old != places.end())
				places.erase(old);
		});
		std::sort(placed.begin(), placed.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
		Positions::Adding adding(positions, Positions::To::rows);
		for (const auto &[key, place] : placed)
			adding.add(key, place);
		adding.finish();
	}
	batch.files = fresh.finish();
	for (DataFile &file : moved.finish())
		batch.files.push_back(std::move(file));
	return batch;
}

}  // namespace lake
