// volley.lease/1.
#pragma once

namespace volley::postgresql {

const void* lease_table();

}  // namespace volley::postgresql
