#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include "scan.h"

extern "C" {
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
}

#include <algorithm>
#include <csignal>

namespace reader {

namespace {

constexpr int64_t batch_rows = 8192;
constexpr int snapshot_id_field = 2147483539;

// A thread begins with the mask of the one that starts it.
class SignalsBlocked {
public:
	SignalsBlocked()
	{
		sigset_t all;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before_);
	}
	~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
	SignalsBlocked(const SignalsBlocked &) = delete;

private:
	sigset_t before_;
};

[[noreturn]] void store_failed(const Lake &lake, int64_t version, const std::string &path, const std::string &sqlstate, const std::string &message)
{
	const int code = MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4]);
	if (sqlstate == "58P01")
		pg::fail(code, "file \"" + path + "\" of lake \"" + lake.name + "\" is gone", message,
		         "Snapshot " + std::to_string(version) + " or the file has expired while it was read; run the query again, or read a newer version.");
	pg::fail(code, "cannot read lake \"" + lake.name + "\": " + message, path.empty() ? "" : "File \"" + path + "\".");
}

// Runs body, in which the store is called, with signals blocked, and turns its errors into the server's.
template <typename F>
auto at_store(const Lake &lake, int64_t version, const std::string &path, F &&body)
{
	std::string sqlstate, message;
	try {
		SignalsBlocked blocked;
		return body();
	} catch (const lake::Error &e) {
		sqlstate = e.sqlstate, message = e.what();
	} catch (const parquet::ParquetException &e) {
		sqlstate = "58030", message = e.what();
	}
	store_failed(lake, version, path, sqlstate, message);
}

void process_interrupts()
{
	CHECK_FOR_INTERRUPTS();
}

int field_id_of(const arrow::Field &field)
{
	const auto metadata = field.metadata();
	const auto id = metadata ? metadata->Get("PARQUET:field_id") : arrow::Result<std::string>(arrow::Status::KeyError(""));
	return id.ok() ? atoi(id->c_str()) : -1;
}

}  // namespace

namespace {

// A bound may be cut within a character.
bool is_utf8(const arrow::Scalar &scalar)
{
	const auto &text = *static_cast<const arrow::BaseBinaryScalar &>(scalar).value;
	return pg_verify_mbstr(PG_UTF8, reinterpret_cast<const char *>(text.data()), static_cast<int>(text.size()), true);
}

}  // namespace

struct Scan::OpenFile {
	const DataFile *file;
	std::unique_ptr<parquet::arrow::FileReader> reader;
	std::shared_ptr<arrow::Schema> schema;
	std::vector<int> fields;            // by wanted: of the schema, -1: not there
	int row_ids = -1, snapshots = -1;   // fields
	std::vector<int> leaves;            // Parquet columns to read
	std::map<int, int> places;          // of a field in what is read
	std::vector<int64_t> deleted;       // positions, sorted
	int group = -1;
	int64_t group_start = 0, next_start = 0;
	std::unique_ptr<arrow::RecordBatchReader> batches;
	const arrow::Array *row_id_array = nullptr;
};

Scan::Scan(Lake lake, Table table, std::vector<Wanted> wanted)
    : lake_(std::move(lake)), table_(std::move(table)), wanted_(std::move(wanted))
{
}

Scan::~Scan() = default;

void Scan::open_store()
{
	if (!store_)
		at_store(lake_, table_.version, "", [&] { store_ = std::make_unique<lake::ObjectStore>(lake_.data_path, lake_.settings); });
}

void Scan::list()
{
	if (listed_)
		return;
	listed_ = true;
	files_ = read_files(lake_, table_);
	std::erase_if(files_, [&](const DataFile &file) {
		return only_files && !only_files->contains(file.id);
	});
	counts_.files = static_cast<int64_t>(files_.size());
	inlined_deletes_ = read_inlined_deletes(lake_, table_);
	if (tests.empty() || files_.empty())
		return;
	std::vector<int64_t> columns;
	for (const Test &test : tests)
		columns.push_back(wanted_[test.plan.attno].column_id);
	const auto bounds = read_bounds(lake_, table_, columns);
	pg::Arena arena("bounds of a lake's files");
	const MemoryContext before = MemoryContextSwitchTo(arena.context());
	std::erase_if(files_, [&](const DataFile &file) {
		for (const Test &test : tests) {
			const Wanted &column = wanted_[test.plan.attno];
			const auto found = bounds.find({file.id, column.column_id});
			if (found == bounds.end())
				continue;
			const Bounds of_file = bounds_of_file(found->second, column.natural, column.is_float);
			// No statistics at all may also mean a file from before the column, whose rows have its default.
			const bool unknown = !found->second.min && !found->second.max && found->second.nulls < 0;
			if (!unknown && !pg::call(+[](const Test *test, const Bounds *bounds) { return may_match(*test, *bounds); }, &test, &of_file))
				return true;
		}
		return false;
	});
	MemoryContextSwitchTo(before);
	counts_.files_pruned = counts_.files - static_cast<int64_t>(files_.size());
}

