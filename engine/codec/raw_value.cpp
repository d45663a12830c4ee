#include "codec/raw_value.hpp"

#include <algorithm>
#include <charconv>

namespace volley::codec {

namespace {

// Scans text that is valid JSON.
class Scanner {
public:
    explicit Scanner(std::string_view json) : json_(json) { skip_space(); }

    // Moves from the beginning of an object or array to its member or element `index`.
    void enter(rapidjson::SizeType index, bool is_object) {
        ++at_;
        for (rapidjson::SizeType i = 0;; ++i) {
            skip_space();
            if (is_object) {
                skip_string();
                skip_space();
                ++at_;  // :
                skip_space();
            }
            if (i == index) return;
            skip_value();
            skip_space();
            ++at_;  // ,
        }
    }

    std::string_view value() {
        const std::size_t begin = at_;
        skip_value();
        return json_.substr(begin, at_ - begin);
    }

private:
    void skip_space() { at_ = std::min(json_.find_first_not_of(" \t\r\n", at_), json_.size()); }
    void skip_string() {
        for (++at_; json_[at_] != '"'; ++at_) at_ += json_[at_] == '\\' ? 1U : 0U;
        ++at_;
    }
    void skip_value() {
        std::size_t depth = 0;
        do {
            const char c = json_[at_];
            if (c == '"') {
                skip_string();
            } else if (c == '{' || c == '[') {
                ++depth;
                ++at_;
            } else if (c == '}' || c == ']') {
                --depth;
                ++at_;
            } else if (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n') {
                ++at_;
            } else {
                at_ = std::min(json_.find_first_of(" \t\r\n,:]}", at_), json_.size());
            }
        } while (depth > 0);
    }

    std::string_view json_;
    std::size_t at_ = 0;
};

}  // namespace

std::string_view raw_value(std::string_view json, const rapidjson::Value& tree,
                           const rapidjson::Pointer& pointer) {
    Scanner scanner(json);
    const rapidjson::Value* value = &tree;
    for (std::size_t i = 0; i < pointer.GetTokenCount(); ++i) {
        const rapidjson::Pointer::Token& token = pointer.GetTokens()[i];
        if (value->IsObject()) {
            const auto member =
                value->FindMember(rapidjson::Value(rapidjson::StringRef(token.name, token.length)));
            scanner.enter(static_cast<rapidjson::SizeType>(member - value->MemberBegin()), true);
            value = &member->value;
        } else {
            scanner.enter(token.index, false);
            value = &(*value)[token.index];
        }
    }
    return scanner.value();
}

bool has_lone_surrogate(std::string_view json) {
    bool after_high = false;
    std::size_t end_of_high = 0;
    for (std::size_t at = json.find('\\'); at != std::string_view::npos; at = json.find('\\', at)) {
        unsigned code = 0;
        const bool is_code = at + 6 <= json.size() && json[at + 1] == 'u' &&
                             std::from_chars(&json[at + 2], &json[at] + 6, code, 16).ec == std::errc();
        const bool low = is_code && code >= 0xDC00U && code <= 0xDFFFU;
        if (low && !(after_high && end_of_high == at)) return true;
        after_high = is_code && code >= 0xD800U && code <= 0xDBFFU;
        at += is_code ? 6 : 2;
        end_of_high = at;
    }
    return false;
}

}  // namespace volley::codec
