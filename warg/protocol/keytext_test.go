package protocol

import "testing"

func TestBase64Padding(t *testing.T) {
	for text, want := range map[string]struct{ strict, anyPadding bool }{
		"":          {true, true},
		"AQID":      {true, true},
		"AQI=":      {true, true},
		"AQI":       {false, true},
		"AQ==":      {true, true},
		"AQ=":       {false, true},
		"AQ":        {false, true},
		"A":         {false, false},
		"A===":      {false, false},
		"=":         {false, false},
		"====":      {false, false},
		"AQID=":     {false, false},
		"AQI==":     {false, false},
		"AQ===":     {false, false},
		"AR==":      {false, false}, // bits left over
		"AR":        {false, false},
		"AQ==AQ==":  {false, false},
		"AQID\n":    {false, false},
		"AQ\r\nID":  {false, false},
		"AQ-_":      {false, false},
		"AQID AQID": {false, false},
	} {
		if _, err := decodeBase64(text); (err == nil) != want.strict {
			t.Errorf("%q, padded: %v", text, err)
		}
		if _, err := decodeBase64AnyPadding(text); (err == nil) != want.anyPadding {
			t.Errorf("%q, any padding: %v", text, err)
		}
	}
}
