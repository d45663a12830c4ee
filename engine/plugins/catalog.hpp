// Resolves "kafka.so:KafkaConsumer" to the class inside the shared object. Each file is loaded at most once,
// its entry function is called once, and it is never unloaded: the code, static text and threads of a plugin
// live as long as the process. Thread: one at a time; any thread may use the results.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::plugins {

enum class Kind : std::uint8_t { consumer, producer, handler };

// A class of a loaded plugin. Both structs are full-size copies, whatever version the plugin was compiled
// with: fields that the plugin does not know are zero. They live as long as the process.
struct PluginClass {
    const volley_class* description = nullptr;
    const volley_plugin* plugin = nullptr;
    std::string file;  // absolute; the plugin's name if it is linked in

    // VOLLEY_CAN_… and the other class flags.
    std::uint64_t flags() const { return description->flags; }
    // "kafka.so:KafkaConsumer".
    std::string label() const;
};

// A file, or a linked-in plugin, as --list-plugins shows it.
struct Listing {
    std::string file;
    std::string name;  // these four are empty if there is an error
    std::string version;
    std::string summary;
    std::vector<PluginClass> classes;
    std::string error;      // why it cannot be used; else empty
    bool shadowed = false;  // an earlier directory has a file of this name, which is used instead
};

class Catalog {
public:
    explicit Catalog(std::vector<std::filesystem::path> directories);
    ~Catalog();
    Catalog(Catalog&&) noexcept;
    Catalog& operator=(Catalog&&) noexcept;

    // Finds the class that `spec` names: "file.so:Class", or "file.so" for its only class of that kind. A
    // file name without a slash is searched for in the directories; for a handler, `base_dir` is searched
    // before them. A path with a slash is relative to `base_dir`. Plugins from add() come first, under
    // "name.so". Errors have the code config and say what to do.
    Result<PluginClass> find(Kind kind, std::string_view spec, const std::filesystem::path& base_dir);

    // Like find, but uses the queue's `consumer` or `producer`, else its `type`: postgres is postgres.so or
    // libpostgres.so; if that has no class of the kind, it is postgres-consumer.so or postgres-producer.so,
    // also with lib before it. Requires: kind is not handler.
    Result<PluginClass> find_for_queue(Kind kind, const QueueConfig& queue,
                                       const std::filesystem::path& base_dir);

    // Adds a plugin that is linked into the program, as if it were the file "<name>.so". Requires: the plugin
    // is static, and its struct_size fields are set. Returns an error if its description breaks the rules of
    // the ABI.
    Result<void> add(const volley_plugin* plugin, std::string name);

    // Returns the added plugins and every .so in the directories, in search order. Loads each of them.
    std::vector<Listing> list();

private:
    Result<PluginClass> find_for_type(Kind kind, const std::string& type,
                                      const std::filesystem::path& base_dir);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace volley::plugins
