package history

// fast reads a line of an operation in the shape in which this package writes
// it. It says false for any other, valid or not.
func (p *parser) fast(l *line, text []byte) bool {
	c := cursor{b: text}
	var ok bool
	if !c.lit(`{"i":`) {
		return false
	}
	if l.i, ok = c.number(); !ok || !c.lit(`,"t":`) {
		return false
	}
	if l.t, ok = c.number(); !ok || !c.lit(`,"type":"`) {
		return false
	}
	if l.kind = c.kind(); l.kind == 0 || !c.lit(`,"session":`) {
		return false
	}
	if l.session, ok = c.number(); !ok || !c.lit(`,"node":"`) {
		return false
	}
	node, ok := c.text()
	if !ok {
		return false
	}
	l.node = p.nodes.of(node)
	if c.lit(`,"ops":[`) {
		if l.ops = true; !p.ops(l, &c) {
			return false
		}
	}
	if c.char('}') {
		return c.p == len(text)
	}
	return p.optional(l, &c) && c.char('}') && c.p == len(text)
}

// kind reads the type of an operation's line and its closing quote.
func (c *cursor) kind() lineKind {
	switch {
	case c.lit(`invoke"`):
		return invokeLine
	case c.lit(`ok"`):
		return okLine
	case c.lit(`fail"`):
		return failLine
	case c.lit(`info"`):
		return infoLine
	}
	return 0
}

// ops reads the steps after the opening bracket.
func (p *parser) ops(l *line, c *cursor) bool {
	if c.char(']') {
		return true
	}
	for {
		if !p.step(l, c) {
			return false
		}
		if c.char(']') {
			return true
		}
		if !c.char(',') {
			return false
		}
	}
}

func (p *parser) step(l *line, c *cursor) bool {
	if !c.lit(`["`) {
		return false
	}
	s := step{f: c.word()}
	if s.f == 0 || !c.lit(`,"`) {
		return false
	}
	key, ok := c.text()
	if !ok {
		return false
	}
	s.key = p.keys.of(key)
	if c.char(',') {
		if !p.value(c, &s) {
			return false
		}
	} else if s.f == Read && l.kind == okLine {
		return false // the slow path says what is missing
	}
	p.steps = append(p.steps, s)
	return c.char(']')
}

// word reads a function and its closing quote.
func (c *cursor) word() F {
	from := c.p
	for c.p < len(c.b) && c.p < from+4 && c.b[c.p] != '"' {
		c.p++
	}
	word := c.b[from:c.p]
	if !c.char('"') {
		return 0
	}
	switch string(word) {
	case "r":
		return Read
	case "w":
		return Write
	}
	f, _ := ParseF(string(word))
	return f
}

func (p *parser) value(c *cursor, s *step) bool {
	if c.lit(`null`) {
		return s.f == Read
	}
	if !c.char('[') {
		n, ok := c.number()
		s.has, s.n = intValue, n
		return ok
	}
	from := len(p.nums)
	for !c.char(']') {
		if len(p.nums) > from && !c.char(',') {
			return false
		}
		n, ok := c.number()
		if !ok {
			return false
		}
		p.nums = append(p.nums, n)
	}
	// A later append may move nums; this view of the old array stays right.
	s.has, s.list = listValue, p.nums[from:len(p.nums):len(p.nums)]
	return true
}

// optional reads what may follow the steps, in our order.
func (p *parser) optional(l *line, c *cursor) bool {
	if c.lit(`,"final":true`) {
		l.final = true
	}
	var m Meta
	for _, f := range [...]struct {
		name string
		to   *string
	}{
		{`,"by":"`, &m.By},
		{`,"ctx":"`, &m.Ctx},
		{`,"stamp":"`, &m.Stamp},
		{`,"token":"`, &m.Token},
		{`,"error":"`, &m.Error},
	} {
		if !c.lit(f.name) {
			continue
		}
		s, ok := c.text()
		if !ok {
			return false
		}
		*f.to = string(s)
	}
	p.tell(l, m)
	return true
}

// tell notes what a line says of its operation beyond the outcome.
func (p *parser) tell(l *line, m Meta) {
	if m != (Meta{}) {
		l.meta = true
		p.metas = append(p.metas, m)
	}
}
