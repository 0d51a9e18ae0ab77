package history

import "fmt"

// appendRegister writes an operation on a register whose numbers repeat.
func (e *ednWriter) appendRegister(b []byte, steps []Step, ok bool) ([]byte, error) {
	if len(steps) != 1 {
		return nil, fmt.Errorf("it has %d steps, where a Jepsen history of registers whose numbers repeat has one an operation", len(steps))
	}
	s := steps[0]
	word := map[F]string{Read: ", :f :read, :value [", Write: ", :f :write, :value [", Cas: ", :f :cas, :value ["}[s.F]
	if word == "" {
		return nil, fmt.Errorf("%q on %q has no place in a Jepsen history of registers whose numbers repeat", s.F, s.Key)
	}
	b = append(appendEDNKey(append(b, word...), s.Key), ' ')
	if s.F != Cas {
		return append(e.appendValue(b, s, ok), ']'), nil
	}
	expected := Step{F: Read, Value: Int(s.Value.List[0])} // 0: the initial value
	b = append(e.appendValue(append(b, '['), expected, true), ' ')
	return append(e.appendNumber(b, s.Value.List[1]), "]]"...), nil
}

// appendBank writes a transfer, or a read of every account.
func (e *ednWriter) appendBank(b []byte, steps []Step, ok bool) ([]byte, error) {
	transfer := len(steps) == 2 && steps[0].F == Inc && steps[1].F == Inc && steps[0].Value.N == -steps[1].Value.N
	if transfer {
		b = appendEDNKey(append(b, ", :f :transfer, :value {:from "...), steps[0].Key)
		b = appendEDNKey(append(b, ", :to "...), steps[1].Key)
		return append(e.appendNumber(append(b, ", :amount "...), steps[1].Value.N), '}'), nil
	}
	for _, s := range steps {
		if s.F != Read {
			return nil, fmt.Errorf("%q on %q has no place in a Jepsen history of accounts: an operation reads, or moves an amount from one to another", s.F, s.Key)
		}
	}
	b = append(b, ", :f :read, :value "...)
	if !ok {
		return append(b, "nil"...), nil
	}
	b = append(b, '{')
	for i, s := range steps {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendEDNKey(b, s.Key), ' ')
		b = e.appendValue(b, s, true)
	}
	return append(b, '}'), nil
}
