// A connector on the four methods: each file of a directory is a message. What it can beside them is to be
// seen from outside.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "volley/plugin.hpp"

namespace {

namespace fs = std::filesystem;

fs::path directory_of(const volley::Context& context) {
    return fs::path(context.base_dir()) / context.value();
}

struct Shelf : volley::Consumer, volley::Inspectable {
    static constexpr std::uint32_t max_open = 4;
    static constexpr const char* summary = "the files of a directory";

    explicit Shelf(const volley::Context& context) : directory(directory_of(context)) {}

    void open() override {
        fs::create_directories(directory / ".taken");
        fs::create_directories(directory / ".rejected");
    }
    std::optional<volley::QueueMessage> consume(std::string_view) override {
        // An outage that ends, with a fault of a kind that nobody foresaw.
        if (fs::exists(directory / ".broken")) throw std::out_of_range("the shelf is broken");
        const auto names = waiting();
        if (names.empty()) return std::nullopt;
        volley::QueueMessage message = read(names.front());
        message.message_context = "receipt-" + std::to_string(++receipts) + "-" + names.front();
        fs::rename(directory / names.front(), directory / ".taken" / names.front());
        return message;
    }
    bool delete_message(std::string_view, std::string_view receipt) override {
        return fs::remove(directory / ".taken" / name_of(receipt));
    }
    bool on_fail(std::string_view, std::string_view receipt, const volley::Failure& failure) override {
        std::ofstream(directory / ".failures", std::ios::app)
            << name_of(receipt) << (failure.is_release ? " released" : " failed") << std::endl;
        return move_to(directory, receipt);
    }
    bool reject(std::string_view, std::string_view receipt, const volley::Failure& failure) override {
        std::ofstream(directory / ".failures", std::ios::app)
            << name_of(receipt) << " " << failure.text << std::endl;
        return move_to(directory / ".rejected", receipt);
    }

    std::int64_t count(std::string_view) override { return static_cast<std::int64_t>(waiting().size()); }
    std::vector<volley::QueueMessage> peek(std::string_view, std::uint64_t skip,
                                           std::uint32_t limit) override {
        std::vector<volley::QueueMessage> out;
        const auto names = waiting();
        for (std::size_t i = skip; i < names.size() && out.size() < limit; ++i) out.push_back(read(names[i]));
        return out;
    }
    bool remove(std::string_view, std::string_view id) override { return fs::remove(directory / id); }

private:
    std::vector<std::string> waiting() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(directory)) {
            const std::string name = entry.path().filename().string();
            if (name[0] != '.') names.push_back(name);
        }
        std::sort(names.begin(), names.end());
        return names;
    }
    volley::QueueMessage read(const std::string& name) const {
        std::ifstream file(directory / name);
        volley::QueueMessage message{name, {std::istreambuf_iterator<char>(file), {}}};
        message.id = name;
        return message;
    }
    static std::string name_of(std::string_view receipt) {
        return std::string(receipt.substr(receipt.find('-', receipt.find('-') + 1) + 1));
    }
    bool move_to(const fs::path& to, std::string_view receipt) {
        std::error_code gone;
        fs::rename(directory / ".taken" / name_of(receipt), to / name_of(receipt), gone);
        return !gone;
    }

    fs::path directory;
    int receipts = 0;
};

struct Shelve : volley::Producer {
    explicit Shelve(const volley::Context& context) : directory(directory_of(context)) {}
    void open() override { fs::create_directories(directory); }
    bool produce(std::string_view, std::string_view message, const volley::Options&) override {
        const std::string name = std::to_string(++made);
        std::ofstream(directory / ("." + name)) << message;
        fs::rename(directory / ("." + name), directory / name);
        return true;
    }
    fs::path directory;
    int made = 0;
};

}  // namespace

VOLLEY_PLUGIN("shelf", "1.0.0", volley::author("nobody"), VOLLEY_CLASS(Shelf), VOLLEY_CLASS(Shelve));
