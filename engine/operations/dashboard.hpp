// The files of the dashboard, which the build embeds: engine/operations/dashboard.
#pragma once

#include <string_view>

namespace volley::operations {

extern const std::string_view dashboard_html;
extern const std::string_view dashboard_css;
extern const std::string_view dashboard_js;

}  // namespace volley::operations
