// Finding and loading plugins, and what is said when that fails.
#include "plugins/catalog.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

using namespace volley;
using namespace volley::plugins;
using Catch::Matchers::Contains;

namespace {

Catalog catalog() { return Catalog({"/nonexistent/first", VOLLEY_TEST_PLUGINS}); }

Error error_of(Result<PluginClass> result) {
    if (result) FAIL("found " + result->label());
    CHECK(result.error().code == ErrorCode::config);
    return result.error();
}

}  // namespace

TEST_CASE("a class is found by file and name, and told by both", "[catalog]") {
    Catalog c = catalog();
    const auto found = c.find(Kind::consumer, "good.so:First", "/");
    REQUIRE(found);
    CHECK(found->label() == "good.so:First");
    CHECK(found->file == std::string(VOLLEY_TEST_PLUGINS) + "/good.so");
    CHECK(found->flags() == VOLLEY_CAN_KEY);
    CHECK(std::string(found->plugin->version) == "1.2.3");
}

TEST_CASE("a file alone means its only class of that kind", "[catalog]") {
    Catalog c = catalog();
    CHECK(c.find(Kind::handler, "good.so", "/")->label() == "good.so:Drop");
    CHECK_THAT(error_of(c.find(Kind::consumer, "good.so", "/")).text,
               Contains("more than one consumer: First, Second. Say which: \"good.so:First\""));
}

TEST_CASE("fields past a plugin's struct_size read as zero", "[catalog]") {
    Catalog c = catalog();
    const auto found = c.find(Kind::consumer, "good.so:First", "/");
    REQUIRE(found);
    CHECK(found->plugin->author == nullptr);
    CHECK(static_cast<const volley_consumer_class*>(found->description->functions)->get_extension == nullptr);
}

TEST_CASE("a file is entered once, whatever its name and however many catalogs ask", "[catalog]") {
    const auto link = std::filesystem::temp_directory_path() / "volley_catalog_test_other_name.so";
    std::filesystem::remove(link);
    std::filesystem::create_symlink(std::string(VOLLEY_TEST_PLUGINS) + "/good.so", link);
    Catalog one = catalog(), two = catalog();
    const auto by_name = one.find(Kind::handler, "good.so", "/");
    const auto by_link = two.find(Kind::handler, link.string(), "/");  // a second entry would refuse
    std::filesystem::remove(link);
    REQUIRE(by_name);
    REQUIRE(by_link);
    CHECK(by_name->description == by_link->description);
}

TEST_CASE("a missing file names the nearest one and the directories searched", "[catalog]") {
    Catalog c = catalog();
    const std::string text = error_of(c.find(Kind::consumer, "goood.so:First", "/")).text;
    CHECK_THAT(text, Contains("did you mean \"good.so\"?"));
    CHECK_THAT(text, Contains("/nonexistent/first, " VOLLEY_TEST_PLUGINS));
    CHECK_THAT(text, Contains("--plugin-dir"));
}

TEST_CASE("a plugin of the last draft loads", "[catalog]") {
    Catalog c = catalog();
    CHECK(c.find(Kind::consumer, "draft.so:First", "/"));
}

TEST_CASE("an unknown class names the nearest one", "[catalog]") {
    Catalog c = catalog();
    CHECK_THAT(error_of(c.find(Kind::consumer, "good.so:Frist", "/")).text,
               Contains("no consumer \"Frist\"; it has: First, Second; did you mean \"First\"?"));
    CHECK_THAT(error_of(c.find(Kind::producer, "good.so", "/")).text,
               Contains("has no producer; it has: consumer First"));
}

TEST_CASE("a file that cannot be used says why and what to do", "[catalog]") {
    Catalog c = catalog();
    CHECK_THAT(error_of(c.find(Kind::consumer, "other_major.so", "/")).text,
               Contains("built for ABI 3; this volleyd speaks 1: upgrade volleyd"));
    CHECK_THAT(error_of(c.find(Kind::consumer, "too_new.so", "/")).text,
               Contains("needs ABI 1.999; this volleyd speaks 1." + std::to_string(VOLLEY_ABI_MINOR)));
    CHECK_THAT(error_of(c.find(Kind::consumer, "no_entry.so", "/")).text,
               Contains("does not export volley_plugin_v1"));
    CHECK_THAT(error_of(c.find(Kind::producer, "incomplete.so", "/")).text,
               Contains("the producer Half lacks the required function `produce`"));
    CHECK_THAT(error_of(c.find(Kind::producer, "refuses.so", "/")).text,
               Contains("this processor has no AVX"));
    CHECK_THAT(error_of(c.find(Kind::producer, "./none.so", "/nonexistent")).text,
               Contains("no file /nonexistent/none.so"));
}

