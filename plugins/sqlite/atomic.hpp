// volley.atomic/1.
#pragma once

namespace volley::sqlite {

const void* atomic_table();

}  // namespace volley::sqlite
