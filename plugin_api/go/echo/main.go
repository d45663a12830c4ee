// The echo program of plugin_api/protocol/README.md, for `volley handler-check --echo`.
package main

import (
	"fmt"
	"os"

	"volleyhandler"
	"volleyhandler/internal/echo"
)

func main() {
	if err := volleyhandler.Run(echo.Handle); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
