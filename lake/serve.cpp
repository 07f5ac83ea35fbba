#include "serve.h"

#include "publish.h"
#include "share.h"
#include "sources.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace lake {

namespace {

constexpr auto pause_between_looks = std::chrono::milliseconds(100);
// A row is to be read a period after it was committed, and to notice and publish it takes its time, too: most of it where the period is long.
constexpr auto short_period = "10 s", share_of_short_period = "0.75";
constexpr auto pause_between_upkeeps = std::chrono::seconds(1);
constexpr auto pause_between_tags = std::chrono::seconds(1);
constexpr auto pause_after_failure = std::chrono::seconds(60);  // unless a table is due sooner

struct Due {
	std::map<int, std::set<int>> publications;  // of ours, by lake
	std::map<int, std::set<int>> all;           // that exist, whose ever they are, by lake
	std::map<int, std::set<int>> asked_for;     // of them, by a request
	std::map<int, int64_t> answers;             // requests to be acknowledged, by lake
};

class Server {
public:
	explicit Server(const Settings &settings) : settings_(settings), side_(settings.conninfo, "trickle-lake"), share_(side_) {}

	bool run()
	{
		bool all = true;
		if (settings_.once)
			all = follow_sources(settings_.conninfo);
		else
			sources_ = std::make_unique<SourceFollower>(settings_.conninfo);
		while (true) {
			const Due due = look();
			keep_publishers();
			for (const auto &[id, publisher] : publishers_) {
				if (publisher)
					end_loads(id, *publisher, due);
				auto found = due.publications.find(id);
				if (found != due.publications.end() && !found->second.empty())
					for (all = publish(id, found->second) && all; settings_.once && is_loading(id, found->second); all = publish(id, found->second) && all)
						bell_.wait(pause_between_looks);
				if (!publisher && std::chrono::steady_clock::now() >= reopen_[id])
					publish(id, {});
				if (publisher)
					follow_iceberg(id, due.asked_for.contains(id));
				acknowledge(id, due);
			}
			if (settings_.once)
				return all;
			keep_up();
			bell_.wait(pause_between_looks);
		}
	}

private:
	Due look()
	{
		const Rows rows = side_.query_prepared(
		    "SELECT l.id, l.answered, r.asked, w.asked, p.id, p.period IS NULL, c.frontier, h.status <> 'SUSPENDED' AND coalesce(h.retry_at <= clock_timestamp(), true), "
		    "       coalesce(floor(extract(epoch FROM clock_timestamp()) / step) > floor(extract(epoch FROM c.ticked_at) / step), true), h.answered, c.ticked_at IS NULL "
		    "FROM pgtrickle.lake l LEFT JOIN (pgtrickle.publication p JOIN pgtrickle.consumer c USING (id) JOIN pgtrickle.publication_health h USING (id)) ON p.lake = l.id, "
		    "     LATERAL (SELECT extract(epoch FROM p.period) * CASE WHEN p.period < $2::interval THEN $3::float8 ELSE 1 END AS step) s, "
		    "     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS asked FROM pgtrickle.lake_request) r, "
		    "     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS asked FROM pgtrickle.lake_wait) w "
		    "WHERE $1 = '' OR l.name = $1",
		    {settings_.lake, short_period, share_of_short_period});
		Due due;
		for (int i = 0; i < rows.size(); i++) {
			std::set<int> &tables = due.all[static_cast<int>(rows.number(i, 0))];
			if (!rows.is_null(i, 4))
				tables.insert(static_cast<int>(rows.number(i, 4)));
		}
		share_.look(due.all);
		const std::set<int> retold = look_at_tags();
		int64_t waited = waited_;
		for (int i = 0; i < rows.size(); i++) {
			const int lake = static_cast<int>(rows.number(i, 0));
			const int64_t requested = rows.number(i, 2);
			if (settings_.once && !(share_.leads(lake) && (rows.is_null(i, 4) || share_.owns(static_cast<int>(rows.number(i, 4))))))
				throw DatabaseError("55P03", "lake " + std::to_string(lake) + " is served by another trickle-lake");
			if ((requested > rows.number(i, 1) || settings_.once) && share_.leads(lake))
				due.answers[lake] = requested;
			waited = rows.number(i, 3);
			if (rows.is_null(i, 4))
				continue;
			const int id = static_cast<int>(rows.number(i, 4));
			if (!share_.owns(id))
				continue;
			const bool asked = requested > rows.number(i, 9) || settings_.once;
			if (asked)
				due.asked_for[lake].insert(id), due.answers[lake] = requested;
			const bool calculated = rows.flag(i, 5) && !rows.is_null(i, 6) && !rows.flag(i, 10);
			if (asked || (rows.flag(i, 7) && (calculated ? waited != waited_ || retold.contains(id) || has_changed(id, rows.text(i, 6)) : rows.flag(i, 8))))
				due.publications[lake].insert(id);
		}
		waited_ = waited;
		return due;
	}

