// volley.inspect/1 for both classes.
#pragma once

namespace volley::sqlite {

const void* inspect_consumer();
const void* inspect_producer();

}  // namespace volley::sqlite
