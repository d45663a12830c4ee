module lines

go 1.21

require volleyplugin v0.0.0

replace volleyplugin => ../../../plugin_api/go-plugin
