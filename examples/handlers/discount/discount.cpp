#include "discount.hpp"

VOLLEY_PLUGIN("discount", "1.0.0", VOLLEY_CLASS(Discount));
