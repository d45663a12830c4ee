// Triage of earthquakes: strong ones to `alerts`, the others to `archive`, and what is no earthquake is
// refused.
#include <rapidjson/document.h>

#include <volley/plugin.hpp>

struct Triage : volley::Handler {
    explicit Triage(const volley::Context& context)
        : threshold(std::stod(context.config("magnitude", "4.5"))) {}

    void handle(const volley::Message& message, volley::Outputs& out) override {
        rapidjson::Document quake;
        quake.Parse(message.body().data(), message.body().size());
        if (!quake.IsObject() || !quake.HasMember("type") || !quake["type"].IsString()) {
            throw volley::Rejected("no event: it has no type");
        }
        const std::string type = quake["type"].GetString();
        if (type != "earthquake") throw volley::Rejected("no earthquake: " + type);
        const bool strong =
            quake.HasMember("mag") && quake["mag"].IsNumber() && quake["mag"].GetDouble() >= threshold;
        out.send(strong ? "alerts" : "archive", message.body());
    }

    double threshold;
};

VOLLEY_PLUGIN("quakes", "1.0.0", VOLLEY_CLASS(Triage));
