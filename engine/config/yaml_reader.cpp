#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "config/tree.hpp"
#include "config/yaml_errors.hpp"
#include "config/yaml_places.hpp"

namespace volley::config {

namespace {

// Limits: a larger file is an error or an attack.
constexpr std::size_t deepest = 32;
constexpr std::size_t most_nodes = 100'000;

struct TooMuch {};  // ends the parse; the diagnostic was added before

class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& file, Diagnostics& diagnostics)
        : file_(file), diagnostics_(diagnostics), columns_(diagnostics.lines()) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Node node;
        node.mark = place(mark);
        add(std::move(node), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        const std::string_view rest = columns_.rest(mark);
        const auto length = static_cast<int>(std::min(rest.find_first_of(" ,]}:\t\r"), rest.size()));
        if (found == anchors_.end()) {
            diagnostics_.error("V0103", place(mark), "an alias inside the value that it stands for",
                               "it would never end: write the value out", length);
            throw TooMuch{};
        }
        const Anchored& meant = found->second;
        if (open_.size() + meant.height > deepest) return too_deep(mark);
        count(meant.nodes, place(mark));
        Node node = meant.node;
        node.mark = place(mark);
        node.mark.origin = "line " + std::to_string(meant.node.mark.line);
        node.length = length;
        if (!open_.empty()) open_.back().height = std::max(open_.back().height, meant.height + 1);
        add(std::move(node), 0);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        Node node;
        node.kind = Node::Kind::scalar;
        node.mark = place(mark);
        node.scalar = value;
        node.quoted = tag == "!";
        if (node.quoted && !columns_.is_closed(mark)) {
            diagnostics_.error("V0101", node.mark, "this quote is never closed",
                               "end the text with the same quote");
            throw TooMuch{};
        }
        node.length = length_on_line(value, columns_.rest(mark));
        if (!node.quoted && (value.empty() || value == "~" || value == "null")) node.kind = Node::Kind::null;
        add(std::move(node), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor, Node::Kind::sequence);
    }
    void OnSequenceEnd() override { end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor, Node::Kind::mapping);
    }
    void OnMapEnd() override { end(); }

    Node take() { return std::move(root_); }
    Mark place(const YAML::Mark& mark) { return columns_.place(file_, mark); }

    // The position of the innermost { or [ that is not closed.
    Mark opened() const {
        for (auto open = open_.rbegin(); open != open_.rend(); ++open) {
            const std::string_view rest = columns_.rest(open->at);
            if (!rest.empty() && (rest[0] == '{' || rest[0] == '[')) return open->node.mark;
        }
        return {};
    }

