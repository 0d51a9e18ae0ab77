package checker

// lastBefore is the last write of the run that is before e, or -1.
func (o *order) lastBefore(r run, e int32) int32 {
	n := o.keys.upTo(r, o.past(e, r.slot))
	if n == 0 {
		return -1
	}
	return o.keys.event[int(r.from)+n-1]
}

// overwritten is a certain write of the key that is after w and before e, or -1.
func (o *order) overwritten(key, w, e int32) int32 {
	for _, r := range o.keys.of(key) {
		if v := o.lastBefore(r, e); v >= 0 && v != w && o.before(w, v) {
			return v
		}
	}
	return -1
}

// superseded is a certain write of the key that is after w, or -1: the last
// write of each slot has the longest past, so it alone needs a look.
func (o *order) superseded(key, w int32) int32 {
	for _, r := range o.keys.of(key) {
		if v := o.keys.event[r.to-1]; v != w && o.before(w, v) {
			return v
		}
	}
	return -1
}
