#include "frontier.h"

#include "capture/capture.h"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/xid8.h"
}

#include <algorithm>
#include <map>

namespace apply {

namespace {

Datum array_of_xid8(const char *text)
{
	return OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(text), ObjectIdGetDatum(XID8OID), Int32GetDatum(-1));
}

struct Numbers {
	uint64 xmin, xmax, own;
	uint64 *running;
	int count;
};

// The snapshot's transactions with their epochs, and our own, which is made to exist.
void numbers_of(Snapshot snapshot, Numbers *out)
{
	FullTransactionId next = ReadNextFullTransactionId();
	auto full = [next](TransactionId xid) { return U64FromFullTransactionId(FullTransactionIdFromAllowableAt(next, xid)); };
	out->own = U64FromFullTransactionId(GetTopFullTransactionId());
	out->xmin = full(snapshot->xmin);
	out->xmax = full(snapshot->xmax);
	out->count = snapshot->xcnt;
	out->running = static_cast<uint64 *>(palloc(sizeof(uint64) * (snapshot->xcnt + 1)));
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		out->running[i] = full(snapshot->xip[i]);
}

}  // namespace

std::vector<Frontier> read_frontiers(const std::vector<int> &consumers)
{
	// Under a transaction's own snapshot a frontier may have moved on since: locking it says so (40001) before anything is done.
	std::string lock = IsolationUsesXactSnapshot() ? " FOR UPDATE" : "";
	pg::Rows rows = pg::query("SELECT id, frontier IS NOT NULL, pg_snapshot_xmax(frontier), "
	                          "ARRAY(SELECT pg_snapshot_xip(frontier)), seen_xid, seen_part, "
	                          "(extract(epoch FROM ticked_at) * 1000000)::int8, lapsed "
	                          "FROM pgtrickle.consumer WHERE id = ANY ($1::int[])" + lock,
	                          {pg::array_of(consumers)});
	std::map<int, Frontier> found;
	for (const auto &row : rows) {
		Frontier f;
		f.consumer = std::stoi(*row[0]);
		f.populated = *row[1] == "t";
		f.lapsed = *row[7] == "t";
		if (f.populated) {
			f.xmax = *row[2];
			f.xip = *row[3];
			f.has_seen = row[4].has_value();
			f.seen_xid = row[4].value_or("0");
			f.seen_part = row[5].value_or("0");
			constexpr int64 to_2000 = int64(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
			f.ticked_at = std::stoll(row[6].value_or("0")) - to_2000;
		}
		found[f.consumer] = f;
	}
	std::vector<Frontier> out;
	for (int id : consumers) {
		Frontier &f = found[id];
		f.consumer = id;
		out.push_back(f);
	}
	return out;
}

BatchParameters batch_parameters(const Frontier &frontier)
{
	BatchParameters out;
	out.values = {UInt64GetDatum(std::stoull(frontier.xmax)), pg::call(array_of_xid8, frontier.xip.c_str()),
	              UInt64GetDatum(std::stoull(frontier.seen_xid)), Int32GetDatum(std::stoi(frontier.seen_part))};
	std::fill(std::begin(out.nulls), std::end(out.nulls), ' ');
	if (!frontier.has_seen)
		out.nulls[2] = out.nulls[3] = 'n';
	return out;
}

// Transactions from xmax up to ours were running, or not begun, when the
// snapshot was taken: listed as such, so that ours can lie below the new xmax.
std::string frontier_of(Snapshot snapshot)
{
	Numbers n;
	pg::call(numbers_of, snapshot, &n);
	std::vector<uint64> running(n.running, n.running + n.count);
	for (uint64 xid = n.xmax; xid < n.own; xid++)
		running.push_back(xid);
	std::erase(running, n.own);
	std::sort(running.begin(), running.end());
	uint64 xmax = std::max(n.xmax, n.own + 1);
	uint64 xmin = running.empty() ? xmax : running.front();
	std::string text = std::to_string(xmin) + ":" + std::to_string(xmax) + ":";
	for (size_t i = 0; i < running.size(); i++)
		text += (i == 0 ? "" : ",") + std::to_string(running[i]);
	return text;
}

Frontier own_since(int part)
{
	Frontier own;
	own.populated = own.has_seen = true;
	own.xmax = std::to_string(PG_UINT64_MAX);
	own.xip = "{}";
	own.seen_xid = std::to_string(own_xid());
	own.seen_part = std::to_string(part - 1);
	own.ticked_at = GetCurrentTransactionStartTimestamp();
	return own;
}

void write_frontiers(const std::vector<int> &consumers, const std::string &frontier)
{
	write_frontiers(consumers, frontier, capture::part());
}

void lapse(int view)
{
	std::string id = std::to_string(view);
	pg::query("UPDATE pgtrickle.consumer SET lapsed = true WHERE id = $1::int AND NOT lapsed", {id});
	pg::query("UPDATE pgtrickle.consumer c SET frontier = NULL, lapsed = true WHERE NOT c.lapsed AND c.id IN (SELECT arrangement FROM pgtrickle.uses WHERE view = $1::int) "
	          "AND NOT EXISTS (SELECT FROM pgtrickle.uses u JOIN pgtrickle.consumer o ON o.id = u.view WHERE u.arrangement = c.id AND NOT o.lapsed)",
	          {id});
}

void revive(int consumer)
{
	pg::query("UPDATE pgtrickle.consumer SET lapsed = false WHERE id = $1::int", {std::to_string(consumer)});
}

uint64 own_xid()
{
	return U64FromFullTransactionId(pg::call(GetTopFullTransactionId));
}

void write_frontiers(const std::vector<int> &consumers, const std::string &frontier, int part)
{
	if (consumers.empty())
		return;
	pg::query("UPDATE pgtrickle.consumer SET frontier = $2::pg_snapshot, seen_xid = pg_current_xact_id(), "
	          "seen_part = $3::int, ticked_at = now() WHERE id = ANY ($1::int[])",
	          {pg::array_of(consumers), frontier, std::to_string(part)});
}

}  // namespace apply
