// volley.atomic/1.
#pragma once

namespace volley::postgresql {

const void* atomic_table();

}  // namespace volley::postgresql
