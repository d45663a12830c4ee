#include "queue.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <random>

namespace volley::memory {

namespace {

// A slot that once held a huge message does not keep its memory forever.
constexpr std::size_t kept_bytes = 64 * 1024;

bool later_sequence(const Slot* a, const Slot* b) { return a->sequence > b->sequence; }

bool later_due(const Slot* a, const Slot* b) {
    return a->due != b->due ? a->due > b->due : a->sequence > b->sequence;
}

template <typename Later>
void push_to_heap(std::vector<Slot*>& heap, Slot* slot, Later later) {
    heap.push_back(slot);
    std::push_heap(heap.begin(), heap.end(), later);
}

template <typename Later>
Slot* pop_from_heap(std::vector<Slot*>& heap, Later later) {
    std::pop_heap(heap.begin(), heap.end(), later);
    Slot* slot = heap.back();
    heap.pop_back();
    return slot;
}

void set_id(Slot& slot) {
    const auto result = std::to_chars(slot.id, slot.id + sizeof slot.id, slot.sequence);
    slot.id_size = static_cast<std::uint8_t>(result.ptr - slot.id);
}

std::uint64_t parse_id(std::string_view id) {
    std::uint64_t sequence = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), sequence);
    return error == std::errc{} && end == id.data() + id.size() ? sequence : 0;  // 0 is never assigned
}

std::unique_ptr<Slot> copy_of(const Slot& from) {
    auto to = std::make_unique<Slot>();
    const auto moved = [&](volley_view view) {
        if (view.data == nullptr || from.bytes.empty()) return view;
        view.data = to->bytes.data() + (static_cast<const char*>(view.data) - from.bytes.data());
        return view;
    };
    to->bytes = from.bytes;
    to->body = moved(from.body);
    to->key = moved(from.key);
    for (const volley_header& h : from.headers) to->headers.push_back({moved(h.name), moved(h.value)});
    to->sequence = from.sequence;
    to->timestamp_ms = from.timestamp_ms;
    to->deliveries = from.deliveries;
    set_id(*to);
    return to;
}

}  // namespace

void Queue::Ring::push_back(Slot* slot) {
    if (size() == slots_.size()) {
        std::vector<Slot*> larger(slots_.size() * 2);
        const std::size_t n = size();
        for (std::size_t i = 0; i < n; ++i) larger[i] = at(i);
        slots_ = std::move(larger);
        head_ = 0;
        tail_ = n;
    }
    slots_[tail_++ & (slots_.size() - 1)] = slot;
}

void Queue::Ring::erase(const Slot* slot) {
    std::size_t kept = 0;
    const std::size_t n = size();
    for (std::size_t i = 0; i < n; ++i) {
        Slot* one = at(i);
        if (one != slot) slots_[(head_ + kept++) & (slots_.size() - 1)] = one;
    }
    tail_ = head_ + kept;
}

std::string Queue::random_identity() {
    std::random_device random;
    return std::to_string(random()) + std::to_string(random()) + std::to_string(random());
}

void Queue::set_capacity(std::uint32_t messages) {
    const std::lock_guard lock(mutex_);
    capacity_ = messages;
}

void Queue::grow() {
    const auto first = static_cast<std::uint32_t>(chunks_.size()) * chunk_slots;
    chunks_.push_back(std::make_unique<Slot[]>(chunk_slots));
    // So that putting back, which must not fail, never allocates.
    const std::size_t all = chunks_.size() * chunk_slots;
    free_.reserve(all);
    returned_.reserve(all);
    delayed_.reserve(all);
    for (std::uint32_t i = chunk_slots; i-- > 0;) {
        chunks_.back()[i].index = first + i;
        free_.push_back(&chunks_.back()[i]);
    }
}

std::uint32_t Queue::reserve(Slot** slots, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    const std::uint32_t room = used_ < capacity_ ? capacity_ - used_ : 0;
    const std::uint32_t n = std::min(count, room);
    while (free_.size() < n) grow();
    for (std::uint32_t i = 0; i < n; ++i) {
        slots[i] = free_.back();
        free_.pop_back();
        slots[i]->state = Slot::State::filling;
    }
    used_ += n;
    return n;
}

