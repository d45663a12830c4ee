// A connector in C++: the lines of a file are messages, and messages become lines at the end of a file.
#include <fstream>
#include <map>
#include <volley/plugin.hpp>

// The queue's `value` is the file, relative to the configuration.
std::string path_of(const volley::Context& context) { return context.base_dir() + "/" + context.value(); }

struct Reader : volley::Consumer {
    static constexpr const char* summary = "the lines of a file";
    static constexpr const char* config_schema = R"({"additionalProperties": false})";  // no keys
    static constexpr std::uint32_t max_open = 256;  // how many messages may be in work at once

    explicit Reader(const volley::Context& context) : path(path_of(context)) {}

    void open() override {  // called again after an exception, until startup_timeout
        file.open(path);
        if (!file) throw std::runtime_error(path + " cannot be read");
    }
    std::optional<volley::QueueMessage> consume(std::string_view) override {
        if (again.empty()) {
            std::string line;
            if (!std::getline(file, line)) return std::nullopt;  // nothing there now
            again[++count] = line;
        }
        const auto first = lines.insert(again.extract(again.begin())).position;
        return volley::QueueMessage{std::to_string(first->first), first->second};
    }
    bool delete_message(std::string_view, std::string_view context) override {  // done
        return lines.erase(std::stoul(std::string(context))) == 1;
    }
    bool on_fail(std::string_view, std::string_view context) override {  // failed, or given back
        return again.insert(lines.extract(std::stoul(std::string(context)))).inserted;
    }

    std::string path;
    std::ifstream file;
    std::size_t count = 0;
    std::map<std::size_t, std::string> lines;  // in work
    std::map<std::size_t, std::string> again;  // to be delivered again
};

struct Writer : volley::Producer {
    static constexpr const char* summary = "appends lines to a file";
    static constexpr const char* config_schema = R"({"additionalProperties": false})";
    static constexpr bool ordered = true;  // nothing overtakes a message that is to be sent again

    explicit Writer(const volley::Context& context) : path(path_of(context)) {}

    void open() override {
        file.open(path, std::ios::app);
        if (!file) throw std::runtime_error(path + " cannot be written");
    }
    bool produce(std::string_view, std::string_view message, const volley::Options&) override {
        if (file << message << std::endl) return true;
        file.clear();
        return false;  // it is sent again
    }

    std::string path;
    std::ofstream file;
};

VOLLEY_PLUGIN("lines", "1.0.0", volley::summary("files as queues"), volley::license("MIT"),
              VOLLEY_CLASS(Reader), VOLLEY_CLASS(Writer));
