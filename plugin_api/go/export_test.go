package volleyhandler

// For tests of other packages.
var (
	Serve = serve
)
