//go:build race

package mlcheck

const raceEnabled = true
