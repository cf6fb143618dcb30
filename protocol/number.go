package protocol

import (
	"bytes"
	"fmt"
	"strconv"
)

// Seq is a sequence number as a client sends it. Only whole numbers from 0 to 2^53-1 are taken
// (what every JSON reader keeps exactly); anything else is told apart clearly.
type Seq uint64

// MaxSeq is the largest number that JSON readers with 64-bit floats keep exactly.
const MaxSeq = 1<<53 - 1

// UnmarshalJSON refuses fractions, negatives, strings and numbers past MaxSeq.
func (s *Seq) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	n, err := ParseSeq(string(b))
	if err != nil {
		return err
	}
	*s = n
	return nil
}

// ParseSeq reads a sequence number from a query parameter or a JSON number.
func ParseSeq(text string) (Seq, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxSeq {
		return 0, fmt.Errorf("a sequence number must be a whole number from 0 to %d, got %.40s", uint64(MaxSeq), text)
	}
	return Seq(n), nil
}
