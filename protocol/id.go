package protocol

import "fmt"

// IDLength is the length of an execution's id: a ULID in lower case, so ids sort by creation.
const IDLength = 26

// ValidateID says whether id can be an execution's id. Whatever passes is safe as a file name.
func ValidateID(id string) error {
	if len(id) != IDLength {
		return fmt.Errorf("execution id must have %d characters, has %d", IDLength, len(id))
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return fmt.Errorf("execution id may hold only a-z and 0-9; character %d is %q", i+1, c)
		}
	}
	return nil
}
