package lines

import (
	"bytes"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 40, 100, 1000} {
		for _, sent := range []int64{0, 1700000000123456789} {
			for n := uint64(1); n < 50; n++ {
				line := Append(nil, 7, n, size, sent)
				got, err := Parse(line, 7)
				if err != nil || got.N != n || got.Sent != sent || size >= 100 && len(line) != size {
					t.Fatalf("%q (%d bytes) reads as %+v, %v", line, len(line), got, err)
				}
				if _, err := Parse(line, 8); err == nil {
					t.Fatalf("%q is taken for another run's", line)
				}
				for i := range line {
					changed := bytes.Clone(line)
					changed[i] ^= 1
					if l, err := Parse(changed, 7); err == nil {
						t.Fatalf("%q with byte %d changed reads as %+v", line, i, l)
					}
				}
				if _, err := Parse(line[:len(line)-1], 7); err == nil {
					t.Fatalf("%q is taken without its last byte", line)
				}
			}
		}
	}
}
