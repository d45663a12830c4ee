#include "plugins/host.hpp"

#include <malloc.h>
#include <rapidjson/pointer.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <thread>

#include "log/log.hpp"
#include "plugins/metrics_registry.hpp"
#include "volley/abi.hpp"

namespace volley::plugins::detail {

namespace {

// Never freed: see HostDesk. There are few destroyed hosts, because a failing handler is replaced less and
// less often.
HostDesk& new_desk() {
    static std::mutex mutex;
    static auto* const all = new std::deque<HostDesk>;
    const std::lock_guard lock(mutex);
    return all->emplace_back();
}

// One call of a host's function. Converts to false if the instance is destroyed.
class Visit {
public:
    explicit Visit(const volley_host* host) : desk_(*static_cast<HostDesk*>(host->context)) {
        desk_.inside.fetch_add(1);
        host_ = desk_.owner.load();
        if (host_ == nullptr && !desk_.told.exchange(true)) {
            log::error("a plugin calls its host after its instance was destroyed; the calls are ignored",
                       {{"plugin", desk_.label}});
        }
    }
    ~Visit() { desk_.inside.fetch_sub(1, std::memory_order_release); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

    explicit operator bool() const { return host_ != nullptr; }
    Host& operator*() const { return *host_; }
    Host* operator->() const { return host_; }

private:
    HostDesk& desk_;
    Host* host_ = nullptr;
};

// The engine's field names are constants, but a plugin may pass any name.
std::string_view field_name(volley_view name) {
    const std::string_view text = text_of(name);
    const bool fits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    return fits ? text : "field";
}

std::int32_t json_type(const rapidjson::Value& v) {
    switch (v.GetType()) {
        case rapidjson::kNullType:
            return VOLLEY_JSON_NULL;
        case rapidjson::kFalseType:
        case rapidjson::kTrueType:
            return VOLLEY_JSON_BOOL;
        case rapidjson::kNumberType:
            return VOLLEY_JSON_NUMBER;
        case rapidjson::kStringType:
            return VOLLEY_JSON_STRING;
        case rapidjson::kArrayType:
            return VOLLEY_JSON_ARRAY;
        case rapidjson::kObjectType:
            return VOLLEY_JSON_OBJECT;
    }
    return VOLLEY_JSON_NULL;
}

}  // namespace

Host::Host(std::string label, Services services, std::string config_json, std::string value,
           std::string base_dir)
    : desk_(new_desk()),
      label_(std::move(label)),
      services_(std::move(services)),
      config_json_(std::move(config_json)),
      value_(std::move(value)),
      base_dir_(std::move(base_dir)),
      config_(config_json_) {
    desk_.label = label_;
    desk_.owner.store(this);
    volley_host& host = desk_.host;
    host.struct_size = sizeof host;
    host.abi_minor = VOLLEY_ABI_MINOR;
    host.message_size = sizeof(volley_message);
    host.record_size = sizeof(volley_record);
    host.context = &desk_;
    host.name = "volleyd";
    host.version = VOLLEY_ENGINE_VERSION;
    host.log_level = &Host::log_level;
    host.log = &Host::log;
    host.metric = &Host::metric;
    host.metric_add = &Host::metric_add;
    host.metric_set = &Host::metric_set;
    host.allocate = &Host::allocate;
    host.deallocate = &Host::deallocate;
    host.wake = &Host::wake;
    host.health = &Host::health;
    host.config = &Host::config;
    host.get_extension = &Host::get_extension;
}

// Both operations are sequentially consistent: a call either sees that the owner is gone, or the destructor
// waits for it.
Host::~Host() {
    desk_.owner.store(nullptr);
    while (desk_.inside.load() > 0) std::this_thread::yield();
}

volley_options Host::options() const {
    volley_options o{};
    o.struct_size = sizeof o;
    if (services_.for_dead_letters) o.flags |= VOLLEY_FOR_DEAD_LETTERS;
    o.config = view_of(config_json_);
    o.queue = view_of(services_.queue);
    o.value = view_of(value_);
    o.component = view_of(services_.component);
    o.base_dir = view_of(base_dir_);
    o.app = view_of(services_.app);
    return o;
}

std::uint32_t Host::log_level(const volley_host*) { return static_cast<std::uint32_t>(log::level()); }

void Host::log(const volley_host* host, std::uint32_t level, volley_view text, const volley_header* fields,
               std::uint32_t count) {
    constexpr std::size_t most_fields = 32;  // further fields are dropped
    const Visit visit(host);
    if (!visit) return;
    const Host& h = *visit;
    std::array<log::Field, most_fields> all;
    std::size_t n = 0;
    all[n++] = {"plugin", h.label_};
    if (!h.services_.queue.empty()) all[n++] = {"queue", h.services_.queue};
    if (!h.services_.component.empty()) all[n++] = {"component", h.services_.component};
    for (std::uint32_t i = 0; fields != nullptr && i < count && n < most_fields; ++i)
        all[n++] = {field_name(fields[i].name), text_of(fields[i].value)};
    const auto known = std::min<std::uint32_t>(level, static_cast<std::uint32_t>(log::Level::error));
    log::write(static_cast<log::Level>(known), text_of(text), all.data(), n);
}

volley_metric* Host::metric(const volley_host* host, std::uint32_t kind, const char* name, const char* help,
                            const volley_header* labels, std::uint32_t count) {
    const Visit visit(host);
    if (!visit) return find_or_make_metric(kind, name != nullptr ? name : "", "", {});
    const Services& s = visit->services_;
    Labels all{{"queue", s.queue}, {"component", s.component}};
    for (std::uint32_t i = 0; labels != nullptr && i < count; ++i)
        all.emplace_back(text_of(labels[i].name), text_of(labels[i].value));
    return find_or_make_metric(kind, name != nullptr ? name : "", help != nullptr ? help : "",
                               std::move(all));
}

void Host::metric_add(volley_metric* metric, double value) { add_to_metric(metric, value); }

void Host::metric_set(volley_metric* metric, double value) { set_metric(metric, value); }

void Host::count_allocation(double bytes) {
    volley_metric* gauge = allocated_.load(std::memory_order_acquire);
    if (gauge == nullptr) {
        gauge = find_or_make_metric(
            VOLLEY_GAUGE, "allocated_bytes", "Memory that the plugin holds from the engine's allocator",
            {{"queue", services_.queue}, {"component", services_.component}, {"plugin", label_}});
        allocated_.store(gauge,
                         // Two threads that race here get the same metric.
                         std::memory_order_release);
    }
    add_to_metric(gauge, bytes);
}

void* Host::allocate(const volley_host* host, std::size_t size) {
    void* memory = std::malloc(size);
    const Visit visit(host);
    if (memory != nullptr && visit) visit->count_allocation(static_cast<double>(malloc_usable_size(memory)));
    return memory;
}

void Host::deallocate(const volley_host* host, void* memory) {
    if (memory == nullptr) return;
    if (const Visit visit(host); visit)
        visit->count_allocation(-static_cast<double>(malloc_usable_size(memory)));
    std::free(memory);
}

void Host::wake(const volley_host* host) {
    const Visit visit(host);
    if (visit && visit->services_.wake) visit->services_.wake();
}

void Host::health(const volley_host* host, std::uint32_t state, volley_view text) {
    const Visit visit(host);
    if (visit && visit->services_.health) visit->services_.health(state, std::string(text_of(text)));
}

const rapidjson::Value* Host::find(const rapidjson::Value& config, const char* key) {
    if (key == nullptr || *key != '/') return key == nullptr ? nullptr : text::member_of(&config, key);
    const rapidjson::Pointer pointer(key);
    return pointer.IsValid() ? pointer.Get(config) : nullptr;
}

std::int32_t Host::config(const volley_host* host, const char* key, std::int32_t* type, volley_view* value) {
    const Visit visit(host);
    if (!visit) return 0;
    Host& h = *visit;
    const rapidjson::Value* found = find(h.config_.tree, key);
    if (found == nullptr) return 0;
    *type = json_type(*found);
    if (found->IsString()) {
        *value = view_of({found->GetString(), found->GetStringLength()});
        return 1;
    }
    const std::lock_guard lock(h.texts_mutex_);
    std::string& text = h.texts_[found];
    if (text.empty()) text = text::as_written(*found, find(h.config_.digits, key));
    *value = view_of(text);
    return 1;
}

void Host::replaced(const volley_host* host, std::int32_t planned) {
    const Visit visit(host);
    if (visit && visit->services_.replaced) visit->services_.replaced(planned != 0);
}

const void* Host::get_extension(const volley_host* host, const char* id) {
    static constexpr volley_ext_restarts restarts{sizeof(volley_ext_restarts), 0, &Host::replaced};
    const Visit visit(host);
    if (!visit || id == nullptr) return nullptr;
    const bool counts = static_cast<bool>(visit->services_.replaced);
    return counts && std::string_view(id) == VOLLEY_EXT_RESTARTS ? &restarts : nullptr;
}

}  // namespace volley::plugins::detail
