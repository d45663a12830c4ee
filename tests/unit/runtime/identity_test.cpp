// Ids of outputs and names in the crash journal: always the same for the same message, and never shared with
// another.
#include "runtime/identity.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "volley/view.hpp"

using namespace volley;
using runtime::MessageContext;
using runtime::Pipeline;

namespace {

struct Message {
    std::string store = "a file", id = "1", source, key, body = "{}";
    std::int64_t timestamp_ms = 1'700'000'000'000, offset = -1;
    std::int32_t partition = -1;

    void arrive(Pipeline& pipeline, MessageContext& context) const {
        volley_message m{};
        m.id = id.empty() ? volley_view{} : view_of(id);
        if (!source.empty()) m.source = view_of(source);
        if (!key.empty()) m.key = view_of(key);
        m.body = view_of(body);
        m.timestamp_ms = timestamp_ms;
        m.offset = offset;
        m.partition = partition;
        pipeline.stores.grow_to(1);
        pipeline.stores[1] = runtime::store_name(store);
        context.arrive(m, 0, store.empty() ? 0 : 1);
        context.begin();
    }
};

void prepare(Pipeline& pipeline, std::uint64_t app, std::uint64_t process) {
    pipeline.input.value = "in";
    pipeline.id_head = runtime::PaddedText("in/");
    pipeline.id_tail = runtime::PaddedText("/work/");
    pipeline.id_seed = app;
    pipeline.id_seed_of_process = process;
}

// Returns the id that this process of this application gives.
std::string id_of(const Message& message, std::uint64_t app = 1, std::uint64_t process = 7) {
    Pipeline pipeline;
    prepare(pipeline, app, process);
    MessageContext context;
    message.arrive(pipeline, context);
    const volley_view id = runtime::stable_id(pipeline, context, "0");
    return is_absent(id) ? "none" : std::string(text_of(id));
}

std::uint64_t name_of(const Message& message) {
    Pipeline pipeline;
    prepare(pipeline, 1, 7);
    MessageContext context;
    message.arrive(pipeline, context);
    return runtime::journal_name(pipeline, context);
}

}  // namespace

TEST_CASE("an output's id is the same after a restart and says where it is from", "[identity]") {
    const Message message;
    CHECK(id_of(message, 1, 7) == id_of(message, 1, 8));
    CHECK(id_of(message).substr(0, 5) == "in/1/");
    CHECK(id_of(message).substr(id_of(message).size() - 7) == "/work/0");
    Message of_log;
    of_log.id.clear();
    of_log.source = "topic";
    of_log.partition = 3;
    of_log.offset = 42;
    CHECK(id_of(of_log).substr(0, 11) == "topic/3/42/");
}

TEST_CASE("another message has another id, though its own id is the same", "[identity]") {
    const Message message;
    Message of_another_store = message, made_anew = message;
    of_another_store.store = "another file";
    made_anew.timestamp_ms += 1;
    const std::set<std::string> ids{id_of(message), id_of(of_another_store), id_of(made_anew),
                                    id_of(message, 2)};
    CHECK(ids.size() == 4);
    CHECK(std::set<std::uint64_t>{name_of(message), name_of(of_another_store), name_of(made_anew)}.size() ==
          3);
}

TEST_CASE("of a store without an identity ids hold for the process, and names in the journal for the content",
          "[identity]") {
    Message message;
    message.store.clear();
    CHECK(id_of(message, 1, 7) == id_of(message, 1, 7));
    CHECK(id_of(message, 1, 7) != id_of(message, 1, 8));
    Message other = message;
    other.body = "{ }";
    CHECK(id_of(message) != id_of(other));
    CHECK(name_of(message) == name_of(message));
    CHECK(name_of(message) != name_of(other));
}

TEST_CASE("a message that its store gives neither id nor offset has no name", "[identity]") {
    Message message;
    message.id.clear();
    CHECK(id_of(message) == "none");
    CHECK(name_of(message) == 0);
}

TEST_CASE("a slot's next message does not have the name of the last", "[identity]") {
    Pipeline pipeline;
    prepare(pipeline, 1, 7);
    MessageContext context;
    Message message;
    message.arrive(pipeline, context);
    const std::uint64_t first = runtime::journal_name(pipeline, context);
    message.timestamp_ms += 1;
    message.arrive(pipeline, context);
    CHECK(runtime::journal_name(pipeline, context) != first);
}