void Scan::restart(bool list_again)
{
	listed_ = listed_ && !list_again;
	file_ = 0, part_ = 0, next_ = 0;
	inlined_ = nullptr;
	selected_.clear();
	batch_.reset();
	open_.reset();
}

bool Scan::advance()
{
	list();
	while (true) {
		pg::call(process_interrupts);
		if (open_ && open_->batches && read_batch()) {
			if (!selected_.empty())
				return true;
			continue;
		}
		if (open_ && open_next_group())
			continue;
		open_.reset();
		batch_.reset();
		if (open_next_file())
			continue;
		return next_inlined();
	}
}

bool Scan::open_next_file()
{
	if (file_ >= files_.size())
		return false;
	const DataFile &file = files_[file_++];
	open_store();
	open_ = std::make_unique<OpenFile>();
	open_->file = &file;
	at_store(lake_, table_.version, file.path, [&] {
		parquet::ArrowReaderProperties properties(false);
		properties.set_pre_buffer(false);
		properties.set_batch_size(batch_rows);
		parquet::arrow::FileReaderBuilder builder;
		lake::check(builder.Open(store_->open(file.path)));
		open_->reader = lake::check(builder.memory_pool(arrow::system_memory_pool())->properties(properties)->Build());
		lake::check(open_->reader->GetSchema(&open_->schema));
	});
	for (const auto &[position, snapshot] : deletions_of(file))
		open_->deleted.push_back(position);
	counts_.rows_deleted += static_cast<int64_t>(open_->deleted.size());
	bind_columns();
	return true;
}

std::vector<std::pair<int64_t, int64_t>> Scan::deletions_of(const DataFile &file)
{
	std::vector<std::pair<int64_t, int64_t>> rows;
	if (!file.delete_path.empty()) {
		open_store();
		at_store(lake_, table_.version, file.delete_path, [&] {
			for (const auto &deletion : lake::read_delete_file(*store_, file.delete_path, file.delete_begin))
				if (deletion.second <= table_.version)
					rows.push_back(deletion);
		});
		counts_.bytes_deletes += file.delete_bytes;
	}
	if (const auto found = inlined_deletes_.find(file.id); found != inlined_deletes_.end())
		rows.insert(rows.end(), found->second.begin(), found->second.end());
	std::sort(rows.begin(), rows.end());
	return rows;
}

// Columns are found by field id, or by name in a file that was added with a mapping.
void Scan::bind_columns()
{
	const DataFile &file = *open_->file;
	const std::map<int64_t, std::string> names = file.mapping_id < 0 ? std::map<int64_t, std::string>() : read_mapping(lake_, file.mapping_id);
	const arrow::Schema &schema = *open_->schema;
	auto field_of = [&](int64_t id) {
		const auto name = names.find(id);
		if (file.mapping_id >= 0)
			return name == names.end() ? -1 : schema.GetFieldIndex(name->second);
		for (int i = 0; i < schema.num_fields(); i++)
			if (field_id_of(*schema.field(i)) == id)
				return i;
		return -1;
	};
	std::set<int> read;
	bool needs_row_ids = false;
	for (const Wanted &column : wanted_) {
		const int field = column.column_id < 0 ? -1 : field_of(column.column_id);
		needs_row_ids |= column.column_id == row_id_column;
		open_->fields.push_back(field);
		if (field < 0)
			continue;
		const arrow::DataType &type = *schema.field(field)->type();
		if (column.nested ? !bind_nested(*column.nested, type) : !is_convertible(type, column.natural))
			pg::fail(ERRCODE_FDW_INVALID_DATA_TYPE, "column \"" + schema.field(field)->name() + "\" of file \"" + file.path + "\" has type " + schema.field(field)->type()->ToString() +
			                                            ", which is no " + pg::type_name(column.natural));
		read.insert(field);
	}
	for (int i = 0; i < schema.num_fields(); i++) {
		const int id = field_id_of(*schema.field(i));
		if (id == lake::row_id_field && needs_row_ids)
			read.insert(open_->row_ids = i);
		if (id == snapshot_id_field && file.partial_max > table_.version)
			read.insert(open_->snapshots = i);
	}
	if (file.partial_max > table_.version && open_->snapshots < 0)
		pg::fail(ERRCODE_DATA_CORRUPTED, "file \"" + file.path + "\" does not say which snapshots its rows came with");
	int place = 0;
	for (int field : read)
		open_->places[field] = place++;
	const parquet::SchemaDescriptor &leaves = *open_->reader->parquet_reader()->metadata()->schema();
	for (int leaf = 0; leaf < leaves.num_columns(); leaf++) {
		const auto *root = leaves.GetColumnRoot(leaf);
		const int field = leaves.group_node()->FieldIndex(*root);
		if (read.contains(field))
			open_->leaves.push_back(leaf);
	}
}

