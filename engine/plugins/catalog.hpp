// From "kafka.so:KafkaConsumer" to the class inside the shared object. A file is loaded at most once, its
// entry is called once, and it is never unloaded: code, static text and threads of a plugin live as long as
// the process. Thread: one at a time; what it returns may be used from any thread.
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

// A class of a loaded plugin. Both structs are ours, of full size, whatever the plugin was compiled with:
// what it does not know is zero. They live as long as the process.
struct PluginClass {
    const volley_class* description = nullptr;
    const volley_plugin* plugin = nullptr;
    std::string file;  // absolute; the plugin's name if it is linked in

    // VOLLEY_CAN_… and its like.
    std::uint64_t flags() const { return description->flags; }
    // "kafka.so:KafkaConsumer".
    std::string label() const;
};

// A file, or a plugin linked in, as --list-plugins shows it.
struct Listing {
    std::string file;
    std::string name;  // these four are empty if there is an error
    std::string version;
    std::string summary;
    std::vector<PluginClass> classes;
    std::string error;      // why it cannot be used; else empty
    bool shadowed = false;  // a file of this name stands in an earlier directory and is taken instead
};

class Catalog {
public:
    explicit Catalog(std::vector<std::filesystem::path> directories);
    ~Catalog();
    Catalog(Catalog&&) noexcept;
    Catalog& operator=(Catalog&&) noexcept;

    // Finds the class that `spec` names: "file.so:Class", or "file.so" for its only class of that kind. A
    // file name without a slash is searched in the directories; a handler's also in `base_dir`, before them.
    // A path with a slash is taken relative to `base_dir`. Plugins that were add()ed come first, under
    // "name.so". Errors have the code config and say what to do.
    Result<PluginClass> find(Kind kind, std::string_view spec, const std::filesystem::path& base_dir);

    // As find, by the queue's `consumer` or `producer`, else by its `type`: postgres is postgres.so.
    // Requires: kind is not handler.
    Result<PluginClass> find_for_queue(Kind kind, const QueueConfig& queue,
                                       const std::filesystem::path& base_dir);

    // Adds a plugin that is linked into the program, as if it were the file "<name>.so". Requires: it is
    // static, and its struct_size fields are set. Returns an error if its description breaks the ABI's rules.
    Result<void> add(const volley_plugin* plugin, std::string name);

    // Loads and describes every .so in the directories, and what was added, in the order of the search.
    std::vector<Listing> list();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace volley::plugins
