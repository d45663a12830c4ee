// Runs the files of the JSON Schema Test Suite that are given, relative to a folder: schema_suite FOLDER
// FILE… Prints "FILE | GROUP | TEST" for each test whose result is not the expected one, and the figures
// last.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "codec/json.hpp"
#include "codec/schema.hpp"

namespace {

using namespace volley;

std::string as_text(const rapidjson::Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t passed = 0;
    std::size_t failed = 0;
    for (int i = 2; i < argc; ++i) {
        std::ifstream in(std::string(argv[1]) + "/" + argv[i], std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        rapidjson::Document groups;
        if (auto failure = codec::parse_json(text.str(), groups); failure || !groups.IsArray()) {
            std::fprintf(stderr, "%s: %s\n", argv[i], failure ? failure->c_str() : "no list");
            return 1;
        }
        for (const auto& group : groups.GetArray()) {
            const auto schema = codec::Schema::compile(as_text(group["schema"]), "suite");
            for (const auto& test : group["tests"].GetArray()) {
                const bool valid = schema && !(*schema)->violation(test["data"]);
                const bool right = schema && valid == test["valid"].GetBool();
                ++(right ? passed : failed);
                if (!right)
                    std::printf("%s | %s | %s\n", argv[i], group["description"].GetString(),
                                test["description"].GetString());
            }
        }
    }
    std::printf("%zu of %zu passed\n", passed, passed + failed);
    return 0;
}
