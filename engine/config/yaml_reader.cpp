#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "config/tree.hpp"
#include "config/yaml_errors.hpp"

namespace volley::config {

namespace {

// A configuration is small; what is larger is a mistake or an attack.
constexpr std::size_t deepest = 32;
constexpr std::size_t most_nodes = 100'000;

struct TooMuch {};  // ends the parse; the diagnostic is made already

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

// yaml-cpp counts bytes from 0; people count characters from 1. Marks come nearly in order, so that a long
// line is walked once.
class Columns {
public:
    explicit Columns(const std::vector<std::string>& lines) : lines_(lines) {}

    Mark place(const std::string& file, const YAML::Mark& mark) {
        const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
        auto byte = static_cast<std::size_t>(std::max(mark.column, 0));
        if (line < lines_.size()) byte = std::min(byte, lines_[line].size());
        if (line != line_ || byte < byte_) {
            line_ = line;
            byte_ = characters_ = 0;
        }
        for (; byte_ < byte; ++byte_) {
            if (line >= lines_.size() || begins_character(lines_[line][byte_])) ++characters_;
        }
        return {file, static_cast<int>(line) + 1, static_cast<int>(characters_) + 1, {}};
    }

    // The text from `mark` on, as far as its line goes.
    std::string_view rest(const YAML::Mark& mark) const {
        const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
        const auto byte = static_cast<std::size_t>(std::max(mark.column, 0));
        if (line >= lines_.size() || byte > lines_[line].size()) return {};
        return std::string_view(lines_[line]).substr(byte);
    }

    // Does the quoted scalar that begins at `mark` end before the file does?
    bool is_closed(const YAML::Mark& mark) const {
        std::string_view text = rest(mark);
        if (text.empty() || (text[0] != '"' && text[0] != '\'')) return true;
        const char quote = text[0];
        text.remove_prefix(1);
        for (auto line = static_cast<std::size_t>(mark.line);;) {
            for (std::size_t i = 0; i < text.size(); ++i) {
                const bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
                if (text[i] == (quote == '"' ? '\\' : quote) && (quote == '"' || doubled))
                    ++i;
                else if (text[i] == quote)
                    return true;
            }
            if (++line >= lines_.size()) return false;
            text = lines_[line];
        }
    }

private:
    const std::vector<std::string>& lines_;
    std::size_t line_ = 0;
    std::size_t byte_ = 0;
    std::size_t characters_ = 0;
};

class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& file, Diagnostics& diagnostics)
        : file_(file), diagnostics_(diagnostics), columns_(diagnostics.lines()) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse(mark, {}, anchor);
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
        refuse(mark, tag, anchor);
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
        add(std::move(node));
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

    // Where the innermost { or [ stands that is still open.
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
    };

    // As it stands in the file: with its quotes, and no longer than its first line.
    static int length_on_line(const std::string& value, std::string_view rest) {
        const bool delimited = !rest.empty() && (rest[0] == '"' || rest[0] == '\'');
        const auto wanted = std::count_if(value.begin(), value.end(), begins_character) + (delimited ? 2 : 0);
        rest = rest.substr(0, static_cast<std::size_t>(wanted) * 4);
        const auto room = std::count_if(rest.begin(), rest.end(), begins_character);
        return static_cast<int>(std::max<std::ptrdiff_t>(std::min(wanted, room), 1));
    }
    void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (anchor != 0)
            diagnostics_.error("V0103", place(mark), "anchors (&name) are not read", "write the value out");
        if (!tag.empty() && tag != "?" && tag != "!")
            diagnostics_.error("V0103", place(mark), "tags (!!name) are not read",
                               "remove it; text that looks like a number is written in quotes");
    }
    void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
        refuse(mark, tag, anchor);
        if (open_.size() >= deepest) {
            diagnostics_.error("V0101", place(mark),
                               "nested deeper than " + std::to_string(deepest) + " levels",
                               "a configuration needs five; is a bracket not closed?");
            throw TooMuch{};
        }
        open_.emplace_back();
        open_.back().at = mark;
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
            diagnostics_.error("V0101", node.mark, "more than " + std::to_string(most_nodes) + " values",
                               "a configuration has hundreds; is this the right file?");
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
            top.node.members.push_back({std::move(top.key), std::move(node)});
            top.has_key = false;
        }
    }
    void add_key(Open& top, Node key) {
        if (key.kind == Node::Kind::mapping || key.kind == Node::Kind::sequence) {
            refuse_key(key);
        } else if (key.scalar == "<<" && !key.quoted) {
            diagnostics_.error("V0103", key.mark, "merge keys (<<) are not read", "write the keys out", 2);
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
    // {{ name }} is a mapping as the key of a mapping.
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
        throw TooMuch{};  // what follows is an echo of this
    }

    const std::string& file_;
    Diagnostics& diagnostics_;
    Columns columns_;
    std::vector<Open> open_;
    Node root_;
    std::size_t nodes_ = 0;
};

// Notices where a second document begins.
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
