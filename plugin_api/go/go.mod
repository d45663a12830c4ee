module volleyhandler

go 1.21