bool Scan::open_next_group()
{
	const auto metadata = open_->reader->parquet_reader()->metadata();
	while (++open_->group < metadata->num_row_groups()) {
		open_->group_start = open_->next_start;
		open_->next_start += metadata->RowGroup(open_->group)->num_rows();
		counts_.groups++;
		if (!group_may_match(open_->group)) {
			counts_.groups_pruned++;
			continue;
		}
		for (int leaf : open_->leaves)
			counts_.bytes += metadata->RowGroup(open_->group)->ColumnChunk(leaf)->total_compressed_size();
		batch_start_ = open_->group_start;
		batch_.reset();
		at_store(lake_, table_.version, open_->file->path,
		         [&] { open_->batches = lake::check(open_->reader->GetRecordBatchReader({open_->group}, open_->leaves)); });
		return true;
	}
	return false;
}

bool Scan::group_may_match(int group)
{
	if (tests.empty())
		return true;
	const auto metadata = open_->reader->parquet_reader()->metadata()->RowGroup(group);
	pg::Arena arena("bounds of a row group");
	for (const Test &test : tests) {
		const int field = open_->fields[test.plan.attno];
		if (field < 0)
			continue;
		const Wanted &column = wanted_[test.plan.attno];
		const auto &leaves = *open_->reader->parquet_reader()->metadata()->schema();
		Bounds bounds;
		for (int leaf = 0; leaf < leaves.num_columns(); leaf++) {
			const auto *root = leaves.GetColumnRoot(leaf);
			if (leaves.group_node()->FieldIndex(*root) != field || !root->is_primitive())
				continue;
			const auto statistics = metadata->ColumnChunk(leaf)->statistics();
			if (!statistics)
				continue;
			if (statistics->HasNullCount()) {
				bounds.may_be_null = statistics->null_count() > 0;
				bounds.may_be_value = statistics->null_count() < metadata->num_rows();
			}
			std::shared_ptr<arrow::Scalar> min, max;
			if (!statistics->HasMinMax() || !parquet::arrow::StatisticsAsScalars(*statistics, &min, &max).ok() || !min->type->Equals(*open_->schema->field(field)->type()))
				continue;
			if (column.natural == TEXTOID && !(is_utf8(*min) && is_utf8(*max)))
				continue;
			const auto ends = at_store(lake_, table_.version, open_->file->path, [&] {
				return std::pair(lake::check(arrow::MakeArrayFromScalar(*min, 1)), lake::check(arrow::MakeArrayFromScalar(*max, 1)));
			});
			const MemoryContext before = MemoryContextSwitchTo(arena.context());
			bounds.min = pg::call(+[](const arrow::Array *array, Oid type) { return to_datum(*array, 0, type); }, static_cast<const arrow::Array *>(ends.first.get()), column.natural);
			bounds.max = pg::call(+[](const arrow::Array *array, Oid type) { return to_datum(*array, 0, type); }, static_cast<const arrow::Array *>(ends.second.get()), column.natural);
			MemoryContextSwitchTo(before);
			bounds.has_min = true;
			bounds.has_max = !column.is_float;  // NaN is in no bound
		}
		if (!pg::call(+[](const Test *test, const Bounds *bounds) { return may_match(*test, *bounds); }, &test, static_cast<const Bounds *>(&bounds)))
			return false;
	}
	return true;
}

bool Scan::read_batch()
{
	const int64_t passed = batch_ ? batch_->num_rows() : 0;
	std::shared_ptr<arrow::RecordBatch> batch;
	at_store(lake_, table_.version, open_->file->path, [&] { batch = lake::check(open_->batches->Next()); });
	if (!batch || batch->num_rows() == 0) {
		open_->batches.reset();
		return false;
	}
	batch_start_ += passed;
	batch_ = std::move(batch);
	arrays_.clear();
	for (int field : open_->fields)
		arrays_.push_back(field < 0 ? nullptr : batch_->column(open_->places[field]).get());
	open_->row_id_array = open_->row_ids < 0 ? nullptr : batch_->column(open_->places[open_->row_ids]).get();
	select(batch_->num_rows());
	return true;
}

