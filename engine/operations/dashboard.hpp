// The files of the dashboard, which the build embeds: engine/operations/dashboard.
#pragma once

#include <string_view>

namespace volley::operations {

extern const std::string_view dashboard_html;
extern const std::string_view dashboard_css;
extern const std::string_view document_js;
extern const std::string_view requests_js;
extern const std::string_view flow_js;
extern const std::string_view charts_js;
extern const std::string_view letter_js;
extern const std::string_view letters_js;
extern const std::string_view letter_actions_js;
extern const std::string_view views_js;
extern const std::string_view dashboard_js;

}  // namespace volley::operations
