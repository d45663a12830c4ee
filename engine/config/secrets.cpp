#include "config/secrets.hpp"

#include <rapidjson/document.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "config/interpolate.hpp"
#include "config/printed_values.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"

namespace volley::config {

namespace {

constexpr std::string_view mask = "***";
// A shorter one would be found everywhere.
constexpr std::size_t shortest = 4;
constexpr std::size_t shortest_of_environment = 6;

bool may_be_in_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

// "redis://user:password@host" → "password"
std::string password_in(std::string_view address) {
    const std::size_t host = address.rfind('@');
    if (host == std::string_view::npos) return {};
    const std::size_t scheme = address.find("//");
    const std::size_t from = scheme == std::string_view::npos || scheme > host ? 0 : scheme + 2;
    const std::size_t colon = address.find(':', from);
    return colon < host ? std::string(address.substr(colon + 1, host - colon - 1)) : std::string();
}

// Calls `take(value)` for each text of a JSON value.
template <typename Take>
void for_each_text(const rapidjson::Value& value, Take&& take) {
    if (value.IsString()) take(std::string(value.GetString(), value.GetStringLength()));
    if (value.IsObject())
        for (const auto& member : value.GetObject()) for_each_text(member.value, take);
    if (value.IsArray())
        for (const auto& one : value.GetArray()) for_each_text(one, take);
}

// Masks the passwords in addresses that nobody knows: scheme://user:password@host
std::string without_passwords(std::string text) {
    for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
        const std::size_t from = at + 3;
        const std::size_t end = std::min(text.find_first_of(" \t\r\n\"'<>", from), text.size());
        const std::size_t host = text.rfind('@', end - 1);
        const std::size_t colon = text.find(':', from);
        if (host == std::string::npos || host < from || colon >= host) continue;
        text.replace(colon + 1, host - colon - 1, mask);
    }
    return text;
}

// Where the value after a name ends: at the quote that it begins with, or where a word ends.
std::size_t end_of_value(std::string_view text, std::size_t from) {
    if (from < text.size() && (text[from] == '"' || text[from] == '\'')) {
        for (std::size_t at = from + 1; at < text.size(); ++at) {
            if (text[at] == '\\')
                ++at;
            else if (text[at] == text[from])
                return at;
        }
        return text.size();
    }
    return std::min(text.find_first_of(" \t\r\n,;&}])\"'", from), text.size());
}

// Masks the values after names: password=…, "password": "…", --password …
std::string without_named(std::string_view text) {
    std::string out;
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!may_be_in_name(text[at])) continue;
        const std::size_t begin = at;
        while (at < text.size() && may_be_in_name(text[at])) ++at;
        const std::string_view name = text.substr(begin, at - begin);
        if (!names_a_secret(name)) continue;
        std::size_t value = at;
        while (value < text.size() && (text[value] == '"' || text[value] == '\'')) ++value;
        while (value < text.size() && text[value] == ' ') ++value;
        const bool assigns = value < text.size() && (text[value] == '=' || text[value] == ':');
        if (!assigns && !name.starts_with("--")) continue;
        if (assigns) ++value;
        while (value < text.size() && (text[value] == ' ' || (!assigns && text[value] == ','))) ++value;
        const std::size_t end = end_of_value(text, value);
        if (value < text.size() && (text[value] == '"' || text[value] == '\'')) ++value;
        if (end <= value) continue;
        out.append(text, done, value - done).append(mask);
        done = end;
        at = end;
    }
    return out.append(text.substr(std::min(done, text.size())));
}

}  // namespace

Secrets::Secrets() {
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view one = *variable;
        const std::size_t equals = one.find('=');
        if (equals == std::string_view::npos || !names_a_secret(one.substr(0, equals))) continue;
        // A short one is likely to be a word that stands in other places, too.
        if (one.size() - equals > shortest_of_environment) add(std::string(one.substr(equals + 1)));
    }
}

// As it is, and as JSON and addresses write it.
void Secrets::add(std::string secret) {
    if (secret.size() < shortest || secret == "true" || secret == "false" || secret == "null") return;
    rapidjson::StringBuffer buffer;
    text::JsonWriter writer(buffer);
    writer.String(secret.data(), static_cast<rapidjson::SizeType>(secret.size()));
    known_.insert(std::string(buffer.GetString() + 1, buffer.GetSize() - 2));
    known_.insert(text::url_escaped(secret));
    if (std::string password = password_in(secret); password.size() >= shortest)
        known_.insert(std::move(password));
    known_.insert(std::move(secret));
}

void Secrets::learn(const Config& config) {
    add(config.operations.token);
    std::set<std::string> masked;  // paths
    for (const PrintedValue& one : printed_values(config))
        if (one.value.find(mask) != std::string::npos) masked.insert(one.path);
    const auto learn_own = [&](const std::string& object, const std::string& path) {
        rapidjson::Document own;
        own.Parse<rapidjson::kParseIterativeFlag>(object.c_str(), object.size());
        if (own.HasParseError() || !own.IsObject()) return;
        for (const auto& member : own.GetObject()) {
            const std::string name(member.name.GetString(), member.name.GetStringLength());
            if (masked.count(path + "/" + name) == 0 && !names_a_secret(name)) continue;
            for_each_text(member.value, [&](std::string text) { add(std::move(text)); });
        }
    };
    for (const QueueConfig& queue : config.queues) learn_own(queue.config, queue.path + "/config");
    for (const ComponentConfig& component : config.components) {
        learn_own(component.handler.library.config, component.path + "/handler/config");
        const ProcessHandler& process = component.handler.process;
        for (const auto& [name, value] : process.env) {
            const auto origin = config.origins.find(component.path + "/handler/env/" + name);
            const bool secret = origin != config.origins.end() && origin->second.origin == "secret";
            if (secret || names_a_secret(name)) add(value);
        }
        for (std::size_t i = 0; i < process.exec.size(); ++i) {
            const std::string& word = process.exec[i];
            const auto origin = config.origins.find(component.path + "/handler/exec/" + std::to_string(i));
            if (origin != config.origins.end() && origin->second.origin == "secret") add(word);
            const std::size_t equals = word.find('=');
            if (!names_a_secret(word.substr(0, equals))) continue;
            if (equals != std::string::npos)
                add(word.substr(equals + 1));
            else if (word.starts_with("-") && i + 1 < process.exec.size())
                add(process.exec[i + 1]);
        }
    }
}

std::string Secrets::masked(std::string_view text) const {
    // The longest first: one may be a part of another.
    std::vector<std::string_view> all(known_.begin(), known_.end());
    std::sort(all.begin(), all.end(), [](auto a, auto b) { return a.size() > b.size(); });
    std::string out(text);
    for (const std::string_view secret : all) {
        for (std::size_t at = out.find(secret); at != std::string::npos;
             at = out.find(secret, at + mask.size()))
            out.replace(at, secret.size(), mask);
    }
    return without_named(without_passwords(std::move(out)));
}

}  // namespace volley::config
