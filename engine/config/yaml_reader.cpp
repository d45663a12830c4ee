#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

#include "config/tree.hpp"

namespace volley::config {

namespace {

// A configuration is small; what is larger is a mistake or an attack.
constexpr std::size_t largest_file = 1 << 20;
constexpr std::size_t deepest = 32;
constexpr std::size_t most_nodes = 100'000;

struct TooMuch {};  // ends the parse; the diagnostic is made already

class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& file, Diagnostics& diagnostics) : file_(file), diagnostics_(diagnostics) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(mark, anchor);
        Node node;
        node.mark = place(mark);
        add(std::move(node));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        diagnostics_.error("V0103", place(mark), "aliases (*name) are not read", "write the value out");
        OnNull(mark, 0);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_anchor(mark, anchor);
        Node node;
        node.kind = Node::Kind::scalar;
        node.mark = place(mark);
        node.scalar = value;
        node.quoted = tag == "!";
        if (!node.quoted && (value.empty() || value == "~" || value == "null")) node.kind = Node::Kind::null;
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(mark, anchor, Node::Kind::sequence);
    }
    void OnSequenceEnd() override { end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, anchor, Node::Kind::mapping);
    }
    void OnMapEnd() override { end(); }

    Node take() { return std::move(root_); }

private:
    struct Open {
        Node node;
        Node key;
        bool has_key = false;
    };

    Mark place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1, {}}; }

    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != 0)
            diagnostics_.error("V0103", place(mark), "anchors (&name) are not read", "write the value out");
    }
    void begin(const YAML::Mark& mark, YAML::anchor_t anchor, Node::Kind kind) {
        refuse_anchor(mark, anchor);
        if (open_.size() >= deepest) {
            diagnostics_.error("V0101", place(mark),
                               "nested deeper than " + std::to_string(deepest) + " levels");
            throw TooMuch{};
        }
        open_.emplace_back();
        open_.back().node.kind = kind;
        open_.back().node.mark = place(mark);
    }
    void end() {
        Node node = std::move(open_.back().node);
        open_.pop_back();
        add(std::move(node));
    }
    void add(Node node) {
        if (++nodes_ > most_nodes) {
            diagnostics_.error("V0101", node.mark, "more than " + std::to_string(most_nodes) + " values");
            throw TooMuch{};
        }
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& top = open_.back();
        if (top.node.kind == Node::Kind::sequence) {
            top.node.elements.push_back(std::move(node));
        } else if (!top.has_key) {
            add_key(top, std::move(node));
        } else {
            top.node.members.emplace_back(std::move(top.key), std::move(node));
            top.has_key = false;
        }
    }
    void add_key(Open& top, Node key) {
        const int length = static_cast<int>(key.scalar.size());
        if (key.kind == Node::Kind::mapping || key.kind == Node::Kind::sequence) {
            diagnostics_.error("V0111", key.mark,
                               "a mapping cannot be a key; template braces {{…}} are not read",
                               "write ${NAME} for an environment variable, and quote it inside { }");
        } else if (const Node* before = top.node.find(key.scalar)) {
            diagnostics_.error("V0102", key.mark, "key \"" + key.scalar + "\" stands twice",
                               "first at line " + std::to_string(before->mark.line) + "; keep one", length);
        }
        top.key = std::move(key);
        top.has_key = true;
    }

    const std::string& file_;
    Diagnostics& diagnostics_;
    std::vector<Open> open_;
    Node root_;
    std::size_t nodes_ = 0;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
    for (const auto& [name, value] : members) {
        if (name.scalar == key) return &value;
    }
    return nullptr;
}

Node read_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
    if (text.size() > largest_file) {
        diagnostics.error("V0101", {file, 0, 0, {}}, "the file is larger than 1 MiB");
        return {};
    }
    TreeBuilder builder(file, diagnostics);
    try {
        std::istringstream in(text);
        YAML::Parser parser(in);
        parser.HandleNextDocument(builder);
        return builder.take();
    } catch (const YAML::Exception& e) {
        const Mark mark{file, e.mark.line + 1, e.mark.column + 1, {}};
        const auto line = static_cast<std::size_t>(e.mark.line);
        const std::string at = line < diagnostics.lines().size() ? diagnostics.lines()[line] : "";
        std::string help;
        if (at.find('\t') != std::string::npos) help = "indent with spaces: YAML does not allow tabs";
        if (at.find("${") != std::string::npos) help = "inside { } and [ ], YAML wants \"${NAME}\" in quotes";
        diagnostics.error("V0101", mark, "no YAML: " + e.msg, help);
    } catch (const TooMuch&) {
    }
    return {};
}

}  // namespace volley::config
