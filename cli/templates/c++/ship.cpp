// The handler: sends each order on to the shipments.
#include <volley/plugin.hpp>

struct Ship : volley::Handler {
    static constexpr const char* summary = "sends orders on";
    static constexpr const char* config_schema = R"({"additionalProperties": false})";  // no keys of its own

    explicit Ship(const volley::Context&) {}

    // The body is JSON text, which volleyd has checked against order.schema.json; only a tombstone has none.
    // Read it with a JSON library of your choice. What this throws decides what happens to the message:
    // RetryLater, Rejected or Dropped. Any other exception is a RetryLater.
    void handle(const volley::Message& message, volley::Outputs& out) override {
        if (message.is_tombstone()) throw volley::Rejected("an order without a body");
        out.send("shipments", message.body());
    }
};

VOLLEY_PLUGIN("ship", "1.0.0", volley::summary("sends orders on"), volley::license("MIT"),
              VOLLEY_CLASS(Ship));
