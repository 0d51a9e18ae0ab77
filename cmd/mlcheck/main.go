// Command mlcheck is the command line.
package main

func main() {}
