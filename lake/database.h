#pragma once
// A connection to PostgreSQL: statements with text parameters, and COPY in binary both ways.
//
// A Connection is used by one thread.  Every failure is thrown: DatabaseError with the server's SQLSTATE, or
// ConnectionLost.  After a DatabaseError inside a transaction the transaction is over; roll it back.
#include "error.h"

#include <libpq-fe.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lake {

using Text = std::optional<std::string>;

inline std::string text(int64_t value) { return std::to_string(value); }  // as a parameter

class Rows {
public:
	explicit Rows(PGresult *result) : result_(result, PQclear) {}
	int size() const { return PQntuples(result_.get()); }
	bool empty() const { return size() == 0; }
	int affected() const { return atoi(PQcmdTuples(result_.get())); }
	bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column); }
	std::string text(int row, int column) const
	{
		return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
	}
	Text maybe(int row, int column) const { return is_null(row, column) ? Text() : text(row, column); }
	int64_t number(int row, int column) const { return atoll(PQgetvalue(result_.get(), row, column)); }
	bool flag(int row, int column) const { return *PQgetvalue(result_.get(), row, column) == 't'; }

private:
	std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// One row of a binary COPY: its fields in order, and the bytes they lie in.
struct Field {
	const char *data;
	int32_t size;  // -1: NULL
	bool is_null() const { return size < 0; }
};
struct Tuple {
	std::vector<Field> fields;
	std::string_view image;  // all fields, each with its length, as they came
};

class Connection {
public:
	// name: shown as application_name.  The session's settings are made harmless: UTF8 (what a database in SQL_ASCII holds comes as it is), no search_path, no timeouts.
	Connection(const std::string &conninfo, const std::string &name);

	Rows query(const std::string &sql, const std::vector<Text> &params = {});
	// The same, planned once: for what is asked again and again.
	Rows query_prepared(const std::string &sql, const std::vector<Text> &params = {});
	// Runs the query under COPY … TO STDOUT (FORMAT binary) and hands over row by row.  The row is valid during the call.
	void copy_out(const std::string &query, const std::function<void(const Tuple &)> &row);
	void rollback() noexcept;
	std::string quote_ident(const std::string &name);
	std::string quote_literal(const std::string &text);
	PGconn *raw() { return connection_.get(); }
	[[noreturn]] void fail(PGresult *result);

private:
	Rows receive(PGresult *result);
	std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
	std::map<std::string, std::string> prepared_;  // names by statement
};

// Big-endian, as PostgreSQL sends numbers.
template <typename T>
T swap_bytes(T value)
{
	static_assert(std::endian::native == std::endian::little && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8));
	if constexpr (sizeof(T) == 8)
		return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
	else if constexpr (sizeof(T) == 4)
		return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
	else
		return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
}

template <typename T>
T read_integer(const char *data)
{
	T value;
	memcpy(&value, data, sizeof value);
	return swap_bytes(value);
}

template <typename T>
void append_integer(std::string &bytes, T value)
{
	const T swapped = swap_bytes(value);
	bytes.append(reinterpret_cast<const char *>(&swapped), sizeof swapped);
}

// A value with its length before it, of which there may be none, where it lies.
inline Field read_field(const char *&at)
{
	const Field field{at + 4, read_integer<int32_t>(at)};
	at += 4 + (field.is_null() ? 0 : field.size);
	return field;
}

// As many as the tuple has.
void read_fields(const char *&at, Tuple &tuple);

// COPY table FROM STDIN (FORMAT binary), filled field by field.  Not finished, it is cancelled.
class CopyIn {
public:
	// options: after "WITH (FORMAT binary", such as ", FREEZE".
	CopyIn(Connection &connection, const std::string &table, const std::string &options = {});
	~CopyIn();
	CopyIn(const CopyIn &) = delete;
	void begin_row(int16_t fields) { integer(fields); }
	void field(int32_t value) { integer<int32_t>(4), integer(value); }
	void field(int64_t value) { integer<int32_t>(8), integer(value); }
	void field(const char *data, int32_t size) { integer(size), buffer_.append(data, size); }
	void null() { integer<int32_t>(-1); }
	// The head of an array of so many elements of that many bytes, which follow, each as a field.
	void array(int32_t type, int32_t count, size_t element)
	{
		integer(static_cast<int32_t>(20 + count * (4 + element)));
		for (const int32_t value : {1, 0, type, count, 1})  // dimensions, no NULLs, …, the first one's number
			integer(value);
	}
	void end_row()
	{
		if (buffer_.size() > 60000)
			send();
	}
	void finish();

private:
	template <typename T>
	void integer(T value)
	{
		append_integer(buffer_, value);
	}
	void send();
	Connection &connection_;
	std::string buffer_;
	bool open_ = true;
};

// '{"a","b",NULL}' for a parameter of an array type.
class ArrayText {
public:
	void add(const Text &value);
	void add(int64_t value) { separate() += std::to_string(value); }
	std::string text() const { return text_ + "}"; }

private:
	std::string &separate() { return text_.size() > 1 ? text_ += ',' : text_; }
	std::string text_ = "{";
};

// The same of numbers.
std::string array_of(const auto &numbers)
{
	ArrayText list;
	for (const int64_t number : numbers)
		list.add(number);
	return list.text();
}

}  // namespace lake
