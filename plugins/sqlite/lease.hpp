// volley.lease/1.
#pragma once

namespace volley::sqlite {

const void* lease_table();

}  // namespace volley::sqlite
