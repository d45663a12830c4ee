module volleyplugin

go 1.21
