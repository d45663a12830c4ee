#include "testing/expectations.hpp"

#include <algorithm>

#include "runtime/snapshot.hpp"
#include "testing/fields.hpp"
#include "testing/message_fields.hpp"
#include "text/number.hpp"

namespace volley::cli::testing {

using config::Diagnostics;
using config::Node;

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
}

// Reports a name that is none of `known`, as `what`: "a queue that the component writes to".
void require_name(const Node& given, const std::string& what, const std::vector<std::string>& known,
                  Diagnostics& diagnostics) {
    if (std::find(known.begin(), known.end(), given.scalar) != known.end()) return;
    const std::string near = config::nearest(given.scalar, known);
    diagnostics.error("V0110", given.mark, config::in_quotes(given.scalar) + " is not " + what,
                      near.empty() ? "known: " + (known.empty() ? "none" : joined(known))
                                   : "did you mean \"" + near + "\"?",
                      given.length);
}

MessageNumber read_message(const Node& value, const Names& names, Diagnostics& diagnostics) {
    return read_number(value, "message", 1, std::max(names.messages, MessageNumber{1}), diagnostics)
        .value_or(1);
}

std::vector<MessageNumber> read_messages(const Fields& fields, const char* key, const Names& names,
                                         Diagnostics& diagnostics) {
    std::vector<MessageNumber> out;
    for (const Node& one : fields.list(key)) out.push_back(read_message(one, names, diagnostics));
    std::sort(out.begin(), out.end());
    return out;
}

void read_outputs(const Node& node, const Names& names, Expected& out, Diagnostics& diagnostics) {
    if (node.kind != Node::Kind::mapping)
        return diagnostics.error("V0105", node.mark, "\"outputs\" must be a mapping from queue to messages",
                                 "write QUEUE: and then - body: {…}", node.length);
    for (const auto& [queue, list] : node.members) {
        require_name(queue, "an output of component \"" + names.component.name + "\"",
                     names.component.outputs, diagnostics);
        ExpectedOutputs& outputs = out.outputs[queue.scalar];
        outputs.mark = queue.mark;
        if (list.kind == Node::Kind::null) continue;
        if (list.kind != Node::Kind::sequence) {
            diagnostics.error("V0105", list.mark, "the outputs of a queue are a list",
                              "begin each of them with a dash", list.length);
            continue;
        }
        for (const Node& one : list.elements)
            outputs.list.push_back(
                read_output(one, "an output of " + config::in_quotes(queue.scalar), diagnostics));
    }
}

void read_retries(const Node& node, const Names& names, Expected& out, Diagnostics& diagnostics) {
    if (node.kind != Node::Kind::mapping)
        return diagnostics.error("V0105", node.mark,
                                 "\"retries\" must be a mapping from message number to durations",
                                 "write {1: [100ms, 200ms]}", node.length);
    for (const auto& [message, list] : node.members) {
        ExpectedRetries& retries = out.retries[read_message(message, names, diagnostics)];
        retries.mark = message.mark;
        if (list.kind != Node::Kind::sequence) {
            diagnostics.error("V0105", list.mark, "the retries of a message are a list of durations",
                              "write [100ms, 200ms]: each counts from the attempt before", list.length);
            continue;
        }
        for (const Node& one : list.elements)
            if (const auto after = read_duration(one, "retries", diagnostics))
                retries.after.push_back(*after);
    }
}

ExpectedLetter read_letter(const Node& node, const Names& names, Diagnostics& diagnostics) {
    constexpr std::uint32_t most_attempts = 1'000'000;
    const Fields fields(node, "a dead letter", {"message", "reason", "error", "attempts"}, diagnostics);
    ExpectedLetter out;
    out.mark = node.mark;
    if (fields.require("message", "message: 1 is the first of \"given\""))
        if (const Node* const message = fields.find("message"))
            out.message = read_message(*message, names, diagnostics);
    if (const auto reason = fields.text("reason")) {
        out.reason = *reason;
        const std::vector<std::string> known(runtime::reason_names.begin() + 1, runtime::reason_names.end());
        require_name(*fields.value("reason"), "a reason of a dead letter", known, diagnostics);
    }
    out.error = fields.text("error").value_or("");
    out.attempts = fields.number("attempts", 1, most_attempts);
    return out;
}

