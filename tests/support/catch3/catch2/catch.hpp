// Catch2 version 3 under the header and the names of version 2, which Debian 12 has and the tests are written
// for.
#pragma once

#include <catch2/catch_all.hpp>

using Catch::Approx;

// Version 3 has a matcher of this name for ranges. Of strings it is called otherwise.
#define Contains ContainsSubstring
