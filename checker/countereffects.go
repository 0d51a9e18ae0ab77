package checker

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// countedTwice counts increments that took effect twice: by digits where a
// counter has them, else by what no choice of increments adds up to.
func (ix *index) countedTwice(r *Result) {
	ts := ix.counterKeys()
	ended := ix.end.cannot() == ""
	told := map[[2]int32]bool{} // key and exponent
	ix.counterReads(ts, func(t *counterKey, k int, s int32, v int64) {
		n := t.askedBy(ix, k)
		if n > 0 {
			r.Chances++
		}
		least, greatest := t.sums(n)
		switch exact := t.exactly(); {
		case exact != nil && v >= 0:
			exact.eachTime(ix, k, v, func(step int32, exponent int, times uint8) {
				if place := [2]int32{t.key, int32(exponent)}; (step < 0 || times > 1) && !told[place] {
					told[place] = true
					ix.twiceFinding(r, s, step, exponent)
				}
			})
		case ix.h.Final(k) && ended: // judged below, by all that happened
		case v < least || v > greatest:
			ix.intervalFinding(r, "no-duplicates", beyond(v, greatest)+" by then", s, least, greatest, "Increments or decrements took effect twice.")
		}
	})
	if !ended {
		return
	}
	for _, t := range ts {
		if off, s := t.ends(ix); t.exactly() == nil && (off == twice || off == ambiguous) {
			ix.endFinding(r, "no-duplicates", t, off, s)
		}
	}
}

func beyond(v, greatest int64) string {
	if v > greatest {
		return "above its interval"
	}
	return "below its interval"
}

// endFinding tells of a counter that is off at the end.
func (ix *index) endFinding(r *Result, property string, t *counterKey, off astray, s int32) {
	v, _ := ix.h.StepInt(int(s))
	label, story := beyond(v, t.high), "No choice of increments adds up to that, so some took effect twice."
	switch off {
	case missing:
		story = "Every leader is off in this way, so some were lost."
	case ambiguous:
		label = "lost or doubled"
		story = "Every leader is off. Increments of both signs were made, so it cannot be told whether some were lost or took effect twice."
	}
	ix.intervalFinding(r, property, label, s, t.low, t.high, story)
}

func (ix *index) intervalFinding(r *Result, property, label string, s int32, low, high int64, what string) {
	r.count("counters "+label, 1)
	r.add(func() Finding {
		k := ix.opOfStep(s)
		story := fmt.Sprintf("Counter %s must be between %d and %d, by the increments that were acknowledged and those that may have happened; %s at %s at %s (#%d) returned %s. %s",
			ix.h.Keys()[ix.h.StepKey(int(s))], low, high, ix.reader(k), ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k), valueWord(ix.h.StepValue(int(s))), what)
		return ix.finding(property, label, story, []int{k}, nil)
	})
}

// reader is "a read of session 3" or "the final read".
func (ix *index) reader(k int) string {
	if ix.h.Final(k) {
		return ix.who(k)
	}
	return "a read of " + ix.who(k)
}

// twiceFinding tells of an increment that is twice in a counter, or of one that
// is there though nobody had asked for it, which step -1 stands for.
func (ix *index) twiceFinding(r *Result, s, step int32, exponent int) {
	label := "counted twice"
	if step < 0 {
		label = "not a sum of increments"
	}
	r.count(label, 1)
	r.add(func() Finding {
		k, amount := ix.opOfStep(s), power3(exponent)
		read := fmt.Sprintf("%s at %s at %s (#%d) returned %s", upper(ix.reader(k)), ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k), ix.assigned(s))
		if step < 0 {
			story := fmt.Sprintf("%s, which has %d in it, though no increment by %d that could have taken effect had been asked for. It was refused, or a smaller one took effect more than twice.", read, amount, amount)
			return ix.finding("no-duplicates", label, story, []int{k}, nil)
		}
		w := ix.opOfStep(step)
		story := fmt.Sprintf("%s, which has the increment by %d in it twice. It was made once, %s.", read, amount, ix.acked(ix.eventOf(step)))
		edge := Edge{From: ix.h.Index(w), To: ix.h.Index(k), Kind: "counted", Because: fmt.Sprintf("the digit of %d is 2 in the value that was read", amount)}
		return ix.finding("no-duplicates", label, story, []int{w, k}, []Edge{edge})
	})
}

