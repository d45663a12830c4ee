// volley.inspect/1 for both classes.
#pragma once

namespace volley::memory {

const void* inspect_consumer();
const void* inspect_producer();

}  // namespace volley::memory
