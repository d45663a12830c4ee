#include "consumer.hpp"

#include <algorithm>
#include <utility>

#include "identity.hpp"
#include "inspect.hpp"
#include "lease.hpp"
#include "process.hpp"

namespace volley::sqlite {

namespace {

constexpr std::chrono::milliseconds least_pause{2};
constexpr std::chrono::milliseconds most_pause{100};

}  // namespace

// The condition of the index volley_messages_odd.
#define VOLLEY_SQLITE_ODD "(typeof(visible_at) NOT IN ('integer', 'real') OR visible_at < 0)"

struct SqliteConsumer::Statements {
    explicit Statements(Connection& c)
        : look(c,
               "SELECT EXISTS (SELECT 1 FROM volley_messages WHERE queue = ?1 AND visible_at = 0), "
               "(SELECT max(1, min(visible_at)) FROM volley_messages WHERE queue = ?1 AND visible_at > 0), "
               "EXISTS (SELECT 1 FROM volley_messages WHERE queue = ?1 AND " VOLLEY_SQLITE_ODD ")"),
          correct(c,
                  "UPDATE volley_messages SET visible_at = 0, token = NULL, owner = NULL "
                  "WHERE queue = ?1 AND " VOLLEY_SQLITE_ODD),
          promote(c,
                  "UPDATE volley_messages SET visible_at = 0, token = NULL, owner = NULL "
                  "WHERE queue = ?1 AND visible_at > 0 AND visible_at <= ?2"),
          select(c, "SELECT " VOLLEY_SQLITE_COLUMNS
                    " FROM volley_messages "
                    "WHERE queue = ?1 AND visible_at = 0 ORDER BY id LIMIT ?2"),
          claim(c,
                "UPDATE volley_messages SET visible_at = ?1, token = ?2, owner = ?3, attempts = attempts + 1 "
                "WHERE queue = ?4 AND visible_at = 0 AND id <= ?5"),
          acknowledge(c, acknowledge_sql),
          put_back(c,
                   "UPDATE volley_messages SET visible_at = ?3, token = NULL, owner = NULL, attempts = "
                   "attempts - ?4 "
                   "WHERE id = ?1 AND token = ?2"),
          extend(c, "UPDATE volley_messages SET visible_at = ?3 WHERE id = ?1 AND token = ?2") {}

    Statement look, correct, promote, select, claim, acknowledge, put_back, extend;
};

SqliteConsumer::SqliteConsumer(Context context)
    : context_(std::move(context)),
      config_(read_config(context_)),
      queue_(context_.value()),
      random_(std::random_device{}()) {}

SqliteConsumer::~SqliteConsumer() {
    detail::guard(nullptr, [this] { close(0); });  // on failure, messages return when their leases end
}

void SqliteConsumer::open() {
    owner_ = this_process();
    use(std::make_unique<Connection>(config_));
    reclaim();
}

void SqliteConsumer::use(std::unique_ptr<Connection> connection) {
    auto statements = std::make_unique<Statements>(*connection);
    statements_ = std::move(statements);  // the old ones must end before their connection
    connection_ = std::move(connection);
    {
        const std::lock_guard lock(store_mutex_);
        store_ = connection_->store_pointer();
    }
}

void SqliteConsumer::follow_file() {
    if (!connection().is_replaced()) return;
    use(std::make_unique<Connection>(config_, Connection::Opens::again));
    const auto open = std::count_if(deliveries_.begin(), deliveries_.end(),
                                    [](const Delivery& d) { return d.page != nullptr; });
    context_.error(config_.path +
                   ": the file was replaced while it was in use; the new one is read now, and " +
                   std::to_string(open) + " messages of the old one that were at work are given up");
    reclaim();
}

Connection& SqliteConsumer::connection() const {
    if (connection_ == nullptr) throw Error(ErrorCode::fatal, config_.path + ": the consumer is not open");
    return *connection_;
}

// Releases the claims of processes that are gone, so that a restart does not wait for the leases of the
// previous process.
void SqliteConsumer::reclaim() {
    std::vector<std::string> gone;
    Statement owners(*connection_,
                     "SELECT DISTINCT owner FROM volley_messages WHERE queue = ?1 AND visible_at > 0 AND "
                     "owner IS NOT NULL");
    owners.bind(1, std::string_view(queue_));
    while (owners.step())
        if (const auto owner = text_of(owners.bytes(0)); is_gone(owner, owner_)) gone.emplace_back(owner);
    if (gone.empty()) return;

    Statement give_back(*connection_,
                        "UPDATE volley_messages SET visible_at = 0, token = NULL, owner = NULL "
                        "WHERE queue = ?1 AND visible_at > 0 AND owner = ?2");
    Transaction transaction(*connection_, Durability::in_order);
    int count = 0;
    for (const std::string& owner : gone) {
        give_back.bind(1, std::string_view(queue_)).bind(2, std::string_view(owner)).run();
        count += connection_->changes();
    }
    transaction.commit();
    connection_->store().announce();
    context_.info("took back " + std::to_string(count) +
                  " messages that a process which is gone had claimed");
}

// ---- Consuming

// One statement answers both questions: an idle queue is polled ten times a second, and each poll locks the
// file.
bool SqliteConsumer::is_work(std::int64_t& next_due) {
    Statement& look = statements_->look;
    look.bind(1, std::string_view(queue_)).step();
    const bool any = look.integer(0) != 0;
    next_due = look.integer(1);
    has_odd_ = look.integer(2) != 0;
    look.reset();
    return any || has_odd_ || (next_due != 0 && next_due <= now_ms());
}

Page& SqliteConsumer::empty_page() {
    const auto it =
        std::find_if(pages_.begin(), pages_.end(), [](const auto& page) { return page->open == 0; });
    Page& page = it != pages_.end() ? **it : *pages_.emplace_back(std::make_unique<Page>());
    page.clear();
    return page;
}

std::uint64_t SqliteConsumer::open_delivery(const Page::Row& row, std::int64_t token, Page& page) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(deliveries_.size()));
        deliveries_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Delivery& d = deliveries_[index];
    d.id = row.id;
    d.token = token;
    d.page = &page;
    ++d.generation;
    ++page.open;
    return static_cast<std::uint64_t>(d.generation) << 32 | index;
}

