// volley.inspect/1 for both classes.
#pragma once

namespace volley::postgresql {

const void* inspect_consumer();
const void* inspect_producer();

}  // namespace volley::postgresql