void Queue::publish(Slot** slots, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    Clock::time_point now{};
    for (std::uint32_t i = 0; i < count; ++i) {
        Slot* slot = slots[i];
        slot->sequence = next_sequence_++;
        slot->deliveries = 0;
        if (slot->due != Clock::time_point{} && now == Clock::time_point{}) now = Clock::now();
        if (slot->due > now) {
            slot->state = Slot::State::delayed;
            push_to_heap(delayed_, slot, later_due);
        } else {
            slot->state = Slot::State::ready;
            ring_.push_back(slot);
        }
    }
    if (waiting_ > 0) arrived_.notify_all();
}

void Queue::open_reserved(Slot** slots, std::uint32_t count, const void* owner) {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < count; ++i) {
        Slot* slot = slots[i];
        slot->sequence = next_sequence_++;
        slot->state = Slot::State::open;
        slot->owner = owner;
        slot->deliveries = 1;
        ++slot->generation;
    }
    open_ += count;
}

void Queue::release(Slot* slot) {
    if (slot->bytes.capacity() > kept_bytes) {
        slot->bytes = {};
        slot->body = slot->key = {};
    }
    slot->state = Slot::State::free;
    slot->due = {};
    --used_;
    free_.push_back(slot);
}

void Queue::make_visible(Slot* slot) {
    slot->state = Slot::State::ready;
    slot->due = {};
    push_to_heap(returned_, slot, later_sequence);
}

void Queue::give_back(Slot* slot, Clock::time_point due) {
    if (due > Clock::now()) {
        slot->due = due;
        slot->state = Slot::State::delayed;
        push_to_heap(delayed_, slot, later_due);
    } else {
        make_visible(slot);
    }
}

void Queue::promote_due(Clock::time_point now) {
    while (!delayed_.empty() && delayed_.front()->due <= now)
        make_visible(pop_from_heap(delayed_, later_due));
}

Slot* Queue::next_visible() const {
    if (returned_.empty()) return ring_.empty() ? nullptr : ring_.front();
    if (ring_.empty() || returned_.front()->sequence < ring_.front()->sequence) return returned_.front();
    return ring_.front();
}

void Queue::pop_visible() {
    if (!returned_.empty() && next_visible() == returned_.front()) {
        pop_from_heap(returned_, later_sequence);
    } else {
        ring_.pop_front();
    }
}

std::uint32_t Queue::take(Slot** slots, std::uint32_t count, std::uint64_t max_bytes, const void* owner,
                          Clock::time_point deadline, bool& interrupted) {
    std::unique_lock lock(mutex_);
    while (true) {
        if (!delayed_.empty()) promote_due(Clock::now());
        if (next_visible() != nullptr || interrupted || Clock::now() >= deadline) break;
        const auto until = delayed_.empty() ? deadline : std::min(deadline, delayed_.front()->due);
        ++waiting_;
        arrived_.wait_until(lock, until);
        --waiting_;
    }
    interrupted = false;
    std::uint32_t n = 0;
    std::uint64_t bytes = 0;
    for (Slot* slot = nullptr; n < count && (slot = next_visible()) != nullptr;) {
        pop_visible();
        slot->state = Slot::State::open;
        slot->owner = owner;
        ++slot->generation;
        ++slot->deliveries;
        slots[n++] = slot;
        bytes += slot->bytes.size();
        if (max_bytes != 0 && bytes >= max_bytes) break;
    }
    open_ += n;
    lock.unlock();
    for (std::uint32_t i = 0; i < n; ++i) set_id(*slots[i]);
    return n;
}

void Queue::interrupt(bool& flag) {
    const std::lock_guard lock(mutex_);
    flag = true;
    arrived_.notify_all();
}

void Queue::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride,
                   const void* owner) {
    const std::lock_guard lock(mutex_);
    bool came_back = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        const auto index = static_cast<std::uint32_t>(s.handle);
        const bool exists = index / chunk_slots < chunks_.size();
        Slot* slot = exists ? at(index) : nullptr;
        if (!exists || slot->state != Slot::State::open || slot->handle() != s.handle ||
            slot->owner != owner) {
            s.result = VOLLEY_E_LOST;
            continue;
        }
        s.result = VOLLEY_OK;
        --open_;
        slot->owner = nullptr;
        if (s.outcome == VOLLEY_ACK) {
            release(slot);
            continue;
        }
        came_back = true;
        if (s.outcome == VOLLEY_RELEASE) --slot->deliveries;  // it was never tried
        give_back(slot, due_after(s.outcome == VOLLEY_NACK ? s.delay_ms : 0));
    }
    if (came_back && waiting_ > 0) arrived_.notify_all();
}

