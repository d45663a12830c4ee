// volley.identity/1.
#pragma once

namespace volley::sqlite {

const void* identity_table();

}  // namespace volley::sqlite