void read_outage(const Node& node, const Names& names, TestCase& out, Diagnostics& diagnostics) {
    const Fields fields(node, "a fault", {"output", "down_for", "after"}, diagnostics);
    std::vector<std::string> queues = names.component.outputs;
    if (!names.component.dead_letter_queue.empty()) queues.push_back(names.component.dead_letter_queue);
    const Node* const queue = fields.value("output");
    if (queue == nullptr || queue->kind != Node::Kind::scalar)
        return fields.wrong(node, "\"output\" must name a queue");
    require_name(*queue, "a queue to which component \"" + names.component.name + "\" writes", queues,
                 diagnostics);
    fields.require("down_for", "for example down_for: 30s");
    OutputFault fault{queue->scalar, fields.duration("after").value_or(Millis(0)), Millis(0)};
    fault.until = fault.from + fields.duration("down_for").value_or(Millis(0));
    out.outages.push_back(std::move(fault));
}

void read_death(const Node& node, const Names& names, TestCase& out, Diagnostics& diagnostics) {
    constexpr std::uint32_t most_times = 1'000'000;
    const Fields fields(node, "a fault", {"handler", "message", "times"}, diagnostics);
    const Node* const handler = fields.find("handler");
    if (handler->scalar != "dies") fields.wrong(*handler, "\"handler\" must be dies", "write handler: dies");
    DeathFault fault;
    if (fields.require("message", "with which message in hand? message: 1 is the first"))
        if (const Node* const message = fields.find("message"))
            fault.message = read_message(*message, names, diagnostics);
    fault.times = fields.number("times", 1, most_times).value_or(1);
    if (names.component.handler.kind == HandlerConfig::Kind::forward)
        fields.wrong(*handler, "handler: forward cannot die", "remove the fault");
    out.deaths.push_back(fault);
}

}  // namespace

void read_fault(const Node& node, const Names& names, TestCase& out, Diagnostics& diagnostics) {
    if (node.find("handler") != nullptr) return read_death(node, names, out, diagnostics);
    if (node.find("output") != nullptr) return read_outage(node, names, out, diagnostics);
    diagnostics.error("V0105", node.mark, "this is not a fault",
                      "write {output: QUEUE, down_for: 30s} or {handler: dies, message: 1}", node.length);
}

Expected read_expectations(const Node& node, const Names& names, Diagnostics& diagnostics) {
    static const std::vector<std::string> lists{"outputs", "retries",  "dead_letters", "acked",
                                                "dropped", "requeued", "unsettled"};
    const Fields fields(node, "\"expect\"", lists, diagnostics);
    Expected out;
    out.mark = node.mark;
    for (const std::string& list : lists)
        if (const Node* const key = node.find_key(list)) out.places[list] = key->mark;
    if (const Node* const outputs = fields.value("outputs")) read_outputs(*outputs, names, out, diagnostics);
    if (const Node* const retries = fields.value("retries")) read_retries(*retries, names, out, diagnostics);
    for (const Node& letter : fields.list("dead_letters"))
        out.dead_letters.push_back(read_letter(letter, names, diagnostics));
    if (fields.value("acked") != nullptr) out.acked = read_messages(fields, "acked", names, diagnostics);
    out.dropped = read_messages(fields, "dropped", names, diagnostics);
    out.requeued = read_messages(fields, "requeued", names, diagnostics);
    out.unsettled = read_messages(fields, "unsettled", names, diagnostics);
    return out;
}

}  // namespace volley::cli::testing