void SqliteConsumer::claim(volley_batch& batch) {
    Transaction transaction(*connection_, Durability::in_order);
    const std::int64_t now = now_ms();
    Statements& s = *statements_;
    if (has_odd_) s.correct.bind(1, std::string_view(queue_)).run();
    s.promote.bind(1, std::string_view(queue_)).bind(2, now).run();

    Page& page = empty_page();
    std::uint64_t bytes = 0;
    s.select.bind(1, std::string_view(queue_)).bind(2, std::int64_t{batch.capacity});
    while (s.select.step()) {
        bytes += page.add(s.select);
        if (batch.max_bytes != 0 && bytes >= batch.max_bytes) break;
    }
    s.select.reset();
    if (page.rows().empty()) {
        if (has_odd_) transaction.commit();
        return;
    }

    const auto token = static_cast<std::int64_t>(random_() >> 1);
    s.claim.bind(1, now + config_.lease_ms)
        .bind(2, token)
        .bind(4, std::string_view(queue_))
        .bind(5, page.rows().back().id);
    s.claim.bind(3, owner_.empty() ? volley_view{} : view_of(owner_));
    s.claim.run();
    transaction.commit();

    page.lend(batch);
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        volley_message& m = element(batch.messages, batch.message_size, i);
        m.handle = open_delivery(page.rows()[i], token, page);
        m.lease_ms = config_.lease_ms;
    }
}

bool SqliteConsumer::take_interrupt() { return interrupted_.exchange(false); }

// Notifications from this process arrive immediately; messages of others are found at the next poll.
void SqliteConsumer::wait(Clock::time_point until) {
    std::unique_lock lock(store_->mutex);
    store_->changed.wait_until(lock, until,
                               [this] { return interrupted_ || store_->version != seen_version_; });
}

std::int32_t SqliteConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    connection();
    batch.count = 0;
    if (batch.capacity == 0) return VOLLEY_OK;
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    while (true) {
        follow_file();
        {
            const std::lock_guard lock(store_->mutex);
            seen_version_ = store_->version;
        }
        std::int64_t next_due = 0;
        if (is_work(next_due)) claim(batch);
        if (batch.count > 0) {
            pause_ = least_pause;
            return VOLLEY_OK;
        }
        const auto now = Clock::now();
        if (take_interrupt() || now >= deadline) return VOLLEY_OK;
        auto until = std::min(deadline, now + pause_);
        if (next_due != 0) {
            const std::int64_t most = std::chrono::milliseconds(most_pause).count();
            until = std::min(until, now + std::chrono::milliseconds(
                                              std::clamp<std::int64_t>(next_due - now_ms(), 1, most)));
        }
        pause_ = std::min(pause_ * 2, most_pause);
        wait(until);
    }
}

void SqliteConsumer::interrupt() {
    std::shared_ptr<Store> store;
    {
        const std::lock_guard lock(store_mutex_);
        store = store_;
    }
    if (store == nullptr) return;
    const std::lock_guard lock(store->mutex);
    interrupted_ = true;
    store->changed.notify_all();
}

