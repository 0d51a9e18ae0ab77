// Command mlcheck is the command line.
package main

import "os"

func main() {
	if children(os.Args[1:]) {
		return
	}
}
