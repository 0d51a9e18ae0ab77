package history

// sessions maps session numbers to a number from 1 on; 0 means nothing. Numbers
// are small in every run, so a slice serves them; a map serves the others.
type sessions struct {
	small []int32
	big   map[int]int32
}

const smallSessions = 1 << 16

func (s *sessions) get(session int) int32 {
	if uint(session) < uint(len(s.small)) {
		return s.small[session]
	}
	return s.big[session]
}

func (s *sessions) set(session int, to int32) {
	if uint(session) >= smallSessions {
		if s.big == nil {
			s.big = map[int]int32{}
		}
		if to == 0 {
			delete(s.big, session)
		} else {
			s.big[session] = to
		}
		return
	}
	for session >= len(s.small) {
		s.small = append(s.small, 0)
	}
	s.small[session] = to
}