func power3(exponent int) int64 {
	p := int64(1)
	for range exponent {
		p *= 3
	}
	return p
}

// lostDigit is an acknowledged increment that is in no leader's final value.
type lostDigit struct {
	step     int32
	exponent int
	final    int32
	seenAt   int // a leader other than its own that had shown it, or -1
}

// lostIncrements counts acknowledged increments that are in no leader's final
// value, and counters that every leader shows off their interval.
func (ix *index) lostIncrements(r *Result) {
	lost := map[int32][]*lostDigit{}
	var inOrder []*lostDigit
	ts := ix.counterKeys()
	ix.overcounted(ts)
	for _, t := range ts {
		if exact := t.exactly(); exact != nil && t.over {
			r.count("counted twice, so what is missing is not known", 1)
		} else if exact != nil {
			lost[t.key] = ix.lostDigits(r, t.key, exact)
			inOrder = append(inOrder, lost[t.key]...)
		} else if off, s := t.ends(ix); off == missing || off == ambiguous {
			ix.endFinding(r, "durability", t, off, s)
		}
	}
	if len(inOrder) == 0 {
		return
	}
	ix.eachRead(func(k int, s int32) {
		for _, l := range lost[int32(ix.h.StepKey(int(s)))] {
			if v, _ := ix.h.StepInt(int(s)); times(v, l.exponent) > 0 && ix.node(k) != ix.node(ix.opOfStep(l.step)) {
				l.seenAt = ix.node(k)
			}
		}
	})
	for _, l := range inOrder {
		if l.seenAt < 0 && ix.wiped(ix.opOfStep(l.step)) {
			r.count("lost with its disk", 1)
			continue
		}
		r.count("lost", 1)
		r.count(lostLabel(l.seenAt), 1)
		r.add(func() Finding { return ix.digitFinding(l) })
	}
}

// lostDigits counts what became of each acknowledged increment, and returns those
// that no leader has.
func (ix *index) lostDigits(r *Result, key int32, exact *ternary) (lost []*lostDigit) {
	reads, all := ix.ends(key)
	for i, step := range exact.of {
		step--
		if step < 0 || ix.h.Outcome(ix.opOfStep(step)) != history.OK {
			continue
		}
		at, here := 0, make([]fate, len(reads))
		for n, s := range reads {
			if here[n] = unread; s < 0 {
				continue
			}
			if ix.h.StepIsList(int(s)) { // that is no number to judge
				all = false
				continue
			}
			here[n] = superseded
			if v, _ := ix.h.StepInt(int(s)); times(v, i) > 0 {
				here[n] = survived
				at++
			}
		}
		switch {
		case at > 0 && at == len(reads):
			r.count("survived", 1)
		case at > 0:
			r.count("partial", 1)
			r.count(ix.partialWord(here), 1)
		case all:
			lost = append(lost, &lostDigit{step, i, reads[0], -1})
		}
	}
	return lost
}

func (ix *index) digitFinding(l *lostDigit) Finding {
	k, end := ix.opOfStep(l.step), ix.opOfStep(l.final)
	story := fmt.Sprintf("The increment of %s by %d was %s. At the end it is in no leader's value: the final read at %s returned %s. %s",
		ix.h.Keys()[ix.h.StepKey(int(l.step))], power3(l.exponent), ix.acked(ix.eventOf(l.step)), ix.nodeName(end), ix.assigned(l.final), ix.seenWords(k, l.seenAt))
	return ix.finding("durability", "increment lost", story, []int{k, end}, nil)
}
