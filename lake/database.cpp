#include "database.h"

#include <cstring>

namespace lake {

namespace {

// A COPY row is parsed where it lies.
bool parse_tuple(const char *&at, Tuple &tuple)
{
	const int16_t count = read_integer<int16_t>(at);
	at += 2;
	if (count < 0)
		return false;
	tuple.fields.resize(count);
	read_fields(at, tuple);
	return true;
}

std::vector<const char *> pointers(const std::vector<Text> &params)
{
	std::vector<const char *> values;
	for (const Text &param : params)
		values.push_back(param ? param->c_str() : nullptr);
	return values;
}

}  // namespace

void read_fields(const char *&at, Tuple &tuple)
{
	const char *begin = at;
	for (Field &field : tuple.fields)
		field = read_field(at);
	tuple.image = {begin, static_cast<size_t>(at - begin)};
}

Connection::Connection(const std::string &conninfo, const std::string &name)
    : connection_(PQconnectdb(conninfo.c_str()), PQfinish)
{
	if (PQstatus(raw()) != CONNECTION_OK)
		throw ConnectionLost(PQerrorMessage(raw()));
	PQsetNoticeProcessor(raw(), [](void *, const char *) {}, nullptr);
	query("SELECT set_config('application_name', $1, false), set_config('client_encoding', CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, false), "
	      "set_config('search_path', 'pg_catalog', false), set_config('row_security', 'off', false), "
	      "set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false), "
	      "set_config('transaction_timeout', '0', false), set_config('idle_in_transaction_session_timeout', '0', false), "
	      "set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false), set_config('IntervalStyle', 'iso_8601', false), "
	      "set_config('extra_float_digits', '1', false), set_config('bytea_output', 'hex', false), set_config('lc_monetary', 'C', false), set_config('jit', 'off', false)",
	      {name});
}

void Connection::fail(PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const std::string sqlstate = state ? state : "08006";
	std::string message = primary ? primary : PQerrorMessage(raw());
	if (const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL))
		message += std::string(" (") + detail + ")";
	PQclear(result);
	if (PQstatus(raw()) != CONNECTION_OK || sqlstate.starts_with("08") || sqlstate.starts_with("57P"))
		throw ConnectionLost(message);
	throw DatabaseError(sqlstate, message);
}

Rows Connection::receive(PGresult *result)
{
	const ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		fail(result);
	return Rows(result);
}

Rows Connection::query(const std::string &sql, const std::vector<Text> &params)
{
	const std::vector<const char *> values = pointers(params);
	return receive(PQexecParams(raw(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0));
}

Rows Connection::query_prepared(const std::string &sql, const std::vector<Text> &params)
{
	auto [entry, is_new] = prepared_.try_emplace(sql, "s" + std::to_string(prepared_.size()));
	if (is_new)
		receive(PQprepare(raw(), entry->second.c_str(), sql.c_str(), 0, nullptr));
	const std::vector<const char *> values = pointers(params);
	return receive(PQexecPrepared(raw(), entry->second.c_str(), static_cast<int>(values.size()), values.data(), nullptr, nullptr, 0));
}

void Connection::copy_out(const std::string &query, const std::function<void(const Tuple &)> &row)
{
	PGresult *result = PQexec(raw(), ("COPY (" + query + ") TO STDOUT (FORMAT binary)").c_str());
	if (PQresultStatus(result) != PGRES_COPY_OUT)
		fail(result);
	PQclear(result);

	Tuple tuple;
	bool first = true;
	char *buffer;
	int size;
	while ((size = PQgetCopyData(raw(), &buffer, 0)) > 0) {
		std::unique_ptr<char, decltype(&PQfreemem)> owner(buffer, PQfreemem);
		const char *at = buffer, *end = buffer + size;
		if (first)
			at += 19 + read_integer<int32_t>(buffer + 15);  // signature, flags, extension
		first = false;
		while (at < end && parse_tuple(at, tuple))
			row(tuple);
	}
	while ((result = PQgetResult(raw())) != nullptr) {
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fail(result);
		PQclear(result);
	}
}

// Also out of a COPY that was left in the middle.
void Connection::rollback() noexcept
{
	if (PQtransactionStatus(raw()) == PQTRANS_ACTIVE) {
		if (PGcancelConn *cancel = PQcancelCreate(raw())) {
			PQcancelBlocking(cancel);
			PQcancelFinish(cancel);
		}
		while (PGresult *result = PQgetResult(raw())) {
			const ExecStatusType status = PQresultStatus(result);
			PQclear(result);
			char *buffer;
			if (status == PGRES_COPY_IN)
				PQputCopyEnd(raw(), "given up");
			else if (status == PGRES_COPY_OUT)
				while (PQgetCopyData(raw(), &buffer, 0) > 0)
					PQfreemem(buffer);
			else if (PQstatus(raw()) != CONNECTION_OK)
				return;
		}
	}
	PQclear(PQexec(raw(), "ROLLBACK"));
}

std::string Connection::quote_ident(const std::string &name)
{
	std::unique_ptr<char, decltype(&PQfreemem)> quoted(PQescapeIdentifier(raw(), name.data(), name.size()), PQfreemem);
	return quoted.get();
}

std::string Connection::quote_literal(const std::string &text)
{
	std::unique_ptr<char, decltype(&PQfreemem)> quoted(PQescapeLiteral(raw(), text.data(), text.size()), PQfreemem);
	return quoted.get();
}

CopyIn::CopyIn(Connection &connection, const std::string &table, const std::string &options) : connection_(connection)
{
	PGresult *result = PQexec(connection_.raw(), ("COPY " + table + " FROM STDIN WITH (FORMAT binary" + options + ")").c_str());
	if (PQresultStatus(result) != PGRES_COPY_IN)
		connection_.fail(result);
	PQclear(result);
	buffer_.reserve(1 << 16);
	buffer_.append("PGCOPY\n\377\r\n\0", 11).append(8, '\0');
}

CopyIn::~CopyIn()
{
	if (!open_)
		return;
	PQputCopyEnd(connection_.raw(), "given up");
	while (PGresult *result = PQgetResult(connection_.raw()))
		PQclear(result);
}

void CopyIn::send()
{
	if (PQputCopyData(connection_.raw(), buffer_.data(), static_cast<int>(buffer_.size())) != 1)
		throw ConnectionLost(PQerrorMessage(connection_.raw()));
	buffer_.clear();
}

void CopyIn::finish()
{
	integer<int16_t>(-1);
	send();
	open_ = false;
	if (PQputCopyEnd(connection_.raw(), nullptr) != 1)
		throw ConnectionLost(PQerrorMessage(connection_.raw()));
	std::optional<PGresult *> failed;
	while (PGresult *result = PQgetResult(connection_.raw())) {
		if (PQresultStatus(result) != PGRES_COMMAND_OK && !failed)
			failed = result;
		else
			PQclear(result);
	}
	if (failed)
		connection_.fail(*failed);
}

void ArrayText::add(const Text &value)
{
	separate();
	if (!value) {
		text_ += "NULL";
		return;
	}
	text_ += '"';
	for (char c : *value) {
		if (c == '"' || c == '\\')
			text_ += '\\';
		text_ += c;
	}
	text_ += '"';
}

}  // namespace lake
