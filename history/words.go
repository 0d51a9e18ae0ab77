package history

import (
	"fmt"
	"strings"
)

// words are the functions as they stand on disk.
var words = [...]string{
	Read: "r", Write: "w", Delete: "d", Add: "add", Remove: "rem", Append: "app", Inc: "inc", Insert: "ins", Cas: "cas",
}

// String is the word on disk, or "?" for a function that does not exist.
func (f F) String() string {
	if !f.valid() {
		return "?"
	}
	return words[f]
}

func (f F) valid() bool { return f >= Read && f <= Cas }

// takesInt says that the function's argument is one number.
func (f F) takesInt() bool { return f == Write || f == Add || f == Remove || f == Append || f == Inc }

// takesPair says that the function's argument is a list of two numbers.
func (f F) takesPair() bool { return f == Insert || f == Cas }

// ParseF finds the function that a word on disk stands for.
func ParseF(word string) (F, bool) {
	for f := Read; f <= Cas; f++ {
		if words[f] == word {
			return f, true
		}
	}
	return 0, false
}

// allWords lists the functions, for messages.
func allWords() string { return strings.Join(words[Read:], ", ") }

// check says what is wrong with a type that has no place in a history.
func (t EventType) check() error {
	switch t {
	case FaultEvent, ClockEvent, StageEvent, MoveEvent:
		return nil
	}
	return fmt.Errorf("there is no type %q: the types are invoke, ok, fail, info, fault, clock, stage and move", string(t))
}
