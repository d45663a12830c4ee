// A handler with a rule worth a test: orders from a limit on get a discount, and one without a price is
// refused.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <volley/plugin.hpp>

class Discount : public volley::Handler {
public:
    explicit Discount(const volley::Context& context) : limit_(number(context.config("limit", "1000"))) {}

    // The body is the price in cents.
    void handle(const volley::Message& message, volley::Outputs& out) override {
        const std::int64_t price = number(message.body());
        if (price < 0) throw volley::Rejected("a price below zero");
        const std::string body = std::to_string(price >= limit_ ? price - price / 10 : price);
        const volley_header header = volley::header_of("discount", price >= limit_ ? "10%" : "none");
        volley::OutputOptions options;
        options.headers = &header;
        options.header_count = 1;
        out.send("invoices", body, options);
    }

private:
    static std::int64_t number(std::string_view text) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size())
            throw volley::Rejected("not a price: " + std::string(text));
        return value;
    }

    std::int64_t limit_;
};
