// Fields of what the API answers. What is missing, or of another type, is empty. Pure; any thread.
#pragma once

#include <rapidjson/document.h>

#include <string>
#include <vector>

namespace volley::cli {

std::string string_of(const rapidjson::Value* object, const char* name);
double number_of(const rapidjson::Value* object, const char* name);
bool is_true(const rapidjson::Value* object, const char* name);
std::vector<const rapidjson::Value*> list_of(const rapidjson::Value* object, const char* name);

// A number for people; "-" if it is not known.
std::string known(const rapidjson::Value* object, const char* name);
// Of the rates of a component.
std::string per_second(const rapidjson::Value* component, const char* name);
// "12 s", "3 min", "4 h 10 min", "2 d 3 h"
std::string shown_time(double seconds);

}  // namespace volley::cli
