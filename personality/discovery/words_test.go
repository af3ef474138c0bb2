package discovery

import (
	"slices"
	"strings"
	"testing"
)

// Every word with one typing error leads to the word, wherever the error is.
func TestCorrections(t *testing.T) {
	w := newWorld(t)
	const word = "größenwahn"
	w.release("example:a", "1.0.0", newKey(t), component(word+" taste", nil, nil))
	x := w.index()
	var wrong []string
	for _, right := range []string{word, "taste"} {
		letters := []rune(right)
		for i := range letters {
			replaced := slices.Clone(letters)
			replaced[i] = 'x'
			wrong = append(wrong, string(replaced), string(slices.Insert(slices.Clone(letters), i, 'x')), string(slices.Delete(slices.Clone(letters), i, i+1)))
			if i > 0 {
				exchanged := slices.Clone(letters)
				exchanged[i-1], exchanged[i] = exchanged[i], exchanged[i-1]
				wrong = append(wrong, string(exchanged))
			}
		}
	}
	err := x.view(t.Context(), func(tx tx) error {
		for _, text := range wrong {
			found, err := meanings(tx, text)
			if err != nil {
				return err
			}
			if len(found) != 1 || !slices.Contains([]string{word, "taste"}, found[0]) {
				t.Errorf("%s: %s", text, strings.Join(found, " "))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
