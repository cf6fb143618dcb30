package exactjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/exactjson"
)

type inner struct {
	Name string `json:"name"`
}

type outer struct {
	inner
	Sub         string            `json:"sub"`
	Permissions []string          `json:"permissions"`
	One         *inner            `json:"one"`
	Many        []inner           `json:"many"`
	Named       map[string]*inner `json:"named"`
	Raw         json.RawMessage   `json:"raw"`
	Any         any               `json:"any"`
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		`{}`, `{"sub":"a","permissions":["b"],"unknown":1}`, `{"one":{"name":"x"},"many":[{"name":"y"},{"name":"z"}],"named":{"NAME":{"name":"w"},"name":{"name":"v"}}}`,
		`{"raw":{"SUB":1,"Name":2},"any":{"Name":1,"name":2}}`, `{"name":"embedded"}`, ` {"sub" : "a"} `,
		`{"any":` + strings.Repeat("[", exactjson.MaxDepth-1) + strings.Repeat("]", exactjson.MaxDepth-1) + `}`,
	} {
		var v outer
		if err := exactjson.Unmarshal([]byte(good), &v); err != nil {
			t.Errorf("%.80s: %v", good, err)
		}
	}
	for bad, says := range map[string]string{
		`{"SUB":"a"}`:                          `"sub"`,
		`{"sub":"a","Sub":"b"}`:                `"sub"`,
		`{"permi\u017f\u017fions":["admin"]}`:  `"permissions"`,
		`{"\u0053ub":"a"}`:                     `"sub"`,
		`{"sub":"a","sub":"b"}`:                "twice",
		`{"sub":"a","s\u0075b":"b"}`:           "twice",
		`{"one":{"Name":"x"}}`:                 `"name"`,
		`{"many":[{"name":"y"},{"NAME":"z"}]}`: `"name"`,
		`{"named":{"a":{"nAme":"z"}}}`:         `"name"`,
		`{"raw":{"a":1,"a":2}}`:                "twice",
		`{"any":[{"b":{"a":1,"a":2}}]}`:        "twice",
		`{"NAME":"embedded"}`:                  `"name"`,
		`{"any":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`: "nested",
		strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200):           "nested",
		`{"sub":`:      "unexpected end",
		`not`:          "invalid",
		`{"sub":1}`:    "sub",
		`{"a":1} {"b"`: "after top-level",
	} {
		var v outer
		if err := exactjson.Unmarshal([]byte(bad), &v); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.80s: %v, want %q", bad, err, says)
		}
	}
}
