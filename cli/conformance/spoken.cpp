#include "conformance/spoken.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "conformance/verdict.hpp"
#include "handlers/json_cursor.hpp"
#include "text/escape.hpp"
#include "volley/view.hpp"

namespace volley::cli::conformance {

namespace {

using handlers::Answer;
using handlers::JsonCursor;
using Type = JsonCursor::Type;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::optional<std::string> copied(const std::optional<std::string_view>& text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}

// Whether the object has a member that is true.
bool has(std::string_view object, std::string_view wanted) {
    JsonCursor in(object);
    if (in.type() != Type::object) return false;
    std::string_view name;
    bool yes = false;
    for (bool first = true; in.next_member(first, name);) {
        const bool is_true = in.type() == Type::yes;
        in.value(handlers::deepest_body + 4);
        if (name == wanted) yes = is_true;
    }
    return yes && !in.failed();
}

std::vector<Output> outputs_of(const Answer& answer) {
    std::vector<Output> out;
    for (const handlers::AnswerOutput& from : answer.outputs) {
        Output output;
        output.queue = copied(from.queue);
        output.body = copied(from.body);
        output.key = copied(from.key);
        output.partition = from.partition;
        output.delay_ms = from.delay_ms;
        for (std::uint32_t i = 0; i < from.header_count; ++i) {
            const volley_header& header = answer.headers[from.first_header + i];
            std::optional<std::string> value;
            if (!is_absent(header.value)) value = std::string(text_of(header.value));
            output.headers.emplace_back(std::string(text_of(header.name)), std::move(value));
        }
        out.push_back(std::move(output));
    }
    return out;
}

bool is_failure(Answer::Kind kind) { return kind == Answer::Kind::retry || kind == Answer::Kind::fail; }

}  // namespace

std::string excerpt(std::string_view line) {
    constexpr std::size_t longest = 160;
    std::string out = "`";
    text::append_escaped(out, line, longest, text::Quotes::plain);
    return out + '`';
}

Spoken read_spoken(std::string_view line) {
    Spoken spoken;
    spoken.line = std::string(line);
    if (line.substr(0, byte_order_mark.size()) == byte_order_mark) line.remove_prefix(byte_order_mark.size());
    Answer answer;
    if (const auto wrong = handlers::parse_answer(line, answer)) {
        spoken.why = *wrong;
        return spoken;
    }
    if (answer.kind == Answer::Kind::hello) {
        spoken.what = Spoken::What::hello;
        return spoken;
    }
    spoken.what = Spoken::What::answer;
    spoken.id = *answer.id;
    spoken.kind = answer.kind;
    spoken.reason = std::string(answer.why);
    spoken.after_ms = answer.after_ms;
    spoken.outputs = outputs_of(answer);
    spoken.more = has(line, "more");
    return spoken;
}

Abilities read_abilities(std::string_view hello) {
    Abilities abilities;
    JsonCursor in(hello);
    std::string_view name;
    for (bool first = true; in.next_member(first, name);) {
        if (name == "volley")
            abilities.version = in.value(1) == "1" ? 1 : 2;
        else
            in.value(handlers::deepest_body);
    }
    abilities.chains = has(hello, "chains");
    abilities.cancels = has(hello, "cancels");
    abilities.source = has(hello, "source");
    abilities.batches = has(hello, "batches");
    return abilities;
}

std::optional<Spoken> answer_to(std::uint64_t id, const std::vector<Spoken>& spoken) {
    std::vector<Output> outputs;
    for (const Spoken& one : spoken) {
        if (one.what != Spoken::What::answer || one.id != id) continue;
        outputs.insert(outputs.end(), one.outputs.begin(), one.outputs.end());
        if (one.more) continue;
        Spoken answer = one;
        answer.outputs = one.kind == Answer::Kind::done ? std::move(outputs) : std::vector<Output>();
        return answer;
    }
    return std::nullopt;
}

std::size_t unanswered(const std::vector<Sent>& sent, const std::vector<Spoken>& spoken) {
    std::set<std::uint64_t> left;
    for (const Sent& one : sent) left.insert(one.id);
    for (const Spoken& one : spoken)
        if (one.what == Spoken::What::answer && !one.more) left.erase(one.id);
    return left.size();
}

std::optional<std::string> find_repeated(const std::vector<Spoken>& spoken) {
    std::map<std::uint64_t, const Spoken*> seen;
    for (const Spoken& one : spoken) {
        if (one.what != Spoken::What::answer) continue;
        const auto [found, is_first] = seen.try_emplace(one.id, one.more ? nullptr : &one);
        if (is_first) continue;
        if (found->second != nullptr)
            return "message " + std::to_string(one.id) +
                   " was answered twice: " + excerpt(found->second->line) + ", and then " + excerpt(one.line);
        if (!one.more) found->second = &one;
    }
    return std::nullopt;
}

std::optional<std::string> find_unknown(const std::vector<Sent>& sent, const std::vector<Spoken>& spoken) {
    for (const Spoken& one : spoken) {
        const auto is_it = [&](const Sent& message) { return message.id == one.id; };
        if (one.what == Spoken::What::answer && std::none_of(sent.begin(), sent.end(), is_it))
            return "an answer to message " + std::to_string(one.id) +
                   ", which was not sent: " + excerpt(one.line);
    }
    return std::nullopt;
}

std::optional<std::string> find_noise(const std::vector<Spoken>& spoken) {
    for (std::size_t i = 0; i < spoken.size(); ++i) {
        const Spoken& one = spoken[i];
        if (one.what == Spoken::What::noise)
            return "a line that is not an answer (" + one.why + "): " + excerpt(one.line);
        if (one.what == Spoken::What::hello && i > 0)
            return "the line of abilities behind other lines: " + excerpt(one.line);
    }
    return std::nullopt;
}

std::optional<std::string> find_broken_chain(const std::vector<Sent>& sent,
                                             const std::vector<Spoken>& spoken) {
    struct Chain {
        std::vector<std::uint64_t> ids;  // in the order of the lines
        std::size_t answered = 0;
        std::optional<std::uint64_t> failed;
    };
    std::map<std::pair<std::uint64_t, std::uint32_t>, Chain> chains;
    std::map<std::uint64_t, Chain*> chain_of;
    for (const Sent& one : sent) {
        if (one.chain == 0) continue;
        Chain& chain = chains[{one.call, one.chain}];
        chain.ids.push_back(one.id);
        chain_of[one.id] = &chain;
    }
    for (const Spoken& one : spoken) {
        if (one.what != Spoken::What::answer) continue;
        const std::string name = "message " + std::to_string(one.id);
        const auto found = chain_of.find(one.id);
        if (found == chain_of.end()) {
            if (one.kind == Answer::Kind::skipped)
                return name + " was skipped, and it is not in a chain: " + excerpt(one.line);
            continue;
        }
        Chain& chain = *found->second;
        if (chain.answered == chain.ids.size()) continue;  // a second answer
        const std::uint64_t next = chain.ids[chain.answered];
        if (one.id != next)
            return name + " was answered before message " + std::to_string(next) +
                   ", which is before it in its chain: " + excerpt(one.line);
        if (one.more) continue;
        ++chain.answered;
        const bool is_skipped = one.kind == Answer::Kind::skipped;
        if (is_skipped && !chain.failed)
            return name + " was skipped, and nothing before it in its chain has failed: " + excerpt(one.line);
        if (!is_skipped && chain.failed)
            return name + " was not skipped, though message " + std::to_string(*chain.failed) +
                   " before it in its chain has failed: " + excerpt(one.line);
        if (is_failure(one.kind)) chain.failed = one.id;
    }
    return std::nullopt;
}

}  // namespace volley::cli::conformance