	// Tables on 'calculated' that are described otherwise than in the lake: no log tells of it.
	std::set<int> look_at_tags()
	{
		const auto now = std::chrono::steady_clock::now();
		if (now < next_tags_)
			return {};
		next_tags_ = now + pause_between_tags;
		const Rows rows = side_.query_prepared("SELECT p.id FROM pgtrickle.publication p WHERE p.period IS NULL AND p.table_id IS NOT NULL AND p.tags <> pgtrickle._lake_tags(p.id)");
		std::set<int> retold;
		for (int i = 0; i < rows.size(); i++)
			retold.insert(static_cast<int>(rows.number(i, 0)));
		return retold;
	}

	void acknowledge(int lake, const Due &due)
	{
		auto answer = due.answers.find(lake);
		if (answer == due.answers.end())
			return;
		if (auto tables = due.asked_for.find(lake); tables != due.asked_for.end()) {
			ArrayText ids;
			for (int id : tables->second)
				if (!is_loading(lake, {id}))
					ids.add(id);
			side_.query("UPDATE pgtrickle.publication_health SET answered = $2 WHERE id = ANY($1::int[])", {ids.text(), text(answer->second)});
		}
		if (share_.leads(lake))
			side_.query("UPDATE pgtrickle.lake SET answered = $2 WHERE id = $1", {text(lake), text(answer->second)});
	}

	// One step a look, so that publishing waits for no more than that; all that is to do when somebody waits for it.
	void keep_up()
	{
		const auto now = std::chrono::steady_clock::now();
		if (now < next_upkeep_)
			return;
		next_upkeep_ = now + pause_between_upkeeps;
		const Rows rows = side_.query_prepared(
		    "SELECT s.lake, pgtrickle._lake_policy(s.lake, 'upkeep_every') <> 'off' AND (s.next_at <= clock_timestamp() OR s.policies IS DISTINCT FROM pgtrickle._lake_policies_set(s.lake)), "
		    "s.answered < r.asked, r.asked FROM pgtrickle.lake_upkeep_state s, "
		    "(SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS asked FROM pgtrickle.lake_upkeep_request) r");
		for (int i = 0; i < rows.size(); i++) {
			auto found = publishers_.find(static_cast<int>(rows.number(i, 0)));
			const bool due = rows.flag(i, 1), asked = rows.flag(i, 2);
			if (found == publishers_.end() || !share_.leads(found->first) || (!due && !asked))
				continue;
			std::optional<int64_t> moved;
			do {
				moved = keep_up(found->first);
			} while (asked && moved);
			// The next step when its share of the bandwidth is due; when there was none, the next look.
			side_.query("UPDATE pgtrickle.lake_upkeep_state SET answered = greatest(answered, $3), policies = pgtrickle._lake_policies_set(lake), next_at = CASE WHEN $2::float8 IS NULL THEN "
			            "coalesce(clock_timestamp() + nullif(pgtrickle._lake_policy(lake, 'upkeep_every'), 'off')::interval, 'infinity') "
			            "ELSE clock_timestamp() + coalesce($2::float8 / pg_size_bytes(nullif(pgtrickle._lake_policy(lake, 'max_bandwidth'), 'off')), 0) * interval '1 second' END "
			            "WHERE lake = $1",
			            {rows.text(i, 0), moved ? Text(std::to_string(*moved)) : Text(), asked ? rows.text(i, 3) : "0"});
			if (moved)
				next_upkeep_ = now;
		}
	}