// ---- Settling

const SqliteConsumer::Delivery* SqliteConsumer::find(std::uint64_t handle) const {
    const auto index = static_cast<std::uint32_t>(handle);
    if (index >= deliveries_.size()) return nullptr;
    const Delivery& d = deliveries_[index];
    return d.page != nullptr && d.generation == handle >> 32 ? &d : nullptr;
}

void SqliteConsumer::finish(std::uint64_t handle) {
    const auto index = static_cast<std::uint32_t>(handle);
    Delivery& d = deliveries_[index];
    --d.page->open;
    d.page = nullptr;
    free_.push_back(index);
}

void SqliteConsumer::apply(volley_settlement& s, std::int64_t now) {
    const Delivery* d = find(s.handle);
    if (d == nullptr) {
        s.result = VOLLEY_E_LOST;
        return;
    }
    if (s.outcome == VOLLEY_ACK) {
        statements_->acknowledge.bind(1, d->id).bind(2, d->token).run();
    } else {
        Statement& put_back = statements_->put_back;
        put_back.bind(1, d->id)
            .bind(2, d->token)
            .bind(3, visible_at(now, s.outcome == VOLLEY_NACK ? s.delay_ms : 0));
        put_back.bind(4, std::int64_t{s.outcome == VOLLEY_RELEASE ? 1 : 0}).run();  // it was not tried
    }
    s.result = connection_->changes() == 1 ? VOLLEY_OK : VOLLEY_E_LOST;
}

void SqliteConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    connection();
    if (count == 0) return;
    bool came_back = false;
    volley_error failure{};
    failure.struct_size = sizeof failure;
    const std::int32_t status = detail::guard(&failure, [&] {
        Transaction transaction(*connection_, Durability::on_disk);
        const std::int64_t now = now_ms();
        for (std::uint32_t i = 0; i < count; ++i) {
            apply(element(settlements, stride, i), now);
            came_back |= element(settlements, stride, i).outcome != VOLLEY_ACK;
        }
        transaction.commit();
    });
    if (status != VOLLEY_OK && status != VOLLEY_E_RETRY)
        throw Error(static_cast<ErrorCode>(status), failure.text);
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        const bool is_open = find(s.handle) != nullptr;
        if (status == VOLLEY_E_RETRY) {
            s.result = is_open ? VOLLEY_E_RETRY : VOLLEY_E_LOST;
        } else if (is_open) {
            finish(s.handle);
        }
    }
    if (status != VOLLEY_OK) context_.warning(failure.text);
    if (came_back) store_->announce();
}

void SqliteConsumer::extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                            std::uint32_t lease_ms) {
    Transaction transaction(connection(), Durability::in_order);
    const std::int64_t until = now_ms() + lease_ms;
    for (std::uint32_t i = 0; i < count; ++i) {
        results[i] = VOLLEY_E_LOST;
        const Delivery* d = find(handles[i]);
        if (d == nullptr) continue;
        statements_->extend.bind(1, d->id).bind(2, d->token).bind(3, until).run();
        if (connection_->changes() == 1) results[i] = VOLLEY_OK;
    }
    transaction.commit();
}

// ---- Ending

void SqliteConsumer::release_all() {
    const bool any = std::any_of(deliveries_.begin(), deliveries_.end(),
                                 [](const Delivery& d) { return d.page != nullptr; });
    if (!any) return;
    Transaction transaction(*connection_, Durability::in_order);
    for (Delivery& d : deliveries_) {
        if (d.page == nullptr) continue;
        statements_->put_back.bind(1, d.id)
            .bind(2, d.token)
            .bind(3, std::int64_t{0})
            .bind(4, std::int64_t{0})
            .run();
    }
    transaction.commit();
    store_->announce();
}

void SqliteConsumer::close(std::uint32_t) {
    if (connection_ == nullptr) return;
    volley_error failure{};
    failure.struct_size = sizeof failure;
    const std::int32_t status = detail::guard(&failure, [this] { release_all(); });
    for (Delivery& d : deliveries_) d.page = nullptr;
    statements_.reset();
    connection_.reset();
    if (status != VOLLEY_OK) throw Error(static_cast<ErrorCode>(status), failure.text);
}

const void* SqliteConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_INSPECT) return inspect_consumer();
    if (id == VOLLEY_EXT_IDENTITY) return identity_table();
    return id == VOLLEY_EXT_LEASE ? lease_table() : nullptr;
}

}  // namespace volley::sqlite
