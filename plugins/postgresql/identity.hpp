// volley.identity/1.
#pragma once

namespace volley::postgresql {

const void* identity_table();

}  // namespace volley::postgresql
