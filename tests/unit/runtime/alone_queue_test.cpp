// Messages that run alone: one at a time, and what an instance that fails costs them.
#include "runtime/alone_queue.hpp"

#include <catch2/catch.hpp>

using volley::runtime::AloneQueue;

TEST_CASE("the first one runs, and the next when it is over", "[alone_queue]") {
    AloneQueue alone;
    alone.add(3, false);
    alone.add(1, true);
    CHECK_FALSE(alone.is_running());
    alone.start();
    CHECK(alone.is_running(3));
    CHECK_FALSE(alone.is_running(1));
    alone.remove();
    CHECK_FALSE(alone.is_running());
    CHECK(alone.first().place == 1);
    CHECK(alone.first().is_suspect);
    alone.remove();  // it was refused before it ran
    CHECK(alone.empty());
}

TEST_CASE("one failed instance costs nothing, and two an attempt", "[alone_queue]") {
    AloneQueue alone;
    alone.add(3, false);
    alone.start();
    CHECK_FALSE(alone.instance_failed(false));
    CHECK_FALSE(alone.is_running());  // to be started again
    CHECK(alone.first().place == 3);
    alone.start();
    CHECK(alone.instance_failed(false));
    CHECK(alone.is_running(3));  // its end is yet to come
    alone.remove();
    alone.add(3, false);
    alone.start();
    CHECK_FALSE(alone.instance_failed(false));  // another message in its place
}

TEST_CASE("an instance that had done nothing else costs an attempt at once", "[alone_queue]") {
    AloneQueue alone;
    alone.add(3, true);
    alone.start();
    CHECK(alone.instance_failed(true));
}