void Scan::select(int64_t rows)
{
	selected_.clear();
	next_ = 0;
	inlined_ = nullptr;
	const auto *snapshots = open_->snapshots < 0 ? nullptr : static_cast<const arrow::Int64Array *>(batch_->column(open_->places[open_->snapshots]).get());
	const std::vector<int64_t> &listed = open_->deleted;
	auto at = std::lower_bound(listed.begin(), listed.end(), batch_start_);
	for (int64_t row = 0; row < rows; row++) {
		while (at != listed.end() && *at < batch_start_ + row)
			++at;
		const bool is_listed = at != listed.end() && *at == batch_start_ + row;
		const bool is_there = snapshots == nullptr || snapshots->Value(row) <= table_.version;
		if (is_there && !is_listed)
			selected_.push_back(row);
	}
}

void Scan::fill_from_batch(int64_t row, Datum *values, bool *nulls)
{
	for (size_t i = 0; i < wanted_.size(); i++) {
		const Wanted &column = wanted_[i];
		Datum &value = values[column.target];
		bool &is_null = nulls[column.target];
		if (column.column_id == row_id_column) {
			is_null = false;
			value = Int64GetDatum(open_->row_id_array != nullptr ? static_cast<const arrow::Int64Array *>(open_->row_id_array)->Value(row)
			                                                     : open_->file->row_id_start + batch_start_ + row);
		} else if (column.column_id == file_column || column.column_id == position_column) {
			is_null = false;
			value = Int64GetDatum(column.column_id == file_column ? open_->file->id : batch_start_ + row);
		} else if (arrays_[i] == nullptr) {
			is_null = !column.has_default;
			value = column.default_value;
		} else {
			is_null = arrays_[i]->IsNull(row);
			value = is_null ? Datum(0) : column.nested ? nested_datum(*column.nested, *arrays_[i], row) : to_datum(*arrays_[i], row, column.natural);
		}
		if (column.through_text && !is_null) {
			char *text = OutputFunctionCall(const_cast<FmgrInfo *>(&column.natural_output), value);
			value = InputFunctionCall(const_cast<FmgrInfo *>(&column.input), text, column.input_param, column.typmod);
		}
	}
}

void Scan::read_inlined_rows()
{
	all_inlined_ = read_inlined(lake_, table_);
	for (InlinedRows &part : *all_inlined_)
		for (const Wanted &column : wanted_) {
			const auto found = std::find(part.columns.begin(), part.columns.end(), column.column_id);
			if (found == part.columns.end())
				continue;
			for (auto &row : part.rows)
				if (pg::Text &text = row[found - part.columns.begin() + 1]; text)
					text = from_duckdb_text(*text, column.natural);
		}
}

bool Scan::next_inlined()
{
	if (!with_inlined)
		return false;
	if (!all_inlined_)
		read_inlined_rows();
	if (part_ >= all_inlined_->size())
		return false;
	inlined_ = &(*all_inlined_)[part_++];
	places_.clear();
	for (const Wanted &column : wanted_) {
		const auto found = std::find(inlined_->columns.begin(), inlined_->columns.end(), column.column_id);
		const int place = column.column_id == row_id_column ? 0 : found == inlined_->columns.end() ? -1 : static_cast<int>(found - inlined_->columns.begin()) + 1;
		places_.push_back(place);
	}
	selected_.clear();
	next_ = 0, batch_start_ = 0;
	for (size_t row = 0; row < inlined_->rows.size(); row++)
		selected_.push_back(static_cast<int64_t>(row));
	return true;
}

void Scan::fill_from_inlined(int64_t row, Datum *values, bool *nulls)
{
	for (size_t i = 0; i < wanted_.size(); i++) {
		const Wanted &column = wanted_[i];
		Datum &value = values[column.target];
		bool &is_null = nulls[column.target];
		const int place = places_[i];
		if (column.column_id == file_column || column.column_id == position_column) {
			is_null = false;
			value = Int64GetDatum(column.column_id == file_column ? -1 : (static_cast<int64_t>(part_) << 40) + row);
		} else if (place < 0) {
			is_null = !column.has_default;
			value = column.default_value;
		} else {
			const pg::Text &text = inlined_->rows[row][place];
			is_null = !text.has_value();
			value = is_null ? Datum(0) : InputFunctionCall(const_cast<FmgrInfo *>(&column.natural_input), const_cast<char *>(text->c_str()), column.natural_param, -1);
		}
		if (column.through_text && !is_null) {
			char *text = OutputFunctionCall(const_cast<FmgrInfo *>(&column.natural_output), value);
			value = InputFunctionCall(const_cast<FmgrInfo *>(&column.input), text, column.input_param, column.typmod);
		}
	}
}

}  // namespace reader
