#include "parquet.h"

#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_writer.h>
#include <parquet/metadata.h>

#include <chrono>
#include <optional>
#include <random>
#include <unordered_set>

namespace lake {

namespace {

// Iceberg's, of positional delete files.
constexpr int file_path_field = 2147483546, position_field = 2147483545;
constexpr int interval_bytes = 12;  // uuid has 16, and nothing else is fixed
// Of 64-bit numbers: a fifth of a row group's.  A column with more than that, a key or a time, say, costs more with a dictionary than plain, in time
// and in bytes, to write and to read.
constexpr int64_t largest_dictionary = row_group_rows / 5 * 8;
constexpr int64_t rows_looked_at = 4096;

// Parquet throws where Arrow returns.
template <typename F>
auto guarded(F &&body)
{
	try {
		return body();
	} catch (const parquet::ParquetStatusException &e) {
		check(e.status());
		throw;
	} catch (const parquet::ParquetException &e) {
		throw StoreError("58030", e.what());
	}
}

// The bytes of a value that has some; those of a boolean or of what consists of others are not looked at.
std::optional<std::string_view> bytes_at(const arrow::Array &array, int64_t row)
{
	if (array.type_id() == arrow::Type::EXTENSION)
		return bytes_at(*static_cast<const arrow::ExtensionArray &>(array).storage(), row);
	if (array.type_id() == arrow::Type::STRING || array.type_id() == arrow::Type::BINARY)
		return static_cast<const arrow::BinaryArray &>(array).GetView(row);
	const auto *fixed = dynamic_cast<const arrow::FixedWidthType *>(array.type().get());
	if (!fixed || fixed->bit_width() % 8 != 0)
		return std::nullopt;
	const int64_t width = fixed->bit_width() / 8;
	return std::string_view(reinterpret_cast<const char *>(array.data()->buffers[1]->data()) + (array.offset() + row) * width, width);
}

// So many of the values differ that a dictionary would be given up: then nearly all of some do.
bool differs(const arrow::Array &array)
{
	if (array.length() < 4 * rows_looked_at)
		return false;
	std::unordered_set<std::string_view> seen;
	int64_t values = 0;
	for (int64_t i = 0; i < rows_looked_at; i++) {
		const int64_t row = i * array.length() / rows_looked_at;
		if (array.IsNull(row))
			continue;
		const auto value = bytes_at(array, row);
		if (!value)
			return false;
		seen.insert(*value);
		values++;
	}
	return values > rows_looked_at / 2 && static_cast<int64_t>(seen.size()) > values * 92 / 100;
}

// first: the rows that are written first, if there are any.
std::shared_ptr<parquet::WriterProperties> writer_properties(const arrow::RecordBatch *first)
{
	parquet::WriterProperties::Builder builder;
	builder.compression(parquet::Compression::ZSTD)->compression_level(1);
	builder.version(parquet::ParquetVersion::PARQUET_2_6);
	builder.enable_store_decimal_as_integer();
	builder.max_row_group_length(1 << 30);
	builder.dictionary_pagesize_limit(largest_dictionary);
	builder.created_by("pg_trickle " PG_TRICKLE_VERSION);
	for (int i = 0; first && i < first->num_columns(); i++)
		if (differs(*first->column(i)))
			builder.disable_dictionary(first->schema()->field(i)->name());
	return builder.build();
}

// Arrow has no type that is written as Parquet's interval: its bytes come as twelve, and are told to be one here.
parquet::schema::NodePtr with_intervals(const parquet::schema::NodePtr &node)
{
	if (node->is_group()) {
		const auto &group = static_cast<const parquet::schema::GroupNode &>(*node);
		parquet::schema::NodeVector fields;
		for (int i = 0; i < group.field_count(); i++)
			fields.push_back(with_intervals(group.field(i)));
		const auto type = group.logical_type() && !group.logical_type()->is_none() ? group.logical_type() : nullptr;
		return parquet::schema::GroupNode::Make(group.name(), group.repetition(), fields, type, group.field_id());
	}
	const auto &leaf = static_cast<const parquet::schema::PrimitiveNode &>(*node);
	if (leaf.physical_type() != parquet::Type::FIXED_LEN_BYTE_ARRAY || leaf.type_length() != interval_bytes)
		return node;
	return parquet::schema::PrimitiveNode::Make(leaf.name(), leaf.repetition(), parquet::LogicalType::Interval(), leaf.physical_type(), interval_bytes, leaf.field_id());
}

std::unique_ptr<parquet::arrow::FileWriter> open_writer(const std::shared_ptr<arrow::Schema> &schema, const arrow::RecordBatch *first, const std::shared_ptr<arrow::io::OutputStream> &sink)
{
	const auto properties = writer_properties(first);
	static const auto arrow_properties = parquet::default_arrow_writer_properties();
	std::shared_ptr<parquet::SchemaDescriptor> leaves;
	check(parquet::arrow::ToParquetSchema(schema.get(), *properties, *arrow_properties, &leaves));
	auto root = std::static_pointer_cast<parquet::schema::GroupNode>(with_intervals(leaves->schema_root()));
	std::unique_ptr<parquet::arrow::FileWriter> writer;
	check(parquet::arrow::FileWriter::Make(arrow::default_memory_pool(), parquet::ParquetFileWriter::Open(sink, root, properties), schema, arrow_properties, &writer));
	return writer;
}

std::shared_ptr<arrow::Field> numbered(const char *name, std::shared_ptr<arrow::DataType> type, int id)
{
	return arrow::field(name, std::move(type), true, arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
}

std::unique_ptr<parquet::arrow::FileReader> open_reader(ObjectStore &store, const std::string &path)
{
	return check(parquet::arrow::OpenFile(store.open(path), arrow::default_memory_pool()));
}

int column_of_field(const parquet::SchemaDescriptor &schema, int field_id)
{
	for (int i = 0; i < schema.num_columns(); i++)
		if (schema.Column(i)->schema_node()->field_id() == field_id)
			return i;
	return -1;
}

}  // namespace

ParquetWriter::ParquetWriter(ObjectStore &store, std::string path, const std::shared_ptr<arrow::Schema> &schema)
    : store_(store), path_(std::move(path)), schema_(schema), sink_(store.create(path_))
{
}

// Left without close: the file is half a file, and its note in pgtrickle.lake_upload remains.
ParquetWriter::~ParquetWriter()
{
	if (running_.valid())
		running_.wait();
	if (sink_ && !sink_->closed())
		(void)sink_->Abort();
}

void ParquetWriter::wait()
{
	if (running_.valid())
		running_.get();
}

void ParquetWriter::open(const arrow::RecordBatch *first)
{
	if (!writer_)
		writer_ = open_writer(schema_, first, sink_);
}

void ParquetWriter::write(std::shared_ptr<arrow::RecordBatch> rows)
{
	wait();
	running_ = std::async(std::launch::async, [this, rows = std::move(rows)] {
		guarded([&] {
			open(rows.get());
			auto table = check(arrow::Table::FromRecordBatches({rows}));
			check(writer_->WriteTable(*table, std::max<int64_t>(rows->num_rows(), 1)));
		});
	});
}

int64_t ParquetWriter::bytes()
{
	wait();
	return check(sink_->Tell());
}

Footprint ParquetWriter::close()
{
	wait();
	return guarded([&] {
		open(nullptr);
		check(writer_->Close());
		Footprint footprint;
		footprint.bytes = check(sink_->Tell());
		const std::shared_ptr<parquet::FileMetaData> metadata = writer_->metadata();
		footprint.footer = static_cast<int64_t>(metadata->SerializeToString().size());
		footprint.row_groups = metadata->num_row_groups();
		footprint.column_bytes.resize(metadata->num_columns());
		for (int group = 0; group < metadata->num_row_groups(); group++)
			for (int column = 0; column < metadata->num_columns(); column++)
				footprint.column_bytes[column] += metadata->RowGroup(group)->ColumnChunk(column)->total_compressed_size();
		store_.close_file(*sink_, path_);
		return footprint;
	});
}

// Iceberg's field ids and names, and the data file's name exactly as its metadata has it: its readers go by all three.
Footprint write_delete_file(ObjectStore &store, const std::string &path, const std::string &data_file, const Deletions &rows,
                            bool with_snapshots, int64_t snapshot)
{
	arrow::FieldVector fields{numbered("file_path", arrow::utf8(), file_path_field), numbered("pos", arrow::int64(), position_field)};
	if (with_snapshots)
		fields.push_back(numbered("_ducklake_internal_snapshot_id", arrow::int64(), 2147483539));
	const auto schema = arrow::schema(fields);
	ParquetWriter writer(store, path, schema);
	for (size_t begin = 0; begin < rows.size(); begin += row_group_rows) {
		const size_t end = std::min<size_t>(rows.size(), begin + row_group_rows);
		arrow::StringBuilder files;
		arrow::Int64Builder positions, snapshots;
		for (size_t i = begin; i < end; i++) {
			check(files.Append(data_file));
			check(positions.Append(rows[i].first));
			check(snapshots.Append(rows[i].second == pending ? snapshot : rows[i].second));
		}
		arrow::ArrayVector arrays{check(files.Finish()), check(positions.Finish())};
		if (with_snapshots)
			arrays.push_back(check(snapshots.Finish()));
		writer.write(arrow::RecordBatch::Make(schema, static_cast<int64_t>(end - begin), arrays));
	}
	return writer.close();
}

Deletions read_delete_file(ObjectStore &store, const std::string &path, int64_t snapshot)
{
	return guarded([&] {
		std::unique_ptr<parquet::arrow::FileReader> reader = open_reader(store, path);
		std::shared_ptr<arrow::Schema> schema;
		check(reader->GetSchema(&schema));
		std::vector<int> wanted{1};
		if (schema->num_fields() > 2 && schema->field(2)->name() == "_ducklake_internal_snapshot_id")
			wanted.push_back(2);
		auto stream = check(reader->GetRecordBatchReader());
		Deletions rows;
		while (auto batch = check(stream->Next())) {
			const auto &positions = static_cast<const arrow::Int64Array &>(*batch->column(1));
			const auto *snapshots = wanted.size() > 1 ? static_cast<const arrow::Int64Array *>(batch->column(2).get()) : nullptr;
			for (int64_t i = 0; i < batch->num_rows(); i++)
				rows.emplace_back(positions.Value(i), snapshots && snapshots->IsValid(i) ? snapshots->Value(i) : snapshot);
		}
		return rows;
	});
}

bool is_iceberg_delete_file(ObjectStore &store, const std::string &path, const std::string &data_file)
{
	return guarded([&] {
		std::unique_ptr<parquet::arrow::FileReader> reader = open_reader(store, path);
		const parquet::SchemaDescriptor &schema = *reader->parquet_reader()->metadata()->schema();
		if (column_of_field(schema, file_path_field) != 0 || column_of_field(schema, position_field) != 1 || schema.Column(0)->name() != "file_path" ||
		    schema.Column(1)->name() != "pos" || reader->num_row_groups() == 0)
			return false;
		auto group = check(reader->ReadRowGroup(0, std::vector<int>{0}));
		const auto first = check(group->column(0)->GetScalar(0));
		return first->is_valid && first->ToString() == data_file;
	});
}

void read_row_ids(ObjectStore &store, const std::string &path, int64_t rows, int64_t row_id_start,
                  const std::function<void(int64_t, int64_t)> &row)
{
	guarded([&] {
		std::unique_ptr<parquet::arrow::FileReader> reader = open_reader(store, path);
		const int column = column_of_field(*reader->parquet_reader()->metadata()->schema(), row_id_field);
		if (column < 0) {
			for (int64_t i = 0; i < rows; i++)
				row(i, row_id_start + i);
			return;
		}
		int64_t position = 0;
		for (int group = 0; group < reader->num_row_groups(); group++) {
			auto table = check(reader->ReadRowGroup(group, std::vector<int>{column}));
			for (const auto &chunk : table->column(0)->chunks()) {
				const auto &ids = static_cast<const arrow::Int64Array &>(*chunk);
				for (int64_t i = 0; i < ids.length(); i++)
					row(position++, ids.Value(i));
			}
		}
	});
}

// Version 7 of RFC 9562: names sort by time.
std::string new_uuid()
{
	thread_local std::mt19937_64 random{std::random_device{}()};
	const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
	const uint64_t a = random(), b = random();
	char name[64];
	snprintf(name, sizeof name, "%08llx-%04llx-7%03llx-%04llx-%012llx", static_cast<unsigned long long>(now >> 16) & 0xffffffff,
	         static_cast<unsigned long long>(now) & 0xffff, static_cast<unsigned long long>(a) & 0xfff,
	         0x8000 | (static_cast<unsigned long long>(b >> 50) & 0x3fff), static_cast<unsigned long long>(b) & 0xffffffffffff);
	return name;
}

std::string new_file_name(const char *suffix)
{
	return "ducklake-" + new_uuid() + suffix + ".parquet";
}

}  // namespace lake
