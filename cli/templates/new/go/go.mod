module @name@

go 1.21

require volleyplugin v0.0.0

replace volleyplugin => ./volleyplugin