	void end_loads(int lake, Publisher &publisher, const Due &due)
	{
		const auto existing = due.all.find(lake);
		publisher.end_loads([&](int publication) { return existing != due.all.end() && existing->second.contains(publication) && share_.owns(publication); });
	}

	bool is_loading(int lake, const std::set<int> &publications)
	{
		const std::unique_ptr<Publisher> &publisher = publishers_[lake];
		return publisher && std::any_of(publications.begin(), publications.end(), [&](int id) { return publisher->is_loading(id); });
	}

	// An error is in the history, and looked at again with the next look.
	std::optional<int64_t> keep_up(int id)
	{
		std::unique_ptr<Publisher> &publisher = publishers_[id];
		try {
			if (!publisher)
				open(id, publisher);
			return publisher ? publisher->keep_up() : std::nullopt;
		} catch (const ConnectionLost &) {
			throw;
		} catch (const Error &e) {
			fprintf(stderr, "trickle-lake: upkeep of lake %d: %s (%s)\n", id, e.what(), e.sqlstate.c_str());
			publisher.reset();
			return std::nullopt;
		}
	}

	// For 'calculated'.  The question is put anew whenever the frontier has moved.
	bool has_changed(int id, const std::string &frontier)
	{
		auto &[asked_for, question] = questions_[id];
		if (asked_for != frontier) {
			try {
				const std::optional<Publication> publication = read_publication(side_, id);
				if (!publication)
					return false;
				question = "SELECT EXISTS (" + changes_query(*publication, side_) + ")";
			} catch (const Error &) {
				return true;  // publishing finds out and records it
			}
			asked_for = frontier;
		}
		return side_.query(question).flag(0, 0);
	}

	// A lake we serve has an entry here; it is empty after an error, and filled again when a table is due.
	void keep_publishers()
	{
		std::erase_if(publishers_, [&](const auto &entry) { return !share_.serves(entry.first); });
		for (int id : share_.served())
			if (!publishers_.contains(id))
				publish(id, {});
	}

	bool publish(int id, const std::set<int> &publications)
	{
		std::unique_ptr<Publisher> &publisher = publishers_[id];
		try {
			if (!publisher)
				open(id, publisher);
			if (publisher && publisher->publish(publications))
				return true;
		} catch (const ConnectionLost &) {
			throw;
		} catch (const Error &e) {
			fprintf(stderr, "trickle-lake: lake %d: %s (%s)\n", id, e.what(), e.sqlstate.c_str());
			for (int publication : publications)
				record_error(side_, publication, e.sqlstate, e.what(), false);
		}
		publisher.reset();  // it is made anew with the settings of then
		reopen_[id] = std::chrono::steady_clock::now() + pause_after_failure;
		return false;
	}

	void follow_iceberg(int id, bool asked)
	{
		try {
			publishers_[id]->follow_iceberg([this](int table) { return share_.owns(table); }, asked);
		} catch (const ConnectionLost &) {
			throw;
		} catch (const Error &e) {
			fprintf(stderr, "trickle-lake: lake %d: Iceberg: %s (%s)\n", id, e.what(), e.sqlstate.c_str());
			publishers_[id].reset();
		}
	}

	void open(int id, std::unique_ptr<Publisher> &publisher)
	{
		for (const Lake &lake : read_lakes(side_, settings_.lake)) {
			if (lake.id != id)
				continue;
			publisher = std::make_unique<Publisher>(settings_.conninfo, side_, lake, share_.worker(id), bell_);
			publisher->sweep();
		}
	}

	const Settings settings_;
	Connection side_;
	Share share_;
	Bell bell_;                                             // rung when a load is over
	std::map<int, std::unique_ptr<Publisher>> publishers_;  // of the lakes we serve
	std::map<int, std::chrono::steady_clock::time_point> reopen_;
	std::map<int, std::pair<std::string, std::string>> questions_;
	int64_t waited_ = 0;
	std::chrono::steady_clock::time_point next_upkeep_, next_tags_;
	std::unique_ptr<SourceFollower> sources_;
};

}  // namespace

bool serve(const Settings &settings)
{
	return Server(settings).run();
}

}  // namespace lake