TEST_CASE("a file that is still being copied is an error", "[catalog]") {
    const auto copy = std::filesystem::temp_directory_path() / "volley_catalog_test_part.so";
    std::filesystem::copy_file(std::string(VOLLEY_TEST_PLUGINS) + "/good.so", copy,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(copy, 1000);  // its headers, and no segment
    Catalog c = catalog();
    const std::string text = error_of(c.find(Kind::handler, copy.string(), "/")).text;
    std::filesystem::remove(copy);
    CHECK_THAT(text, Contains("its end is missing"));
}

TEST_CASE("a handler's file is looked for beside the configuration too", "[catalog]") {
    Catalog nowhere({});
    CHECK(nowhere.find(Kind::handler, "good.so:Drop", VOLLEY_TEST_PLUGINS));
    CHECK_FALSE(nowhere.find(Kind::consumer, "good.so:First", VOLLEY_TEST_PLUGINS));
    CHECK(nowhere.find(Kind::consumer, "./good.so:First", VOLLEY_TEST_PLUGINS));
}

TEST_CASE("a queue's plugin is what it names, else what its type is called", "[catalog]") {
    Catalog c = catalog();
    QueueConfig queue;
    queue.name = "orders";
    queue.type = "nothing";
    queue.consumer = "good.so:Second";
    CHECK(c.find_for_queue(Kind::consumer, queue, "/")->label() == "good.so:Second");
    const Error by_type = error_of(c.find_for_queue(Kind::producer, queue, "/"));
    CHECK(by_type.field == "/type");
    CHECK_THAT(by_type.text, Contains("queue \"orders\": no file nothing.so"));
}

TEST_CASE("a type may have lib before its name, and a file for each kind", "[catalog]") {
    Catalog c({VOLLEY_TEST_PLUGINS, VOLLEY_TEST_TYPES});
    QueueConfig queue;
    queue.name = "orders";
    queue.type = "pair";
    CHECK(c.find_for_queue(Kind::consumer, queue, "/")->label() == "pair-consumer.so:One");
    CHECK(c.find_for_queue(Kind::producer, queue, "/")->label() == "pair-producer.so:One");
    queue.type = "only";
    CHECK(c.find_for_queue(Kind::consumer, queue, "/")->label() == "libonly.so:One");
    CHECK_THAT(error_of(c.find_for_queue(Kind::producer, queue, "/")).text,
               Contains("libonly.so has no producer; it has: consumer One. The producer of a type may be in "
                        "a file of its own: only-producer.so"));
    // A file that cannot be used is not passed over.
    queue.type = "refuses";
    CHECK_THAT(error_of(c.find_for_queue(Kind::consumer, queue, "/")).text, Contains("refuses to start"));
}

TEST_CASE("a plugin that is linked in is found under its name", "[catalog]") {
    Catalog c = catalog();
    const auto good = c.find(Kind::handler, "good.so", "/");
    REQUIRE(good);
    Catalog other({});
    REQUIRE(other.add(good->plugin, "mine"));
    CHECK(other.find(Kind::handler, "mine.so:Drop", "/")->label() == "mine.so:Drop");
    CHECK_FALSE(other.add(good->plugin, "mine"));
}

TEST_CASE("the list shows every file, usable or not", "[catalog]") {
    Catalog c = catalog();
    std::size_t usable = 0, broken = 0;
    for (const Listing& entry : c.list()) {
        if (entry.error.empty()) {
            ++usable;
            CHECK(entry.name == "good");
            CHECK(entry.classes.size() == 3);
        } else {
            ++broken;
            CHECK(entry.classes.empty());
        }
    }
    CHECK(usable == 2);  // good.so and draft.so
    CHECK(broken == 5);
}