void Queue::release_all(const void* owner) {
    const std::lock_guard lock(mutex_);
    if (open_ == 0) return;
    for (const auto& chunk : chunks_) {
        for (std::uint32_t i = 0; i < chunk_slots; ++i) {
            Slot* slot = &chunk[i];
            if (slot->state != Slot::State::open || slot->owner != owner) continue;
            --open_;
            slot->owner = nullptr;
            make_visible(slot);
        }
    }
    if (waiting_ > 0) arrived_.notify_all();
}

Depth Queue::depth() {
    const std::lock_guard lock(mutex_);
    promote_due(Clock::now());
    const Slot* oldest = next_visible();
    return {ring_.size() + returned_.size(), open_, delayed_.size(),
            oldest != nullptr ? oldest->timestamp_ms : 0};
}

std::vector<Slot*> Queue::stored() const {
    std::vector<Slot*> all(returned_);
    all.insert(all.end(), delayed_.begin(), delayed_.end());
    for (std::size_t i = 0; i < ring_.size(); ++i) all.push_back(ring_.at(i));
    std::sort(all.begin(), all.end(), [](const Slot* a, const Slot* b) { return a->sequence < b->sequence; });
    return all;
}

std::vector<std::unique_ptr<Slot>> Queue::copies(std::uint64_t skip, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    const std::vector<Slot*> all = stored();
    std::vector<std::unique_ptr<Slot>> out;
    for (std::uint64_t i = skip; i < all.size() && out.size() < count; ++i) out.push_back(copy_of(*all[i]));
    return out;
}

std::unique_ptr<Slot> Queue::find(std::string_view id) {
    const std::uint64_t sequence = parse_id(id);
    const std::lock_guard lock(mutex_);
    for (const Slot* slot : stored())
        if (slot->sequence == sequence) return copy_of(*slot);
    return nullptr;
}

void Queue::forget(Slot* slot) {
    ring_.erase(slot);
    std::erase(returned_, slot);
    std::erase(delayed_, slot);
    std::make_heap(returned_.begin(), returned_.end(), later_sequence);
    std::make_heap(delayed_.begin(), delayed_.end(), later_due);
    release(slot);
}

std::uint64_t Queue::remove(std::string_view id) {
    const std::uint64_t sequence = parse_id(id);
    const std::lock_guard lock(mutex_);
    for (Slot* slot : stored()) {
        if (slot->sequence != sequence) continue;
        forget(slot);
        return 1;
    }
    return 0;
}

std::uint64_t Queue::purge() {
    const std::lock_guard lock(mutex_);
    const std::vector<Slot*> all = stored();
    while (!ring_.empty()) ring_.pop_front();
    returned_.clear();
    delayed_.clear();
    for (Slot* slot : all) release(slot);
    return all.size();
}

Queue& queue_named(const std::string& name) {
    static std::mutex mutex;
    static auto& queues =
        *new std::map<std::string, std::unique_ptr<Queue>>;  // other threads may outlive main
    const std::lock_guard lock(mutex);
    auto& queue = queues[name];
    if (queue == nullptr) queue = std::make_unique<Queue>();
    return *queue;
}

void show(const Slot& slot, volley_message& out) {
    out.handle = slot.handle();
    out.body = slot.body;
    out.key = slot.key;
    out.id = {slot.id, slot.id_size};
    out.headers = slot.headers.data();
    out.header_count = static_cast<std::uint32_t>(slot.headers.size());
    out.delivery_count = slot.deliveries;
    out.timestamp_ms = slot.timestamp_ms;
}

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Clock::time_point due_after(std::uint64_t delay_ms) {
    constexpr std::uint64_t century = 100ULL * 365 * 24 * 3600 * 1000;
    if (delay_ms == 0) return {};
    return Clock::now() + std::chrono::milliseconds(std::min(delay_ms, century));
}

}  // namespace volley::memory
