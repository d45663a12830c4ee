// The echo program of the protocol for handlers without any library: see ../README.md. It copies the texts of
// the JSON values that it forwards and decodes none of them, so it keeps every digit. One message at a time.
//
//     g++ -std=c++17 -O2 -o echo echo.cpp && volley handler-check --echo -- ./echo
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

// Steps over the values of a JSON text. The engine writes valid JSON, so nothing is checked beyond what is
// needed.
class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    char peek() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
        if (at_ == text_.size()) throw std::runtime_error("the line ends too early");
        return text_[at_];
    }
    bool take(char c) {
        const bool there = peek() == c;
        if (there) ++at_;
        return there;
    }
    // The text of the next value.
    std::string_view value() {
        peek();
        const std::size_t begin = at_;
        int depth = 0;
        do {
            const char c = peek();
            if (c == '"')
                skip_string();
            else if (c == '{' || c == '[')
                ++depth, ++at_;
            else if (c == '}' || c == ']')
                --depth, ++at_;
            else if (c == ',' || c == ':')
                ++at_;
            else
                skip_word();
        } while (depth > 0);
        return text_.substr(begin, at_ - begin);
    }

private:
    void skip_string() {
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
            if (text_[at_] == '\\') ++at_;
        ++at_;
    }
    void skip_word() {
        const std::size_t end = text_.find_first_of(",:]} \t\r\n", at_);
        at_ = end == std::string_view::npos ? text_.size() : end;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// The texts of the members of an object. Names that are needed have no escapes.
std::map<std::string_view, std::string_view> members_of(std::string_view object) {
    std::map<std::string_view, std::string_view> members;
    Scanner in(object);
    if (!in.take('{') || in.take('}')) return members;
    do {
        std::string_view name = in.value();
        in.take(':');
        members[name.substr(1, name.size() - 2)] = in.value();
    } while (in.take(','));
    return members;
}

std::vector<std::string_view> elements_of(std::string_view array) {
    std::vector<std::string_view> elements;
    Scanner in(array);
    if (!in.take('[') || in.take(']')) return elements;
    do elements.push_back(in.value());
    while (in.take(','));
    return elements;
}

using Members = std::map<std::string_view, std::string_view>;

std::string text_of(const Members& members, std::string_view name, const char* otherwise = "null") {
    const auto found = members.find(name);
    return std::string(found == members.end() ? otherwise : found->second);
}
int number_of(const Members& members, std::string_view name) {
    return std::atoi(text_of(members, name, "0").c_str());
}

void write_line(const std::string& line) {
    std::cout << line << std::endl;  // with its flush
}

std::string forwarded(const Members& request) {
    std::string output = R"({"queue":"out")";
    const bool tombstone = text_of(request, "tombstone") == "true";
    if (tombstone) output += R"(,"tombstone":true)";
    for (const char* name : {"body", "text", "base64", "key", "key_base64", "headers"}) {
        const std::string text = text_of(request, name, "");
        const bool is_body = std::string_view(name) == "body";
        if (text.empty() || (is_body && tombstone) || (!is_body && text == "null")) continue;
        output += std::string(",\"") + name + "\":" + text;
    }
    return R"("outputs":[)" + output + "}]";
}

// Writes each output in a line of its own if they are parts.
std::string copies(const std::string& id, const Members& body, bool parts) {
    std::string outputs;
    for (int n = 0; n < number_of(body, "count"); ++n) {
        const std::string output = R"({"queue":"out","body":)" + std::to_string(n) + '}';
        if (parts)
            write_line(id + R"(,"outputs":[)" + output + R"(],"more":true})");
        else
            outputs += (outputs.empty() ? "" : ",") + output;
    }
    return R"("outputs":[)" + outputs + ']';
}

// The members of the answer that say what became of the message.
std::string outcome(const std::string& id, const Members& request) {
    const std::string text = text_of(request, "body");
    const Members body = text.front() == '{' ? members_of(text) : Members{};
    const std::string what = text_of(body, "do");
    if (what == "\"fail\"") return "\"fail\":" + text_of(body, "why");
    if (what == "\"retry\"")
        return "\"retry\":" + text_of(body, "why") + ",\"after_ms\":" + text_of(body, "after_ms", "0");
    if (what == "\"drop\"") return "\"drop\":" + text_of(body, "why");
    if (what == "\"none\"") return "\"outputs\":[]";
    if (what == "\"copy\"") return copies(id, body, false);
    if (what == "\"parts\"") {
        const std::string outputs = copies(id, body, std::getenv("VOLLEY_CONCURRENCY") != nullptr);
        if (body.count("then") > 0) return R"("fail":"behind its parts")";
        return std::getenv("VOLLEY_CONCURRENCY") != nullptr ? R"("outputs":[])" : outputs;
    }
    if (what == "\"throw\"") throw std::runtime_error("thrown");
    if (what == "\"print\"") std::fputs("noise", stderr);  // standard output is for answers alone
    if (what == "\"sleep\"") std::this_thread::sleep_for(std::chrono::milliseconds(number_of(body, "ms")));
    if (what == "\"source\"")
        return R"("outputs":[{"queue":"out","body":)" + text_of(request, "source") + "}]";
    if (what == "\"meet\"") return R"("fail":"alone")";  // nobody else is at work
    return forwarded(request);
}

// The chains of the current call in which a message has failed.
struct Failures {
    std::string call;
    std::set<std::string> chains;

    bool is_behind(const Members& request) const {
        return text_of(request, "call") == call && chains.count(text_of(request, "chain")) > 0;
    }
    void add(const Members& request) {
        if (text_of(request, "call") != call) chains.clear();
        call = text_of(request, "call");
        if (request.count("chain") > 0) chains.insert(text_of(request, "chain"));
    }
};

void answer(std::string_view line, Failures& failures) {
    const Members request = members_of(line);
    const std::string id = "{\"id\":" + text_of(request, "id");
    if (failures.is_behind(request)) return write_line(id + ",\"skipped\":true}");
    std::string said;
    try {
        said = outcome(id, request);
    } catch (const std::exception& error) {
        said = std::string("\"retry\":\"") + error.what() + '"';
    }
    if (said.rfind("\"fail\"", 0) == 0 || said.rfind("\"retry\"", 0) == 0) failures.add(request);
    write_line(id + ',' + said + '}');
}

}  // namespace

int main() {
    std::signal(SIGTERM, SIG_IGN);  // the end of standard input is the end
    std::ios::sync_with_stdio(false);
    write_line(R"({"volley":2,"chains":true,"source":true,"batches":true})");
    Failures failures;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        if (line.rfind("{\"batch\":", 0) != 0) {
            answer(line, failures);
            continue;
        }
        const Members batch = members_of(line);
        for (const std::string_view one : elements_of(batch.at("batch"))) answer(one, failures);
    }
}
