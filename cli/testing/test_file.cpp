#include "testing/test_file.hpp"

#include <algorithm>

#include "config/read_file.hpp"
#include "config/tree.hpp"
#include "config/yaml_errors.hpp"
#include "testing/expectations.hpp"
#include "testing/fields.hpp"
#include "testing/message_fields.hpp"
#include "text/text.hpp"

namespace volley::cli::testing {

using config::Diagnostics;
using config::Node;

namespace {

constexpr std::size_t most_messages = 10'000;

class Reader {
public:
    Reader(const Config& config, Diagnostics& diagnostics) : config_(config), diagnostics_(diagnostics) {}

    std::vector<TestCase> file(const Node& root, const std::string& path) {
        if (root.kind == Node::Kind::mapping && root.find("tests") != nullptr) return list(root);
        std::vector<TestCase> tests;
        tests.push_back(test(root, "the test", path, TestCase()));
        return tests;
    }

private:
    std::vector<TestCase> list(const Node& root) {
        const Fields fields(root, "the file", {"component", "handler_timeout", "within", "tests"},
                            diagnostics_);
        TestCase common;
        settings(fields, common);
        std::vector<TestCase> tests;
        for (const Node& node : fields.list("tests")) {
            const std::string number = std::to_string(tests.size() + 1);
            tests.push_back(test(node, "test " + number, "test " + number, common));
        }
        if (tests.empty() && !diagnostics_.has_errors())
            diagnostics_.error("V0108", root.mark, "\"tests\" has no test", "write - given: and expect:");
        return tests;
    }

    void settings(const Fields& fields, TestCase& out) {
        if (const auto name = fields.text("component")) {
            out.component = *name;
            out.component_mark = fields.value("component")->mark;
        }
        out.handler_timeout = fields.duration("handler_timeout");
        if (const auto within = fields.duration("within")) out.within = *within;
    }

    TestCase test(const Node& node, const std::string& what, const std::string& name,
                  const TestCase& common) {
        const Fields fields(node, what,
                            {"name", "component", "handler_timeout", "within", "given", "faults", "expect"},
                            diagnostics_);
        TestCase out;
        settings(fields, out);
        if (out.component.empty()) {
            out.component = common.component;
            out.component_mark = common.component_mark;
        }
        if (!out.handler_timeout) out.handler_timeout = common.handler_timeout;
        if (fields.value("within") == nullptr) out.within = common.within;
        out.mark = node.mark;
        out.name = fields.text("name").value_or(name);
        const ComponentConfig* const component = find_component(node, out);
        given(fields, what, out);
        if (component == nullptr) return out;
        const Names names{*component, static_cast<MessageNumber>(out.given.size())};
        for (const Node& fault : fields.list("faults")) read_fault(fault, names, out, diagnostics_);
        out.expected.mark = node.mark;
        if (fields.require("expect", "expect: {} says that each message is acked and nothing else happens"))
            if (const Node* const expect = fields.value("expect"))
                out.expected = read_expectations(*expect, names, diagnostics_);
        return out;
    }

    void given(const Fields& fields, const std::string& what, TestCase& out) {
        if (!fields.require("given", "given: is the list of messages, for example - body: {id: 1}")) return;
        for (const Node& message : fields.list("given")) {
            out.given.push_back(
                read_given(message, "message " + std::to_string(out.given.size() + 1), diagnostics_));
            if (out.given.size() > most_messages)
                return fields.wrong(*fields.value("given"),
                                    what + " has more than " + std::to_string(most_messages) + " messages");
        }
        if (out.given.empty() && !diagnostics_.has_errors())
            fields.wrong(*fields.find("given"), "\"given\" has no message", "for example - body: {id: 1}");
    }

    const ComponentConfig* find_component(const Node& node, const TestCase& out) {
        if (const ComponentConfig* const found = component_of(out, config_)) return found;
        std::vector<std::string> names;
        std::string all;
        for (const ComponentConfig& component : config_.components) {
            names.push_back(component.name);
            all += (all.empty() ? "" : ", ") + component.name;
        }
        if (out.component.empty()) {
            diagnostics_.error("V0108", node.mark, "the key \"component\" is missing",
                               "the configuration has several: " + all);
            return nullptr;
        }
        const std::string near = config::nearest(out.component, names);
        diagnostics_.error("V0110", out.component_mark,
                           config_.file + " has no component " + config::in_quotes(out.component),
                           near.empty() ? "it has: " + all : "did you mean \"" + near + "\"?",
                           static_cast<int>(out.component.size()));
        return nullptr;
    }

    const Config& config_;
    Diagnostics& diagnostics_;
};

TestFile unreadable(const std::string& path, const std::string& why) {
    config::Diagnostic d;
    d.code = "V0100";
    d.text = "cannot read " + path + ": " + why;
    d.mark.file = path;
    return {path, {}, {d}};
}

}  // namespace

const ComponentConfig* component_of(const TestCase& test, const Config& config) {
    if (test.component.empty()) return config.components.size() == 1 ? &config.components.front() : nullptr;
    const auto found = std::find_if(config.components.begin(), config.components.end(),
                                    [&](const ComponentConfig& c) { return c.name == test.component; });
    return found == config.components.end() ? nullptr : &*found;
}

TestFile read_test_file(const std::string& path, const Config& config) {
    const config::FileText read = config::read_file(path, config::largest_file + 1);
    if (!read.text) return unreadable(path, read.why);
    const std::string text = read.text->substr(text::byte_order_mark(*read.text));
    Diagnostics diagnostics(text);
    const Node root = config::read_yaml(text, path, diagnostics);
    if (diagnostics.has_errors()) return {path, {}, diagnostics.take()};
    if (root.kind == Node::Kind::null) {
        diagnostics.error("V0108", {path, 0, 0, {}}, "the file is empty",
                          "a test is given: [{body: {id: 1}}] and expect: {}");
        return {path, {}, diagnostics.take()};
    }
    TestFile file{path, Reader(config, diagnostics).file(root, path), {}};
    if (diagnostics.has_errors()) file.tests.clear();
    file.diagnostics = diagnostics.take();
    return file;
}

}  // namespace volley::cli::testing
