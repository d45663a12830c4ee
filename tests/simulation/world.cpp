#include "world.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <initializer_list>

#include "delivery/breaker.hpp"

namespace simulation {

namespace {

using volley::Milliseconds;
using volley::OnFail;
using volley::Order;

std::int64_t number_after(std::string_view body, std::string_view name, std::int64_t otherwise) {
    const std::size_t at = body.find(name);
    if (at == std::string_view::npos) return otherwise;
    std::int64_t value = otherwise;
    std::from_chars(body.data() + at + name.size(), body.data() + body.size(), value);
    return value;
}

}  // namespace

int number_of(std::string_view body) { return static_cast<int>(number_after(body, "\"n\":", -1)); }
int output_of(std::string_view body, int otherwise) {
    return static_cast<int>(number_after(body, "\"o\":", otherwise));
}

std::string Scenario::name() const {
    std::string out = log ? "log" : "queue";
    const auto add = [&out](bool is, const char* what) {
        if (is) out += std::string(" ") + what;
    };
    add(forward, "forward");
    add(codec, "codec");
    add(transactions, posts ? "posted-transactions" : "transactions");
    add(polled_outputs, "polled-outputs");
    add(ordered_outputs, "ordered-outputs");
    add(drops_repeats, "drops-repeats");
    add(keeps_groups, "keeps-groups");
    add(thread_safe, "thread-safe");
    add(pends, "pends");
    add(is_async, polls ? "polled-async" : "async");
    add(!interrupt, "no-interrupt");
    add(calm, "calm");
    add(reloads, "reloads");
    out += " workers=" + std::to_string(component.workers) +
           " concurrency=" + std::to_string(component.concurrency) +
           (component.batch ? " batch=" + std::to_string(component.batch->max_messages) : std::string()) +
           " order=" + std::to_string(static_cast<int>(component.order)) +
           " on_fail=" + std::to_string(static_cast<int>(component.on_fail)) +
           " max_attempts=" + std::to_string(component.retry.max_attempts) +
           " lease=" + std::to_string(lease_ms);
    return out;
}

bool Scenario::may_stop() const {
    return component.on_fail == OnFail::stop ||
           (component.on_fail == OnFail::automatic && !has_dead_letters && log);
}

bool Message::is_safe() const {
    if (dead > 0 || dropped || gone) return true;
    return std::all_of(stored.begin(), stored.end(), [](int copies) { return copies > 0; });
}

void World::trace(int message, const std::string& event) const {
    if (traced == -1 || (traced != -2 && message != traced)) return;
    std::printf("%8lld ms  message %d  %s\n", static_cast<long long>(fibers.now_ms() - 1'000'000), message,
                event.c_str());
}

void World::make(std::uint64_t) {
    Scenario& s = scenario;
    s.log = chance(random, 0.5);
    s.calm = chance(random, 0.15);
    s.failure_rate = s.calm ? 0.0 : 0.02 + 0.2 * static_cast<double>(below(random, 100)) / 100;
    s.forward = chance(random, 0.25);
    s.codec = chance(random, 0.3);
    s.interrupt = chance(random, 0.8);
    s.transactions = !s.log && chance(random, 0.5);
    s.posts = s.transactions && s.interrupt && chance(random, 0.6);
    s.polled_outputs = chance(random, 0.5);
    s.ordered_outputs = chance(random, 0.5);
    s.identity = chance(random, 0.7);
    s.drops_repeats = s.identity && chance(random, 0.4);
    s.keeps_groups = chance(random, 0.5);
    s.thread_safe = chance(random, 0.3);
    s.pends = chance(random, 0.3);
    s.reloads = !s.calm && hostility.breach == Breach::none && chance(random, 0.15);
    s.queues = 1 + static_cast<int>(below(random, 2));
    s.lease_ms = s.log || chance(random, 0.4) ? 0 : 2000 + static_cast<std::int64_t>(below(random, 20'000));

    volley::ComponentConfig& c = s.component;
    c.name = "move";
    c.input = "in";
    c.workers = static_cast<std::uint32_t>(1 + below(random, 4));
    s.is_async = chance(random, 0.5);
    s.polls = s.is_async && chance(random, 0.5);
    if (s.polls) s.thread_safe = false;
    if (s.is_async) c.concurrency = static_cast<std::uint32_t>(1 + below(random, 8));
    if (chance(random, 0.3)) {
        c.batch.emplace();
        c.batch->max_messages = static_cast<std::uint32_t>(1 + below(random, 6));
        c.batch->max_wait = Milliseconds(below(random, 50));
        c.batch->max_bytes = chance(random, 0.3) ? 60 : 1'000'000;
    }
    const Order orders[] = {Order::partition, Order::key, Order::none, Order::automatic};
    c.order = orders[below(random, 4)];
    c.retry.max_attempts = static_cast<std::uint32_t>(1 + below(random, 4));
    c.retry.initial_delay = Milliseconds(1 + below(random, 50));
    c.retry.max_delay = Milliseconds(100 + below(random, 1000));
    c.max_in_flight = static_cast<std::uint32_t>(2 + below(random, 60));
    c.max_in_flight_bytes = chance(random, 0.3) ? 2000 : 1'000'000;
    const OnFail actions[] = {OnFail::dead_letter, OnFail::requeue, OnFail::drop, OnFail::stop,
                              OnFail::automatic};
    c.on_fail = actions[below(random, 5)];
    if (s.log && c.on_fail == OnFail::requeue) c.on_fail = OnFail::dead_letter;
    s.has_dead_letters =
        c.on_fail == OnFail::dead_letter || (c.on_fail == OnFail::automatic && chance(random, 0.5));

    if (hostility.breach != Breach::none) suit(hostility.breach);
    const std::uint64_t count = 20 + below(random, 100);
    partitions.resize(s.log ? 1 + below(random, 4) : 1);
    for (std::uint64_t i = 0; i < count; ++i) add_message(static_cast<int>(below(random, partitions.size())));
}

// Chooses what the breach needs: a call can break the contract only where it is made.
void World::suit(Breach breach) {
    using enum Breach;
    Scenario& s = scenario;
    s.calm = false;
    s.failure_rate = 0.02;
    const auto is_one_of = [breach](std::initializer_list<Breach> those) {
        return std::find(those.begin(), those.end(), breach) != those.end();
    };
    if (is_one_of({consume_names_no_partition, poll_unknown_status, commit_unknown_status, commit_throws,
                   revokes_unknown_partition, revokes_twice, assigns_twice})) {
        s.log = true;
        s.transactions = s.posts = false;
        s.lease_ms = 0;
        if (s.component.on_fail == OnFail::requeue) s.component.on_fail = OnFail::drop;
    }
    if (is_one_of(
            {extend_unknown_status, extend_unknown_result, transaction_unknown_status, transaction_throws})) {
        s.log = false;
        s.lease_ms = 500;
    }
    if (breach == poll_unknown_status) s.component.max_in_flight = 2;
    s.transactions = is_one_of({transaction_unknown_status, transaction_throws});
    s.posts = s.transactions && s.posts && s.interrupt;
    s.identity = s.identity || breach == identity_unknown_status;
    if (is_one_of({producer_poll_unknown_status, flush_throws})) s.polled_outputs = true;
    if (breach >= task_unknown_status) s.forward = false;
    if (breach == finishes_twice) s.pends = true;
}

void World::add_message(int partition) {
    Message m;
    Partition& p = partitions[static_cast<std::size_t>(partition)];
    m.number = static_cast<int>(messages.size());
    m.partition = partition;
    m.offset = p.end + (chance(random, 0.2) ? static_cast<std::int64_t>(below(random, 5)) : 0);  // sparse
    p.end = m.offset + 1;
    p.messages.push_back(m.number);
    m.key = chance(random, 0.15) ? 0 : 1 + below(random, 6);
    m.body = "{\"n\":" + std::to_string(m.number);
    if (m.key != 0) m.body += ",\"k\":\"" + std::to_string(m.key) + '"';
    m.body += ",\"p\":\"" + std::string(below(random, 50), 'x') + "\"}";
    m.outputs = scenario.forward ? scenario.queues : static_cast<int>(below(random, 4));
    m.output_bytes = chance(random, 0.2) ? below(random, 700) : 0;
    m.stored.assign(static_cast<std::size_t>(m.outputs), 0);
    m.ids.resize(static_cast<std::size_t>(m.outputs));
    const bool calm = scenario.calm;
    m.unwanted = !scenario.forward && chance(random, 0.05);
    m.poison = scenario.has_dead_letters && !calm && chance(random, 0.05);
    m.permanent = chance(random, 0.3);
    if (chance(random, scenario.failure_rate)) m.failures_left = static_cast<int>(below(random, 6));
    // A clean stop must not duplicate because of a message that needs a second attempt.
    if (calm && scenario.component.retry.max_attempts > 1 && chance(random, 0.05)) m.failures_left = 1;
    if (calm) m.permanent = false;
    m.refused = scenario.transactions && scenario.has_dead_letters && !calm && chance(random, 0.02);
    messages.push_back(std::move(m));
}

void World::store(int message, int output, std::string_view id) {
    Message& m = messages[static_cast<std::size_t>(message)];
    if (output < 0 || output >= m.outputs) return fault("an output that no handler made is stored");
    std::string& known = m.ids[static_cast<std::size_t>(output)];
    if (known.empty()) {
        known = id;
        for (const Message& other : messages) {
            if (&other != &m && output < other.outputs && !other.ids.empty() &&
                other.ids[static_cast<std::size_t>(output)] == id && !id.empty())
                fault("two messages have outputs of one id");
        }
    } else if (scenario.identity && known != id && !m.gone) {
        fault("an output that is sent again has another id: " + known + " and " + std::string(id));
    }
    check_first(m, output);
    int& copies = m.stored[static_cast<std::size_t>(output)];
    if (scenario.drops_repeats && copies > 0 && known == id) return;
    ++copies;
    trace(message, "output " + std::to_string(output) + " is stored, copy " + std::to_string(copies));
}

void World::store_dead_letter(int message, std::string_view body, std::string_view id) {
    Message& m = messages[static_cast<std::size_t>(message)];
    if (body != m.body) fault("a dead letter is not the message");
    if (m.dead_id.empty()) m.dead_id = id;
    if (scenario.identity && m.dead_id != id && !m.gone)
        fault("a dead letter that is sent again has another id");
    ++m.dead;
    trace(message, "the dead letter is stored");
}

// The first copy of an output comes after the first copies of those before it in its group, whatever crashed
// in between. Not for queues, which give back in another order, and not where order is the producers' affair.
void World::check_first(const Message& m, int output) {
    const auto& c = scenario.component;
    const Order order = c.order == Order::automatic
                            ? (c.workers == 1 && c.concurrency == 1 ? Order::partition : Order::key)
                            : c.order;
    if (!scenario.log || scenario.ordered_outputs || order == Order::none) return;
    if (order == Order::key && m.key == 0) return;
    if (m.gone || m.stored[static_cast<std::size_t>(output)] > 0) return;
    for (const int index : partitions[static_cast<std::size_t>(m.partition)].messages) {
        if (index == m.number) return;
        const Message& before = messages[static_cast<std::size_t>(index)];
        if (order == Order::key && before.key != m.key) continue;
        if (before.outputs <= output || before.dead > 0 || before.dropped) continue;
        if (before.stored[static_cast<std::size_t>(output)] == 0)
            fault("an output of " + std::to_string(m.number) + " is stored before that of " +
                  std::to_string(index) + ", an earlier message of its group");
    }
}

void World::commit(int partition, std::uint32_t life, std::int64_t offset) {
    Partition& p = partitions[static_cast<std::size_t>(partition)];
    if (life != p.life) return;
    if (traced == -2)
        std::printf("%8lld ms  commit of partition %d at %lld\n",
                    static_cast<long long>(fibers.now_ms() - 1'000'000), partition,
                    static_cast<long long>(offset));
    for (const int index : p.messages) {
        const Message& m = messages[static_cast<std::size_t>(index)];
        if (m.offset < offset && !m.is_safe()) {
            fault("commit of " + std::to_string(offset) + " passes unfinished message " +
                  std::to_string(index));
        }
        if (m.offset == offset - 1) trace(index, "its offset is committed");
    }
    if (offset < p.committed)
        fault("the committed offset of partition " + std::to_string(partition) + " goes back from " +
              std::to_string(p.committed) + " to " + std::to_string(offset));
    p.committed = std::max(p.committed, offset);
}

void World::acked(int message) {
    Message& m = messages[static_cast<std::size_t>(message)];
    if (!m.is_safe()) fault("message " + std::to_string(message) + " is acked before every output is stored");
    trace(message, "it is acked");
    m.deleted = true;
}

void World::given_up() {
    ++given_up_in_outage;
    const std::int64_t shortest = std::min<std::int64_t>(1000, scenario.component.retry.max_delay.count());
    const auto tried = static_cast<std::uint64_t>((fibers.now_ms() - outage_began_ms) / shortest);
    // A success of before the outage that each worker hands in late lets as many fail again.
    const std::uint64_t to_open =
        std::uint64_t{volley::delivery::Breaker::opens_after} *
        (1 + scenario.component.workers * scenario.component.concurrency *
                 (scenario.component.batch ? scenario.component.batch->max_messages : 1));
    if (given_up_in_outage > (to_open + 1) * (1 + reloads_in_outage) + tried)
        fault("an outage floods the dead-letter queue");
}

void World::recreate(int partition) {
    Partition& p = partitions[static_cast<std::size_t>(partition)];
    for (const int index : p.messages) messages[static_cast<std::size_t>(index)].gone = true;
    p.messages.clear();
    p.end = p.committed = 0;
    ++p.life;
    for (std::uint64_t n = 1 + below(random, 5); n > 0; --n) add_message(partition);
}

bool World::everything_is_safe() const {
    return std::all_of(messages.begin(), messages.end(),
                       [this](const Message& m) { return scenario.log ? m.is_safe() : m.deleted || m.gone; });
}

std::string World::describe_unsafe() const {
    std::string out;
    for (const Message& m : messages) {
        if (scenario.log ? !m.is_safe() : !m.deleted && !m.gone)
            out += (out.empty() ? "message " : ", ") + std::to_string(m.number);
    }
    return out;
}

}  // namespace simulation
