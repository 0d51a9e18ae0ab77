package history

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJepsenHistoriesOfEachKindAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"register": {
			`{:type :invoke, :f :write, :value 3, :process 0, :time 5}
			 {:type :invoke, :f :read, :value nil, :process 1, :time 6}
			 {:type :ok, :f :write, :value 3, :process 0, :time 7}
			 {:type :ok, :f :read, :value 3, :process 1, :time 8}
			 {:type :info, :f :start, :value nil, :process :nemesis, :time 9}`,
			[]string{"0 ok w register 3", "1 ok r register 3"},
		},
		"keyed register": {
			`[{:type :invoke, :f :write, :value [x 3], :process 0} {:type :ok, :f :write, :value [x 3], :process 0}
			  {:type :invoke, :f :read, :value [:y nil], :process 0} {:type :ok, :f :read, :value [:y nil], :process 0}]`,
			[]string{"0 ok w x 3", "0 ok r y"},
		},
		"compare-and-set": {
			`({:type :invoke, :f :cas, :value [nil 4], :process 0} {:type :ok, :f :cas, :value [nil 4], :process 0}
			  {:type :invoke, :f :cas, :value [7 [4 5]], :process 0} {:type :fail, :f :cas, :value [7 [4 5]], :process 0})`,
			[]string{"0 ok r register w register 4", "0 fail r 7 w 7 5"},
		},
		"set": {
			`{:type :invoke :f :add :value 0 :process 0} {:type :ok :f :add :value 0 :process 0}
			 {:type :invoke :f :read :process 0} {:type :ok :f :read :value #{0 2} :process 0}`,
			[]string{"0 ok add set -9223372036854775808", "0 ok r set [-9223372036854775808 2]"},
		},
		"set whose reads answer without the key": {
			`{:type :invoke :f :add :value [9 1] :process 0} {:type :ok :f :add :value [9 1] :process 0}
			 {:type :invoke :f :read :value [9 nil] :process 0} {:type :ok :f :read :value [1 2] :process 0}
			 {:type :invoke :f :read :value [9 nil] :process 0} {:type :ok :f :read :value [9 [1 2]] :process 0}`,
			[]string{"0 ok add 9 1", "0 ok r 9 [1 2]", "0 ok r 9 [1 2]"},
		},
		"counter": {
			`{:type :invoke :f :add :value 1 :process 0} {:type :ok :f :add :value 1 :process 0}
			 {:type :invoke :f :add :value 1 :process 0} {:type :ok :f :add :value 1 :process 0}
			 {:type :invoke :f :read :value nil :process 0} {:type :ok :f :read :value 2 :process 0}`,
			[]string{"0 ok inc counter 1", "0 ok inc counter 1", "0 ok r counter 2"},
		},
		"list-append": {
			`{:index 1 :type :invoke :process 0 :value [[:append 4 2] [:r 5 nil]]} {:index 2 :type :ok :process 0 :value [[:append 4 2] [:r 5 [1 3]]]}`,
			[]string{"0 ok app 4 2 r 5 [1 3]"},
		},
		"rw-register": {
			`#jepsen.history.Op{:type :invoke :f :txn :process 0 :value [[:w :x 2] [:r :x nil]]}
			 #_{:what "ever"} #jepsen.history.Op{:type :ok :f :txn :process 0 :value [[:w :x 2] [:r :x 2]]} ; end`,
			[]string{"0 ok w x 2 r x 2"},
		},
		"numbers that are written again": {
			`{:type :invoke :f :write :value 3 :process 0} {:type :ok :f :write :value 3 :process 0}
			 {:type :invoke :f :write :value 3 :process 1} {:type :ok :f :write :value 3 :process 1}
			 {:type :invoke :f :cas :value [3 4] :process 0} {:type :info :f :cas :value [3 4] :process 0}
			 {:type :invoke :f :cas :value [nil 4] :process 1} {:type :fail :f :cas :value [nil 4] :process 1}`,
			[]string{"values repeat", "0 ok w register 3", "1 ok w register 3", "0 info cas register [3 4]", "1 fail cas register [0 4]"},
		},
		"bank": {
			`{:type :invoke :f :read :process 0} {:type :ok :f :read :process 0 :value {1 5, 2 -3}}
			 {:type :invoke :f :transfer :process 0 :value {:from 1 :to 2 :amount 4}} {:type :ok :f :transfer :process 0 :value {:from 1 :to 2 :amount 4}}
			 {:type :invoke :f :read :process 1} {:type :fail :f :read :process 1} {:type :invoke :f :read :process 2}`,
			[]string{"values balances", "0 ok r 1 5 r 2 -3", "0 ok inc 1 -4 inc 2 4", "1 fail", "2 info"},
		},
		"a compare-and-set that never ended took effect if its number was read": {
			`{:type :invoke :f :cas :value [5 6] :process 3} {:type :invoke :f :cas :value [1 2] :process 0}
			 {:type :invoke :f :cas :value [2 3] :process 1} {:type :info :f :cas :value [2 3] :process 1}
			 {:type :invoke :f :read :process 2} {:type :ok :f :read :value 3 :process 2}
			 {:type :invoke :f :cas :value [1 9] :process 4} {:type :fail :f :cas :value [1 9] :process 4}
			 {:type :invoke :f :read :process 2} {:type :ok :f :read :value 9 :process 2}`,
			[]string{
				"3 info r register w register 6", "0 info r register 1 w register 2", "1 info r register 2 w register 3", "2 ok r register 3",
				"4 fail r register w register 9", "2 ok r register 9",
			},
		},
		"completions only": {
			`{:type :ok, :f :write, :value [x 1], :process 0} {:type :ok, :f :read, :value [x 0], :process 1}`,
			[]string{"0 ok w x 1", "1 ok r x 0"},
		},
		"0 is a value like others where it is written": {
			`{:type :ok, :f :write, :value 0, :process 0} {:type :ok, :f :read, :value 0, :process 1} {:type :ok, :f :read, :value nil, :process 1}`,
			[]string{"0 ok w register -9223372036854775808", "1 ok r register -9223372036854775808", "1 ok r register"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, wordsOf(openText(t, c.text))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnInfoEndsItsProcess(t *testing.T) {
	h := openText(t, `{:type :invoke :f :write :value 1 :process 0 :time 1} {:type :info :f :write :value 1 :process 0 :time 2 :error :timeout}
{:type :invoke :f :write :value 2 :process 3 :time 3} {:type :ok :f :write :value 2 :process 3 :time 4}
{:type :invoke :f :write :value 3 :process 0 :time 5} {:type :ok :f :write :value 3 :process 0 :time 6}
{:type :invoke :f :read :value nil :process 0 :time 7}`)
	want := []string{"0 info w register 1", "3 ok w register 2", "4 ok w register 3", "4 info r register"}
	if d := cmp.Diff(want, wordsOf(h)); d != "" {
		t.Error(d)
	}
	if op := h.Op(0); op.Meta.Error != "timeout" || op.Start != 1 || op.End != 2 || !h.Timed() {
		t.Errorf("%+v", op)
	}
}

func TestALineThatCameLateHasTheTimeOfTheOneBefore(t *testing.T) {
	h := openText(t, `{:type :invoke :f :write :value 1 :process 0 :time 9} {:type :invoke :f :write :value 2 :process 1 :time 7}
{:type :ok :f :write :value 1 :process 0} {:type :ok :f :write :value 2 :process 1 :time 12}`)
	if a, b := h.Op(0), h.Op(1); a.Start != 9 || b.Start != 9 || a.End != 9 || b.End != 12 {
		t.Errorf("%v to %v and %v to %v", a.Start, a.End, b.Start, b.End)
	}
}

func TestAWrongLineOfAJepsenHistoryIsNamed(t *testing.T) {
	const (
		whole = "{:type :invoke :f :write :value 1 :process 0}\n"
		bank  = "{:type :invoke :f :read :process 0}\n{:type :invoke :f :transfer :value {:from 1 :to 2 :amount 3} :process 1}\n"
	)
	for text, says := range map[string]string{
		whole + "{:type :ok :f :write": "line 2: the file ends within a value",
		"[" + whole:                    "the file ends within a value",
		"[" + whole + "] 7":            "line 2: there is more",
		whole + whole:                  "line 2: event 2: session 0 starts an operation while",
		whole + "{:type :ok :f :write :value 1 :process 1}":                                                            "line 2: event 2: session 1 completes an operation that it has not open",
		whole + "{:type :ok :f :write :value 2 :process 0}":                                                            "line 2",
		whole + "{:type :ok :f :write}":                                                                                "line 2: :process is missing",
		whole + "{:f :write :process 0}":                                                                               "line 2: :type is missing",
		whole + "{:type :maybe :process 0}":                                                                            "line 2: there is no :type :maybe",
		whole + "{:type :invoke :process 1 :f :write :value :a}":                                                       "line 2: :a is no whole number",
		whole + "{:type :invoke :process 1 :f :write :value 1.5}":                                                      "line 2: 1.5 is no whole number",
		whole + "{:type :invoke :process 1 :f :write}":                                                                 "line 2: :value is missing",
		whole + "{:type :invoke :process 1 :f :jump :value 1}":                                                         "line 2: there is no meaning for :f :jump",
		whole + "{:type :invoke :process 1 :f :transfer :value {:from 1 :to 2}}":                                       "line 1: a :write in the history of a bank",
		bank + "{:type :invoke :process 2 :f :transfer :value {:from 1 :to 2}}":                                        "line 3: :transfer lacks :amount",
		bank + "{:type :ok :process 0 :f :read :value {1 5}}":                                                          "line 1: the read is answered with 1 of 2 accounts",
		bank + "{:type :ok :process 0 :f :read :value {1 5 2 3.5}}":                                                    "line 3: 3.5 is no whole number",
		bank + "{:type :ok :process 0 :f :read :value {1 5 1 5}}":                                                      "line 3: the read lacks account 2",
		bank + "{:type :ok :process 0 :f :read}":                                                                       "line 3: a read of a bank that is ok has",
		"{:type :ok :process 1 :f :txn :value [[:w x 1] [:w x 1]]}":                                                    "line 1: event 1, step 2: \"w\" writes 1 to \"x\" a second time",
		"{:type :ok :process 1 :f :txn :value [[:append x 1]]}\n{:type :ok :process 1 :f :txn :value [[:append x 1]]}": "line 2: event 3, step 1: \"app\" writes 1",
		whole + "{:type :invoke :process 1 :f :cas :value [[1] 2]}":                                                    "line 2: [[1] 2] is no [old new], which :cas takes",
		"{:type :invoke :process 1 :f :write :value 1 :time 9}\n{:type :invoke :process 2 :f :write :value 2 :time 3}\n{:type :ok :process 1 :f :write :value 1 :time 7}": "line 3: :time goes back, from 9 to 7, within process 1",
		whole + "{:type :invoke :process 1 :f :txn :value [[:r]]}":         "line 2: [:r] is no",
		whole + "{:type :invoke :process 1 :f :txn :value [[:inc 4 1]]}":   "line 2: there is no step :inc",
		whole + "{:type :invoke :process 1 :f :cas :value 3}":              "line 2: 3 is no [old new]",
		whole + "{:type :invoke :process 1 :f :add :value 2}":              "line 1: a :write in a history with :add",
		whole + "{:type :invoke :process 1 :f :write :value [\x80 3]}":     "line 2: the file is not UTF-8",
		whole + "{:type :invoke :process 1 :f :write :value [\"\x80\" 3]}": "line 2: the file is not UTF-8",
		whole + ":words": "line 2: :words is no operation",
		whole + "}":      "line 2: '}' closes nothing",
		whole + "{:a}":   "line 2: a map has a key without a value",
		whole + "{:type :invoke :process 1 :f :write :value \"\\q\"}": "line 2: there is no escape",
		whole + strings.Repeat("[", 100):                              "line 2: values are nested more than 64 deep",
		whole + strings.Repeat("#_", 100):                             "line 2: values are nested more than 64 deep",
	} {
		_, err := readBytes([]byte(text))
		var at *LineError
		if !errors.As(err, &at) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}

func TestEDNIsShownAsItWasRead(t *testing.T) {
	for text, want := range map[string]string{
		`[1 -2 +3 4N, :a/b "c\n\"\u0041" nil true \space 1.5 ##NaN 99999999999999999999]`: `[1 -2 3 4 :a/b "c\n\"A" nil true \space 1.5 ##NaN 99999999999999999999]`,
		`#{(1) {:a [#_ 7 2 #_8]}}`:         `#{(1) {:a [2]}}`,
		`#inst "2020" `:                    `"2020"`,
		`^{:meta true} ; comment` + "\n[]": `[]`,
	} {
		r := newEDNReader(strings.NewReader(text))
		c, err := r.skip()
		if err != nil {
			t.Fatal(err)
		}
		v, err := r.value(c, 0)
		if err != nil || v.String() != want {
			t.Errorf("%s: %s, %v", text, v.String(), err)
		}
	}
}

func BenchmarkJepsen(b *testing.B) {
	var text strings.Builder
	const n = 200_000
	for i := 1; i <= n/2; i++ {
		v := strconv.Itoa(i)
		text.WriteString("{:type :invoke, :f :write, :value [x " + v + "], :process 0, :time " + v + ", :index 0}\n")
		text.WriteString("{:type :ok, :f :write, :value [x " + v + "], :process 0, :time " + v + ", :index 1}\n")
	}
	for b.Loop() {
		if _, err := readBytes([]byte(text.String())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