private:
    struct Open {
        Node node;
        YAML::Mark at;
        std::unordered_map<std::string, int> lines;  // of the keys so far
        Node key;
        bool has_key = false;
        std::vector<Member> merged;  // from <<: keys of the mapping itself take precedence
        YAML::anchor_t anchor = 0;
        std::size_t nodes_before = 0;
        std::size_t height = 1;
    };
    // The value of an alias. It is a copy, because it may be used several times.
    struct Anchored {
        Node node;
        std::size_t nodes = 1;   // in the whole value
        std::size_t height = 0;  // nesting levels; 0 for a scalar
    };

    // The scalar as written, with its quotes, up to the end of its first line.
    static int length_on_line(const std::string& value, std::string_view rest) {
        const bool delimited = !rest.empty() && (rest[0] == '"' || rest[0] == '\'');
        const auto wanted = std::count_if(value.begin(), value.end(), begins_character) + (delimited ? 2 : 0);
        rest = rest.substr(0, static_cast<std::size_t>(wanted) * 4);
        const auto room = std::count_if(rest.begin(), rest.end(), begins_character);
        return static_cast<int>(std::max<std::ptrdiff_t>(std::min(wanted, room), 1));
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (!tag.empty() && tag != "?" && tag != "!")
            diagnostics_.error("V0103", place(mark), "tags (!!name) are not read",
                               "remove it; text that looks like a number is written in quotes");
    }
    void too_deep(const YAML::Mark& mark) {
        diagnostics_.error("V0101", place(mark), "nested deeper than " + std::to_string(deepest) + " levels",
                           "a configuration needs five; is a bracket not closed?");
        throw TooMuch{};
    }
    // Every copy of an anchored value counts.
    void count(std::size_t nodes, const Mark& mark) {
        nodes_ += nodes;
        if (nodes_ <= most_nodes) return;
        diagnostics_.error("V0101", mark,
                           "more than " + std::to_string(most_nodes) + " values, those of aliases included",
                           "a configuration has hundreds; is this the right file?");
        throw TooMuch{};
    }
    void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
        refuse_tag(mark, tag);
        if (open_.size() >= deepest) too_deep(mark);
        open_.emplace_back();
        open_.back().at = mark;
        open_.back().anchor = anchor;
        open_.back().nodes_before = nodes_;
        open_.back().node.kind = kind;
        open_.back().node.mark = place(mark);
    }
    void end() {
        Open done = std::move(open_.back());
        open_.pop_back();
        for (Member& member : done.merged) {
            if (done.node.find(member.first.scalar) == nullptr)
                done.node.members.push_back(std::move(member));
        }
        if (!open_.empty()) open_.back().height = std::max(open_.back().height, done.height + 1);
        count(1, done.node.mark);
        if (done.anchor != 0) {
            const std::size_t nodes = nodes_ - done.nodes_before;
            count(nodes, done.node.mark);
            anchors_[done.anchor] = {done.node, nodes, done.height};
        }
        place_in_parent(std::move(done.node));
    }
    void add(Node node, YAML::anchor_t anchor) {
        count(1, node.mark);
        if (anchor != 0) anchors_[anchor] = {node, 1, 0};
        place_in_parent(std::move(node));
    }
    void place_in_parent(Node node) {
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
            top.has_key = false;
            if (is_merge(top.key))
                merge(top, std::move(node));
            else
                top.node.members.push_back({std::move(top.key), std::move(node)});
        }
    }
    static bool is_merge(const Node& key) { return key.scalar == "<<" && !key.quoted; }
    // << takes one mapping or a list of them. If two have the same key, the first takes precedence.
    void merge(Open& top, Node value) {
        std::vector<Node> one;
        one.push_back(std::move(value));
        std::vector<Node>& all = one[0].kind == Node::Kind::sequence ? one[0].elements : one;
        for (Node& mapping : all) {
            if (mapping.kind != Node::Kind::mapping) {
                diagnostics_.error("V0105", mapping.mark, "<< takes the keys of a mapping, and this is none",
                                   "write <<: *name, where a mapping above begins with &name",
                                   mapping.length);
                continue;
            }
            for (Member& member : mapping.members) top.merged.push_back(std::move(member));
        }
    }
    void add_key(Open& top, Node key) {
        if (key.kind == Node::Kind::mapping || key.kind == Node::Kind::sequence) {
            refuse_key(key);
        } else {
            const auto [before, is_new] = top.lines.emplace(key.scalar, key.mark.line);
            if (!is_new) {
                diagnostics_.error(
                    "V0102", key.mark, "the key " + config::in_quotes(key.scalar) + " stands twice",
                    "the first is at line " + std::to_string(before->second) + "; keep one", key.length);
            }
        }
        top.key = std::move(key);
        top.has_key = true;
    }
    // {{ name }} parses as a mapping that is the key of a mapping.
    void refuse_key(const Node& key) {
        const std::string& line = diagnostics_.lines()[static_cast<std::size_t>(key.mark.line) - 1];
        const std::size_t braces = line.find("{{");
        if (key.kind == Node::Kind::sequence || braces == std::string::npos) {
            diagnostics_.error("V0105", key.mark, "a key must be a word, not a list or a mapping",
                               "remove the ? before it, or write the key as one word");
            throw TooMuch{};
        }
        const std::size_t close = line.find("}}", braces);
        const std::size_t length = close == std::string::npos ? 2 : close + 2 - braces;
        Mark mark = key.mark;
        mark.column =
            static_cast<int>(std::count_if(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(braces),
                                           begins_character)) +
            1;
        diagnostics_.error("V0111", mark, "template braces {{…}} are not filled in",
                           "write \"${NAME}\", quotes included, for the environment variable NAME",
                           static_cast<int>(length));
        throw TooMuch{};  // any further error is a consequence of this one
    }

    const std::string& file_;
    Diagnostics& diagnostics_;
    Columns columns_;
    std::vector<Open> open_;
    Node root_;
    std::map<YAML::anchor_t, Anchored> anchors_;
    std::size_t nodes_ = 0;
};

// Finds where a second document begins.
class SecondDocument : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark& mark) override { begin = mark; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override { throw TooMuch{}; }
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override { throw TooMuch{}; }
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {
        throw TooMuch{};
    }
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        throw TooMuch{};
    }
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        throw TooMuch{};
    }
    void OnMapEnd() override {}

    std::optional<YAML::Mark> begin;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
    for (const auto& [name, value] : members) {
        if (name.scalar == key) return &value;
    }
    return nullptr;
}

const Node* Node::find_key(std::string_view key) const {
    for (const auto& [name, value] : members) {
        if (name.scalar == key) return &name;
    }
    return nullptr;
}

Node read_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
    if (!check_bytes(text, file, diagnostics)) return {};
    TreeBuilder builder(file, diagnostics);
    SecondDocument second;
    std::istringstream in(text);
    try {
        YAML::Parser parser(in);
        parser.HandleNextDocument(builder);
        try {
            parser.HandleNextDocument(second);
        } catch (const TooMuch&) {
        }
        if (second.begin) {
            diagnostics.error("V0101", builder.place(*second.begin), "a second document begins here",
                              "one file holds one configuration: remove the --- before it");
        }
        return builder.take();
    } catch (const YAML::Exception& e) {
        add_yaml_error(e.msg, builder.place(e.mark), builder.opened(), diagnostics);
    } catch (const TooMuch&) {
    }
    return {};
}

}  // namespace volley::config
