package hyperloglog

import (
	"fmt"
	"math"
	"strconv"
)

// SelfTest adds 100,000 elements to a dense and to a sparse one, and compares them
// with each other and with the number. It takes some 20 ms.
func SelfTest() error {
	d, err := ToDense(New())
	if err != nil {
		return err
	}
	s := New()
	for i := 1; i <= 100_000; i++ {
		index, value := Hash(strconv.Itoa(i))
		if d, _, err = Add(d, index, value, 0); err != nil {
			return err
		}
		if s, _, err = Add(s, index, value, 3000); err != nil {
			return err
		}
		if i&(i-1) != 0 && i != 100_000 {
			continue
		}
		n, err := Count(text(d))
		if err != nil {
			return err
		}
		m, err := Count(text(s))
		if err != nil {
			return err
		}
		if n != m {
			return fmt.Errorf("of %d elements dense counts %d, sparse %d", i, n, m)
		}
		if off := math.Abs(float64(n) - float64(i)); off > 0.0081*6*float64(i)+1 {
			return fmt.Errorf("of %d elements %d are counted", i, n)
		}
	}
	return nil
}
