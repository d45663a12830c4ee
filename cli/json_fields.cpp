#include "json_fields.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/json_text.hpp"

namespace volley::cli {

using rapidjson::Value;
using text::member_of;

std::string string_of(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                                 : std::string();
}

double number_of(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsNumber() ? value->GetDouble() : 0;
}

bool is_true(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsTrue();
}

std::vector<const Value*> list_of(const Value* object, const char* name) {
    std::vector<const Value*> items;
    const Value* list = member_of(object, name);
    if (list == nullptr || !list->IsArray()) return items;
    for (const Value& item : list->GetArray()) items.push_back(&item);
    return items;
}

std::string shown_time(double seconds) {
    const long long s = std::max(std::llround(seconds), 0LL);
    if (s < 60) return std::to_string(s) + " s";
    if (s < 3600) return std::to_string(s / 60) + " min";
    if (s < 86'400) return std::to_string(s / 3600) + " h " + std::to_string(s % 3600 / 60) + " min";
    return std::to_string(s / 86'400) + " d " + std::to_string(s % 86'400 / 3600) + " h";
}

std::string per_second(const Value* component, const char* name) {
    char text[32];
    const double value = number_of(member_of(component, "per_second"), name);
    std::snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
    return text;
}

std::string known(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsNumber() ? std::to_string(std::llround(value->GetDouble())) : "-";
}

}  // namespace volley::cli
