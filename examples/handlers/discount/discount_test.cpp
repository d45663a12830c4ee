// The handler's unit test: a program that ends with 0 if all is well. Any test framework will do.
#include "discount.hpp"

#include <cstdio>
#include <cstdlib>
#include <volley/testing.hpp>

using volley::testing::HandlerTest;
using volley::testing::Verdict;

static void check(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "failed: %s\n", what);
    std::exit(1);
}

int main() {
    volley::testing::HandlerSettings settings;
    settings.config = {{"limit", "500"}};
    HandlerTest<Discount> discount(settings);

    const auto large = discount.handle("1000");
    check(large.verdict == Verdict::done, "an order is done");
    check(large.outputs.at(0).queue == "invoices", "it becomes an invoice");
    check(large.outputs.at(0).body == "900", "a large order gets a discount");
    check(large.outputs.at(0).headers.at(0).value == "10%", "the invoice says so");

    check(discount.handle("499").outputs.at(0).body == "499", "a small order gets none");

    const auto wrong = discount.handle("-1");
    check(wrong.verdict == Verdict::failed, "a wrong price fails for good");
    check(wrong.why == "a price below zero", "the reason is that of the handler");
    check(wrong.outputs.empty(), "nothing is sent");
}
