#include "consumer.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "identity.hpp"
#include "inspect.hpp"
#include "lease.hpp"
#include "migration.hpp"
#include "settlement.hpp"

namespace volley::postgresql {

namespace {

constexpr std::chrono::milliseconds least_pause{2};
// With notifications, in case one is lost because its sender died before it sent it.
constexpr std::chrono::milliseconds listening_pause{1000};
// While others hold the keys of all waiting messages: there is no notification when they are done.
constexpr std::chrono::milliseconds blocked_pause{20};

}  // namespace

PostgresqlConsumer::PostgresqlConsumer(Context context)
    : context_(std::move(context)),
      config_(read_config(context_)),
      table_(table_of(config_, context_.value())),
      session_(config_.server),
      claims_(config_),
      listener_(context_, config_) {}

PostgresqlConsumer::~PostgresqlConsumer() {
    detail::guard(nullptr, [this] { close(0); });  // on failure, messages return when their leases end
}

void PostgresqlConsumer::open() {
    store_ = open_store(session_, config_, name(), Use::consume);
    claims_.set_table(store_.table);
    if (!store_.advice.empty())
        context_.warning(session_.where() + ": the table " + table_ +
                         " lacks indexes for what every claim looks for, and may be slow when it is long: " +
                         store_.advice);
    listener_.listen_to(store_.channel());
}

Session& PostgresqlConsumer::session() {
    if (session_.is_open()) return session_;
    const std::string before =
        std::exchange(store_, open_store(session_, config_, name(), Use::consume)).name();
    claims_.set_table(store_.table);
    if (store_.name() != before)
        context_.error(session_.where() + ": the table " + table_ + " is another one than before; " +
                       std::to_string(deliveries_.open().size()) +
                       " messages of the old one that were at work are given up");
    context_.info(session_.where() + ": connected again");
    return session_;
}

void PostgresqlConsumer::claim(volley_batch& batch) {
    Claims::Taken taken = claims_.take(session_, store_.table_id, batch.capacity, batch.max_bytes);
    if (PQntuples(taken.rows.get()) == 0) return;
    Page& page = deliveries_.empty_page();
    page.fill(std::move(taken.rows));
    page.lend(batch, true);
    if (!store_.table.is_mapped) listener_.note_taken(batch.count, table_);
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        volley_message& m = element(batch.messages, batch.message_size, i);
        m.handle = deliveries_.add(page.id(i), taken.token, page);
        m.lease_ms = config_.lease_ms;
    }
}

// Waits until a notification arrives, the next delay or lease ends, or the next poll is due.
void PostgresqlConsumer::wait(Clock::time_point deadline) {
    const Outlook outlook = claims_.look(session_);
    listener_.listen_to(store_.channel());
    // Writers of the user's own table send no notifications.
    const bool hears = listener_.hears() && !store_.table.is_mapped;
    auto pause = hears ? listening_pause : std::chrono::milliseconds(pause_);
    pause_ = std::min(pause_ * 2, std::chrono::milliseconds(config_.poll_ms));
    if (outlook.blocked) pause = std::min(pause, blocked_pause);
    if (outlook.next_due_ms >= 0)
        pause = std::min(
            pause, std::chrono::milliseconds(std::min<std::int64_t>(outlook.next_due_ms + 1, 3'600'000)));
    listener_.wait(interrupt_, std::min(deadline, Clock::now() + pause));
}

std::int32_t PostgresqlConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    batch.count = 0;
    if (batch.capacity == 0) return VOLLEY_OK;
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    while (true) {
        claims_.give_back_unheard(session());
        claim(batch);
        if (batch.count > 0) {
            pause_ = least_pause;
            return VOLLEY_OK;
        }
        if (interrupt_.clear() || Clock::now() >= deadline) return VOLLEY_OK;
        wait(deadline);
    }
}

// ---- Settling

void PostgresqlConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    Session& session = this->session();
    const QueueTable& table = store_.table;
    ClaimedRows acks(table);
    PutBacks put_backs(table);
    bool came_back = false;
    std::set<std::uint64_t> handles;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        const Delivery* d = deliveries_.find(s.handle);
        s.result = d != nullptr && handles.insert(s.handle).second ? VOLLEY_E_RETRY : VOLLEY_E_LOST;
        if (s.result == VOLLEY_E_LOST) continue;
        if (s.outcome == VOLLEY_ACK) {
            acks.add(*d);
            continue;
        }
        const std::uint64_t delay_ms = s.outcome == VOLLEY_NACK ? s.delay_ms : 0;
        put_backs.add(*d, delay_ms, s.outcome != VOLLEY_RELEASE);  // a released message was not attempted
        came_back |= delay_ms == 0;
    }
    if (handles.empty()) return;

    std::vector<Command> commands{{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {}},
                                  acknowledge_command(table, acks),
                                  put_back_command(table, put_backs),
                                  {"COMMIT", {}}};
    if (put_backs.rows.count == 0) commands.erase(commands.begin() + 2);
    if (came_back) commands.push_back(notify_command(table_));
    std::set<std::string> done;
    try {
        const auto results = session.run(commands, Effect::commits, "settling");
        done = ids_of(results[1].get());
        if (put_backs.rows.count > 0) done.merge(ids_of(results[2].get()));
    } catch (const Error& error) {
        if (error.code != ErrorCode::unknown) throw;
        for (const std::uint64_t handle : handles) deliveries_.find(handle)->in_doubt = true;
        throw;
    }

    ClaimedRows doubtful(table);  // acks that an earlier call may have committed
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        if (s.result != VOLLEY_E_RETRY) continue;
        const Delivery& d = *deliveries_.find(s.handle);
        if (done.count(d.id) != 0)
            s.result = VOLLEY_OK;
        else if (d.in_doubt && s.outcome == VOLLEY_ACK)
            doubtful.add(d);
        else
            s.result = VOLLEY_E_LOST;
    }
    std::set<std::string> there;
    if (doubtful.count > 0)
        there = ids_of(
            session.run({still_there_command(table, doubtful)}, Effect::none, "asking for what was acked")[0]
                .get());
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        if (handles.erase(s.handle) == 0) continue;
        if (s.result == VOLLEY_E_RETRY)
            s.result = there.count(deliveries_.find(s.handle)->id) == 0 ? VOLLEY_OK : VOLLEY_E_LOST;
        deliveries_.finish(s.handle);
    }
}

void PostgresqlConsumer::extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                                std::uint32_t lease_ms) {
    Session& session = this->session();
    ClaimedRows rows(store_.table);
    for (std::uint32_t i = 0; i < count; ++i)
        if (const Delivery* d = deliveries_.find(handles[i])) rows.add(*d);
    // As with claims, it is harmless if the server loses it in a crash.
    const auto answers = session.run({{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {}},
                                      {"SELECT set_config('synchronous_commit', 'off', true)", {}},
                                      extend_command(store_.table, rows, lease_ms),
                                      {"COMMIT", {}}},
                                     Effect::none, "extending leases");
    const std::set<std::string> extended = ids_of(answers[2].get());
    for (std::uint32_t i = 0; i < count; ++i) {
        const Delivery* d = deliveries_.find(handles[i]);
        results[i] = d != nullptr && extended.count(d->id) != 0 ? VOLLEY_OK : VOLLEY_E_LOST;
    }
}

// ---- Ending

void PostgresqlConsumer::release_all() {
    PutBacks put_backs(store_.table);
    for (const Delivery& d : deliveries_.open()) put_backs.add(d, 0, true);
    deliveries_.clear();
    if (put_backs.rows.count == 0 || !session_.is_open()) return;
    session_.run({put_back_command(store_.table, put_backs)}, Effect::none, "giving back messages");
}

void PostgresqlConsumer::close(std::uint32_t) {
    listener_.close();
    volley_error failure{};
    failure.struct_size = sizeof failure;
    const std::int32_t status = detail::guard(&failure, [this] {
        release_all();
        if (session_.is_open()) claims_.give_back_unheard(session_);
    });
    session_.close();
    if (status != VOLLEY_OK) throw Error(static_cast<ErrorCode>(status), failure.text);
}

const void* PostgresqlConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_INSPECT) return inspect_consumer();
    if (id == VOLLEY_EXT_IDENTITY) return identity_table();
    return id == VOLLEY_EXT_LEASE ? lease_table() : nullptr;
}

}  // namespace volley::postgresql
