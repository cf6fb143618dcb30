package protocol

import (
	"math"
	"strconv"
)

// MicroUSD is an amount of money in millionths of a US dollar. Sums are made of these integers, so
// that they are the same in whatever order they are added. On the wire an amount is a number in USD.
type MicroUSD int64

// FromUSD rounds an amount in USD to the nearest MicroUSD. What is no number gives 0; what is too
// large for MicroUSD gives the largest or the smallest one.
func FromUSD(usd float64) MicroUSD {
	micros := math.Round(usd * 1e6)
	switch {
	case math.IsNaN(micros):
		return 0
	case micros >= math.MaxInt64:
		return math.MaxInt64
	case micros <= math.MinInt64:
		return math.MinInt64
	}
	return MicroUSD(micros)
}

// USD is the amount in US dollars. FromUSD gives the same MicroUSD again for every amount below
// a billion dollars.
func (m MicroUSD) USD() float64 { return float64(m) / 1e6 }

// String writes the amount with all that is not zero behind the point, two digits at least: "0.50".
func (m MicroUSD) String() string {
	sign, whole := "", uint64(m)
	if m < 0 {
		sign, whole = "-", -whole
	}
	digits := strconv.FormatUint(1_000_000+whole%1_000_000, 10)[1:]
	for len(digits) > 2 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return sign + strconv.FormatUint(whole/1_000_000, 10) + "." + digits
}

// roundUSD gives the amount in USD in whole millionths, which is what records hold.
func roundUSD(usd float64) float64 { return FromUSD(usd).USD() }
