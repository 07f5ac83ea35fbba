#include "serve.h"

#include "publish.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace lake {

namespace {

constexpr auto pause_between_looks = std::chrono::milliseconds(100);
constexpr const char *lock_class = "1953655660";  // pgtrickle._lake_is_served knows it

struct Due {
	std::map<int, std::set<int>> publications;  // by lake
	std::set<int> lakes;                        // that exist
	std::map<int, int64_t> answers;             // requests to be acknowledged, by lake
};

class Server {
public:
	explicit Server(const Settings &settings) : settings_(settings), side_(settings.conninfo, "trickle-lake") {}

	bool run()
	{
		bool all = true;
		while (true) {
			const Due due = look();
			keep_publishers(due.lakes);
			for (const auto &[id, publisher] : publishers_) {
				auto found = due.publications.find(id);
				if (found != due.publications.end() && !found->second.empty())
					all = publish(id, found->second) && all;
				if (auto answer = due.answers.find(id); answer != due.answers.end())
					side_.query("UPDATE pgtrickle.lake SET answered = $2 WHERE id = $1", {std::to_string(id), std::to_string(answer->second)});
			}
			if (settings_.once)
				return all;
			std::this_thread::sleep_for(pause_between_looks);
		}
	}

private:
	Due look()
	{
		const Rows rows = side_.query_prepared(
		    "SELECT l.id, l.answered, r.asked, w.asked, p.id, p.period IS NULL, c.frontier, h.status <> 'SUSPENDED' AND coalesce(h.retry_at <= clock_timestamp(), true), "
		    "       coalesce(floor(extract(epoch FROM clock_timestamp()) / extract(epoch FROM p.period)) > "
		    "                floor(extract(epoch FROM c.ticked_at) / extract(epoch FROM p.period)), c.frontier IS NULL) "
		    "FROM pgtrickle.lake l LEFT JOIN (pgtrickle.publication p JOIN pgtrickle.consumer c USING (id) JOIN pgtrickle.publication_health h USING (id)) ON p.lake = l.id, "
		    "     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS asked FROM pgtrickle.lake_request) r, "
		    "     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS asked FROM pgtrickle.lake_wait) w "
		    "WHERE $1 = '' OR l.name = $1",
		    {settings_.lake});
		Due due;
		int64_t waited = waited_;
		for (int i = 0; i < rows.size(); i++) {
			const int lake = static_cast<int>(rows.number(i, 0));
			due.lakes.insert(lake);
			const bool asked = rows.number(i, 2) > rows.number(i, 1) || settings_.once;
			if (asked)
				due.answers[lake] = rows.number(i, 2);
			waited = rows.number(i, 3);
			if (rows.is_null(i, 4))
				continue;
			const int id = static_cast<int>(rows.number(i, 4));
			const bool calculated = rows.flag(i, 5) && !rows.is_null(i, 6);
			if (asked || (rows.flag(i, 7) && (calculated ? waited != waited_ || has_changed(id, rows.text(i, 6)) : rows.flag(i, 8))))
				due.publications[lake].insert(id);
		}
		waited_ = waited;
		return due;
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
	void keep_publishers(const std::set<int> &lakes)
	{
		std::erase_if(publishers_, [&](const auto &entry) {
			if (lakes.contains(entry.first))
				return false;
			side_.query("SELECT pg_advisory_unlock($1::int, $2::int)", {lock_class, std::to_string(entry.first)});
			return true;
		});
		for (int id : lakes) {
			if (publishers_.contains(id))
				continue;
			if (side_.query("SELECT pg_try_advisory_lock($1::int, $2::int)", {lock_class, std::to_string(id)}).flag(0, 0))
				publish(id, {});
			else if (settings_.once)
				throw DatabaseError("55P03", "lake " + std::to_string(id) + " is served by another trickle-lake");
		}
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
		return false;
	}

	void open(int id, std::unique_ptr<Publisher> &publisher)
	{
		for (const Lake &lake : read_lakes(side_, settings_.lake)) {
			if (lake.id != id)
				continue;
			publisher = std::make_unique<Publisher>(settings_.conninfo, side_, lake);
			publisher->sweep();
		}
	}

	const Settings settings_;
	Connection side_;
	std::map<int, std::unique_ptr<Publisher>> publishers_;  // of the lakes whose lock we hold
	std::map<int, std::pair<std::string, std::string>> questions_;
	int64_t waited_ = 0;
};

}  // namespace

bool serve(const Settings &settings)
{
	return Server(settings).run();
}

}  // namespace lake
