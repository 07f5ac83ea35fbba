#pragma once
// Errors cross the boundary in one piece.
//
// PostgreSQL reports an error by longjmp, which forgets C++ destructors; C++
// reports one by unwinding, which forgets PG_CATCH.  So neither may cross the
// other's frames.  call() turns a longjmp into a pg::Error at the innermost
// frame; entry() turns whatever arrives back into ereport at the outermost,
// once no C++ object is left alive.
#include "postgres.hpp"

#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace pg {

// The memory an error is copied into: the context that was current when
// PostgreSQL entered us, so it outlives every arena made since.
inline MemoryContext entry_context = nullptr;

// A PostgreSQL error on its way through C++ frames, with SQLSTATE, detail,
// hint, context and position as they were raised.
class Error final : public std::exception {
public:
	explicit Error(ErrorData *data) noexcept : data_(data) {}
	const char *what() const noexcept override { return data_->message; }
	ErrorData *data() const noexcept { return data_; }

private:
	ErrorData *data_;
};

// An error of our own: what went wrong, the offending value, the next step.
// position is the cursor position in the query text, from 1; 0 is none.  schema
// and table name the relation that it is about, if it is about one.
struct Failure final : public std::exception {
	int sqlstate;
	std::string message, detail, hint;
	int position;
	std::string schema, table;

	Failure(int sqlstate, std::string message, std::string detail = {}, std::string hint = {}, int position = 0)
	    : sqlstate(sqlstate), message(std::move(message)), detail(std::move(detail)), hint(std::move(hint)),
	      position(position)
	{
	}
	const char *what() const noexcept override { return message.c_str(); }
};

[[noreturn]] inline void fail(int sqlstate, std::string message, std::string detail = {}, std::string hint = {},
                              int position = 0)
{
	throw Failure(sqlstate, std::move(message), std::move(detail), std::move(hint), position);
}

namespace detail {

// Failure as the server keeps errors; nullptr if there is no memory for it.
// Cannot longjmp.
inline ErrorData *to_error_data(const Failure &failure, MemoryContext into) noexcept
{
	constexpr int flags = MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO;
	auto copy = [into](const std::string &text) -> char * {
		if (text.empty())
			return nullptr;
		auto *to = static_cast<char *>(MemoryContextAllocExtended(into, text.size() + 1, flags));
		if (to != nullptr)
			memcpy(to, text.data(), text.size());
		return to;
	};
	auto *data = static_cast<ErrorData *>(MemoryContextAllocExtended(into, sizeof(ErrorData), flags));
	if (data == nullptr)
		return nullptr;
	data->elevel = ERROR;
	data->output_to_server = true;
	data->output_to_client = true;
	data->sqlerrcode = failure.sqlstate;
	data->message = copy(failure.message);
	data->detail = copy(failure.detail);
	data->hint = copy(failure.hint);
	data->cursorpos = failure.position;
	data->schema_name = copy(failure.schema);
	data->table_name = copy(failure.table);
	data->assoc_context = into;
	return data->message != nullptr ? data : nullptr;
}

// Lifts the pending error out of PostgreSQL's error stack.  Runs under a
// barrier of its own, since copying allocates; out of memory here means the
// copy is lost, not the process.
inline ErrorData *take_error(MemoryContext into) noexcept
{
	sigjmp_buf *outer = PG_exception_stack;
	ErrorContextCallback *callbacks = error_context_stack;
	sigjmp_buf here;
	ErrorData *volatile copy = nullptr;

	CurrentMemoryContext = into;
	if (sigsetjmp(here, 0) == 0) {
		PG_exception_stack = &here;
		copy = CopyErrorData();
	}
	PG_exception_stack = outer;
	error_context_stack = callbacks;
	CurrentMemoryContext = into;
	FlushErrorState();
	return copy;
}

}  // namespace detail

// Calls one PostgreSQL function.  Arguments and result are plain values, so
// there is no frame between the barrier and PostgreSQL with anything to destroy.
template <typename R, typename... P, typename... A>
	requires((std::is_trivially_copyable_v<A> && ...) && (std::is_void_v<R> || std::is_trivially_copyable_v<R>))
R call(R (*function)(P...), A... args)
{
	sigjmp_buf *outer = PG_exception_stack;
	ErrorContextCallback *callbacks = error_context_stack;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext entered = entry_context;
	sigjmp_buf here;

	if (sigsetjmp(here, 0) == 0) {
		PG_exception_stack = &here;
		if constexpr (std::is_void_v<R>) {
			function(args...);
			PG_exception_stack = outer;
			return;
		} else {
			R result = function(args...);
			PG_exception_stack = outer;
			return result;
		}
	}
	PG_exception_stack = outer;
	error_context_stack = callbacks;
	entry_context = entered;  // an inner entry may have been jumped over
	ErrorData *error = detail::take_error(entered);
	CurrentMemoryContext = context;
	if (error == nullptr)
		throw std::bad_alloc();
	throw Error(error);
}

// Runs C++ on PostgreSQL's behalf.  The ereport happens after the catch block
// has ended: a longjmp out of one would leak the exception object.
template <typename R, typename... A>
R entry(R (*body)(A...), A... args)
{
	MemoryContext outer_entry = entry_context;
	MemoryContext context = CurrentMemoryContext;
	ErrorData *error = nullptr;
	ErrorData *failure = nullptr;
	int code = ERRCODE_INTERNAL_ERROR;
	char message[1024];

	entry_context = context;
	try {
		if constexpr (std::is_void_v<R>) {
			body(args...);
			entry_context = outer_entry;
			return;
		} else {
			R result = body(args...);
			entry_context = outer_entry;
			return result;
		}
	} catch (const Error &e) {
		error = e.data();
	} catch (const Failure &e) {
		failure = detail::to_error_data(e, context);
		code = e.sqlstate;
		snprintf(message, sizeof message, "%s", e.what());
	} catch (const std::bad_alloc &) {
		code = ERRCODE_OUT_OF_MEMORY;
		snprintf(message, sizeof message, "out of memory");
	} catch (const std::exception &e) {
		snprintf(message, sizeof message, "%s", e.what());
	} catch (...) {
		snprintf(message, sizeof message, "unknown C++ exception");
	}
	entry_context = outer_entry;
	CurrentMemoryContext = context;
	if (error != nullptr)
		ReThrowError(error);
	if (failure != nullptr)
		ThrowErrorData(failure);
	ereport(ERROR, errcode(code), errmsg_internal("%s", message));
}

}  // namespace pg

#define PGT_FUNCTION(name)                                                       \
	static Datum name##_body(FunctionCallInfo fcinfo);                            \
	extern "C" {                                                                  \
	PG_FUNCTION_INFO_V1(name);                                                    \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) { return pg::entry(name##_body, fcinfo); } \
	}                                                                             \
	static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
