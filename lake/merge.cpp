#include "merge.h"

#include "decode.h"

#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

namespace lake {

namespace {

constexpr int64_t batch_rows = 16384;

int field_id(const arrow::Field &field)
{
	if (!field.metadata())
		return -1;
	const auto id = field.metadata()->Get("PARQUET:field_id");
	return id.ok() ? std::stoi(*id) : -1;
}

bool is_internal(const arrow::Field &field)
{
	return field_id(field) == row_id_field || field_id(field) == snapshot_id_field;
}

std::shared_ptr<arrow::Field> internal(const char *name, int id)
{
	return arrow::field(name, arrow::int64(), true, arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
}

std::unique_ptr<parquet::arrow::FileReader> open_file(ObjectStore &store, const std::string &path)
{
	parquet::arrow::FileReaderBuilder builder;
	check(builder.Open(store.open(path)));
	parquet::ArrowReaderProperties properties;
	properties.set_batch_size(batch_rows);
	properties.set_arrow_extensions_enabled(true);
	builder.properties(properties);
	return check(builder.Build());
}

// The table's own columns, as the file has them.
arrow::FieldVector table_fields(const arrow::Schema &schema)
{
	arrow::FieldVector out;
	for (const auto &field : schema.fields())
		if (!is_internal(*field))
			out.push_back(field);
	return out;
}

bool same_columns(const arrow::FieldVector &a, const arrow::FieldVector &b)
{
	if (a.size() != b.size())
		return false;
	for (size_t i = 0; i < a.size(); i++)
		if (field_id(*a[i]) != field_id(*b[i]) || !a[i]->type()->Equals(*b[i]->type()))
			return false;
	return true;
}

std::shared_ptr<arrow::Array> counted_from(int64_t start, int64_t count, int64_t step)
{
	arrow::Int64Builder builder;
	check(builder.Reserve(count));
	for (int64_t i = 0; i < count; i++)
		builder.UnsafeAppend(start + i * step);
	return check(builder.Finish());
}

// Visits the leaves of a column in Parquet's order.
void each_leaf(const arrow::Field &field, const std::shared_ptr<arrow::Array> &array,
               const std::function<void(const arrow::Field &, const arrow::Array *)> &leaf)
{
	const arrow::DataType &type = *field.type();
	if (type.id() == arrow::Type::LIST || type.id() == arrow::Type::MAP) {
		each_leaf(*type.field(0), array ? check(static_cast<const arrow::ListArray &>(*array).Flatten()) : nullptr, leaf);
	} else if (type.id() == arrow::Type::STRUCT) {
		for (int i = 0; i < type.num_fields(); i++)
			each_leaf(*type.field(i), array ? check(static_cast<const arrow::StructArray &>(*array).GetFlattenedField(i)) : nullptr, leaf);
	} else
		leaf(field, array.get());
}

class Merger {
public:
	Merger(ObjectStore &store, Deleted deleted, const std::map<int, int64_t> &constants, arrow::FieldVector fields)
	    : store_(store), deleted_(deleted), constants_(constants), columns_(fields.size())
	{
		for (const auto &field : fields)
			each_leaf(*field, nullptr, [&](const arrow::Field &leaf, const arrow::Array *) { out_.column_ids.push_back(field_id(leaf)); });
		fields.push_back(internal("_ducklake_internal_row_id", row_id_field));
		if (deleted == Deleted::keep)
			fields.push_back(internal("_ducklake_internal_snapshot_id", snapshot_id_field));
		schema_ = arrow::schema(std::move(fields));
		out_.values.resize(out_.column_ids.size());
		out_.nulls.resize(out_.column_ids.size());
	}

	void begin(const std::string &path, const std::function<void(const std::string &)> &note)
	{
		out_.path = path;
		note(path);
		writer_ = std::make_unique<ParquetWriter>(store_, path, schema_);
	}

	void add(const MergeSource &source, parquet::arrow::FileReader &file)
	{
		out_.begins.push_back(out_.rows + pending_rows_);
		out_.bytes_read += source.bytes;
		auto stream = check(file.GetRecordBatchReader());
		int64_t position = 0;
		auto gone = source.deleted.begin();
		while (auto batch = check(stream->Next())) {
			const auto whole = with_ids(*batch, source, position);
			int64_t from = 0;
			for (; gone != source.deleted.end() && gone->first < position + batch->num_rows(); gone++) {
				if (deleted_ == Deleted::keep) {
					out_.deleted.emplace_back(out_.rows + pending_rows_ + gone->first - position, gone->second);
					continue;
				}
				take(whole->Slice(from, gone->first - position - from));
				from = gone->first - position + 1;
			}
			take(whole->Slice(from));
			position += batch->num_rows();
		}
	}

	MergedFile finish()
	{
		flush();
		out_.footprint = writer_->close();
		return std::move(out_);
	}

private:
	std::shared_ptr<arrow::RecordBatch> with_ids(const arrow::RecordBatch &batch, const MergeSource &source, int64_t position)
	{
		arrow::ArrayVector arrays;
		std::shared_ptr<arrow::Array> row_ids, snapshots;
		for (int i = 0; i < batch.num_columns(); i++) {
			const int id = field_id(*batch.schema()->field(i));
			auto constant = constants_.find(id);
			(id == row_id_field ? row_ids : id == snapshot_id_field ? snapshots : arrays.emplace_back()) =
			    constant == constants_.end() ? batch.column(i) : check(counted_from(constant->second, batch.num_rows(), 0)->View(batch.column(i)->type()));
		}
		const int64_t rows = batch.num_rows();
		arrays.push_back(row_ids ? row_ids : counted_from(source.row_id_start + position, rows, 1));
		if (deleted_ == Deleted::keep) {
			arrays.push_back(snapshots ? snapshots : counted_from(source.begin_snapshot, rows, 0));
			note_snapshots(static_cast<const arrow::Int64Array &>(*arrays.back()));
		}
		return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
	}

	void note_snapshots(const arrow::Int64Array &ids)
	{
		for (int64_t i = 0; i < ids.length(); i++) {
			if (out_.last_snapshot == 0 || ids.Value(i) < out_.first_snapshot)
				out_.first_snapshot = ids.Value(i);
			out_.last_snapshot = std::max(out_.last_snapshot, ids.Value(i));
		}
	}

	void take(std::shared_ptr<arrow::RecordBatch> rows)
	{
		if (rows->num_rows() == 0)
			return;
		size_t leaf = 0;
		for (size_t i = 0; i < columns_; i++)
			each_leaf(*schema_->field(static_cast<int>(i)), rows->column(static_cast<int>(i)), [&](const arrow::Field &, const arrow::Array *array) {
				out_.nulls[leaf] += array->null_count();
				out_.values[leaf++] += array->length() - array->null_count();
			});
		pending_rows_ += rows->num_rows();
		pending_.push_back(std::move(rows));
		if (pending_rows_ >= row_group_rows)
			flush();
	}

	void flush()
	{
		if (pending_.empty())
			return;
		const auto table = check(arrow::Table::FromRecordBatches(schema_, pending_));
		writer_->write(check(table->CombineChunksToBatch()));
		out_.rows += pending_rows_;
		pending_rows_ = 0;
		pending_.clear();
	}

	ObjectStore &store_;
	const Deleted deleted_;
	const std::map<int, int64_t> &constants_;
	const size_t columns_;
	std::shared_ptr<arrow::Schema> schema_;
	std::unique_ptr<ParquetWriter> writer_;
	std::vector<std::shared_ptr<arrow::RecordBatch>> pending_;
	int64_t pending_rows_ = 0;
	MergedFile out_;
};

std::optional<MergedFile> merge(ObjectStore &store, const std::vector<MergeSource> &sources, Deleted deleted, const std::string &directory,
                                const std::function<void(const std::string &)> &note, const std::map<int, int64_t> &constants)
{
	std::unique_ptr<Merger> merger;
	arrow::FieldVector columns;
	for (const MergeSource &source : sources) {
		auto file = open_file(store, source.path);
		std::shared_ptr<arrow::Schema> schema;
		check(file->GetSchema(&schema));
		if (!merger) {
			columns = table_fields(*schema);
			merger = std::make_unique<Merger>(store, deleted, constants, columns);
			merger->begin(directory + new_file_name(), note);
		} else if (!same_columns(columns, table_fields(*schema)))
			return std::nullopt;
		merger->add(source, *file);
	}
	return merger->finish();
}

}  // namespace

std::optional<MergedFile> merge_files(ObjectStore &store, const std::vector<MergeSource> &sources, Deleted deleted,
                                      const std::string &directory, const std::function<void(const std::string &)> &note,
                                      const std::map<int, int64_t> &constants)
{
	try {
		return merge(store, sources, deleted, directory, note, constants);
	} catch (const parquet::ParquetStatusException &e) {
		check(e.status());
		throw;
	} catch (const parquet::ParquetException &e) {
		throw StoreError("58030", e.what());
	}
}

}  // namespace lake
