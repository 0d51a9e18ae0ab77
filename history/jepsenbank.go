package history

import (
	"errors"
	"fmt"
)

// bankShape is what a bank's lines say in the whole: which accounts there are,
// and which reads were answered.
//
// A transfer is a transaction of two increments, and a read one of a read for
// each account. A read that was not answered has no steps: it tells nothing.
type bankShape struct {
	is       bool
	accounts []string // in the order in which they are met
	known    map[string]bool
	reads    int         // so far, in either pass
	asking   map[int]int // process → its open read
	answered map[int]int // by the number of the read: how many balances it told
}

func (b *bankShape) look(op *jepsenOp) {
	switch op.f {
	case "transfer":
		b.is = true
		for _, end := range [...]string{"from", "to"} {
			if op.value != nil && op.value.kind == ednMap {
				if account, ok := op.value.get(end); ok {
					b.account(account.name())
				}
			}
		}
	case "read":
		read := b.read(op)
		if op.value == nil || op.value.kind != ednMap || op.outcome != OK {
			return
		}
		b.is = true
		b.answered[read] = len(op.value.items) / 2
		for i := 0; i < len(op.value.items); i += 2 {
			b.account(op.value.items[i].name())
		}
	}
}

func (b *bankShape) account(name string) {
	if b.known == nil {
		b.known = map[string]bool{}
	}
	if !b.known[name] {
		b.known[name] = true
		b.accounts = append(b.accounts, name)
	}
}

// read is the number of a line's read. Lines are met in the same order each time.
func (b *bankShape) read(op *jepsenOp) int {
	if b.asking == nil {
		b.asking, b.answered = map[int]int{}, map[int]int{}
	}
	if at, open := b.asking[op.process]; open && !op.invoke {
		delete(b.asking, op.process)
		return at
	}
	b.reads++
	if op.invoke {
		b.asking[op.process] = b.reads
	}
	return b.reads
}

// again starts a second pass.
func (b *bankShape) again() { b.reads, b.asking = 0, map[int]int{} }

func (b *bankShape) steps(j *jepsenShape, op *jepsenOp) ([]Step, error) {
	switch op.f {
	case "transfer":
		return b.transfer(j, op)
	case "read":
		return b.balances(j, op)
	}
	return nil, fmt.Errorf("a :%s in the history of a bank, which has :transfer and :read", op.f)
}

func (b *bankShape) transfer(j *jepsenShape, op *jepsenOp) ([]Step, error) {
	part := map[string]*edn{}
	for _, name := range [...]string{"from", "to", "amount"} {
		ok := false
		if op.value != nil && op.value.kind == ednMap {
			part[name], ok = op.value.get(name)
		}
		if !ok {
			return nil, fmt.Errorf(":transfer lacks :%s: its value is {:from account :to account :amount number}", name)
		}
	}
	n, err := j.number(part["amount"], false)
	if err != nil {
		return nil, err
	}
	return []Step{
		{F: Inc, Key: part["from"].name(), Value: Int(-n)},
		{F: Inc, Key: part["to"].name(), Value: Int(n)},
	}, nil
}

func (b *bankShape) balances(j *jepsenShape, op *jepsenOp) ([]Step, error) {
	steps := []Step{}
	told, answered := b.answered[b.read(op)]
	if !answered {
		if op.outcome == OK && !op.invoke {
			return nil, errors.New("a read of a bank that is ok has {account balance, …} as its :value")
		}
		return steps, nil
	}
	if told != len(b.accounts) {
		return nil, fmt.Errorf("the read is answered with %d of %d accounts: a read of a bank tells the balance of each", told, len(b.accounts))
	}
	if op.invoke {
		for _, account := range b.accounts {
			steps = append(steps, Step{F: Read, Key: account})
		}
		return steps, nil
	}
	found := map[string]*edn{}
	for i := 0; i < len(op.value.items); i += 2 {
		found[op.value.items[i].name()] = &op.value.items[i+1]
	}
	for _, account := range b.accounts {
		balance, ok := found[account]
		if !ok {
			return nil, fmt.Errorf("the read lacks account %s: a read of a bank tells the balance of each", account)
		}
		v, err := j.returned(balance, false)
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{F: Read, Key: account, Value: v})
	}
	return steps, nil
}
