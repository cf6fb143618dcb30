package agent

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/claudeops/claudeops/protocol"
)

const withParameters = `
name: deploy
command: ["true"]
parameters:
  type: object
  required: [host]
  properties:
    host: {type: string, minLength: 3, pattern: "^[a-z.]+$"}
    mail: {type: string, format: email}
    port: {type: integer, minimum: 1, maximum: 65535, default: 22}
    ratio: {type: number, exclusiveMinimum: 0, exclusiveMaximum: 1}
    even: {type: integer, multipleOf: 2}
    mode: {type: string, enum: [fast, safe], default: safe}
    dry-run: {type: boolean, default: true}
    tags: {type: array, items: {type: string}, maxItems: 2, uniqueItems: true}
    limits:
      type: object
      properties:
        cpu: {type: number, default: 80}
        disk: {type: object, properties: {warn: {type: integer, default: 85}}}
    tls:
      type: object
      required: [cert]
      properties: {cert: {type: string}, version: {type: string, default: "1.3"}}
    hosts:
      type: array
      items: {type: object, required: [name], properties: {name: {type: string}, port: {type: integer, default: 80}}}
    target:
      oneOf:
        - {type: string}
        - {type: object, required: [url], properties: {url: {type: string}}}
    labels: {type: object, additionalProperties: {type: string}}
    password: {type: string, format: password, maxLength: 20, pattern: "^[a-z0-9\"]+$"}
    pin: {type: integer, writeOnly: true}
    accounts:
      type: array
      items: {type: object, properties: {user: {type: string}, secret: {type: string, writeOnly: true}}}
    keys: {type: object, writeOnly: true, additionalProperties: {type: string}}
    note: {type: [string, "null"]}
`

func TestResolve_defaults(t *testing.T) {
	t.Parallel()
	d := mustParse(t, withParameters)
	for _, tt := range []struct{ name, config, want string }{
		{"top, nested, and none where an object would stay incomplete", `{"host":"web"}`,
			`{"dry-run":true,"host":"web","limits":{"cpu":80,"disk":{"warn":85}},"mode":"safe","port":22}`},
		{"given values stay, falsy ones too", `{"host":"web","dry-run":false,"port":1,"mode":"fast","limits":{"cpu":0}}`,
			`{"dry-run":false,"host":"web","limits":{"cpu":0,"disk":{"warn":85}},"mode":"fast","port":1}`},
		{"inside given objects and lists", `{"host":"web","tls":{"cert":"x"},"hosts":[{"name":"a"},{"name":"b","port":9}]}`,
			`{"dry-run":true,"host":"web","hosts":[{"name":"a","port":80},{"name":"b","port":9}],"limits":{"cpu":80,"disk":{"warn":85}},"mode":"safe","port":22,"tls":{"cert":"x","version":"1.3"}}`},
		{"numbers as they were written", `{"host":"web","limits":{"cpu":12345678901234567890.5}}`,
			`{"dry-run":true,"host":"web","limits":{"cpu":12345678901234567890.5,"disk":{"warn":85}},"mode":"safe","port":22}`},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			inv, err := d.Resolve(json.RawMessage(tt.config))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(inv.Config)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResolve_defaults_through_references(t *testing.T) {
	t.Parallel()
	d := mustParse(t, `
name: a
command: ["true"]
parameters:
  properties:
    first: {$ref: "#/$defs/node"}
    both: {allOf: [{$ref: "#/$defs/node"}, {properties: {extra: {default: 2}}}]}
  $defs:
    node:
      type: object
      properties: {value: {type: integer, default: 1}, next: {$ref: "#/$defs/node"}}
`)
	inv, err := d.Resolve(json.RawMessage(`{"both":{},"first":{"next":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"both":{"extra":2,"next":{"value":1},"value":1},"first":{"next":{"next":{"value":1},"value":1},"value":1}}`
	if diff := cmp.Diff(want, string(inv.Config)); diff != "" {
		t.Error(diff)
	}
}

func TestResolve_names_each_wrong_field(t *testing.T) {
	t.Parallel()
	d := mustParse(t, withParameters)
	for _, tt := range []struct {
		config string
		want   []FieldError
	}{
		{`{}`, []FieldError{{Field: "host", Message: "is required"}}},
		{`[]`, []FieldError{{Field: "config", Message: "must be a JSON object with the parameters in it, got an array"}}},
		{`{"host":"web"`, []FieldError{{Field: "config", Message: "is not valid JSON: unexpected EOF"}}},
		{`{"host":"web"} x`, []FieldError{{Field: "config", Message: "is not valid JSON: invalid character after top-level value"}}},
		{"{\"host\":\"\xff\"}", []FieldError{{Field: "config", Message: "is not valid UTF-8"}}},
		{`{"host":5,"port":"22"}`, []FieldError{{Field: "host", Message: "must be a string, got a number"}, {Field: "port", Message: "must be an integer, got a string"}}},
		{`{"host":"w"}`, []FieldError{{Field: "host", Message: "must have at least 3 characters, has 1"}}},
		{`{"host":"WEB"}`, []FieldError{{Field: "host", Message: `must match the pattern ^[a-z.]+$, got "WEB"`}}},
		{`{"host":"web","mail":"x"}`, []FieldError{{Field: "mail", Message: `must be a valid email, got "x"`}}},
		{`{"host":"web","port":0}`, []FieldError{{Field: "port", Message: "must be at least 1, got 0"}}},
		{`{"host":"web","port":65536}`, []FieldError{{Field: "port", Message: "must be at most 65535, got 65536"}}},
		{`{"host":"web","port":1.5}`, []FieldError{{Field: "port", Message: "must be an integer, got a number"}}},
		{`{"host":"web","ratio":0}`, []FieldError{{Field: "ratio", Message: "must be more than 0, got 0"}}},
		{`{"host":"web","ratio":1}`, []FieldError{{Field: "ratio", Message: "must be less than 1, got 1"}}},
		{`{"host":"web","even":3}`, []FieldError{{Field: "even", Message: "must be a multiple of 2, got 3"}}},
		{`{"host":"web","port":1e999999999}`, []FieldError{{Field: "port", Message: "the number 1e999999999 is out of range"}}},
		{`{"host":"web","mode":"saef"}`, []FieldError{{Field: "mode", Message: `must be one of "fast", "safe", got "saef": did you mean safe?`}}},
		{`{"host":"web","hots":"x"}`, []FieldError{{Field: "hots", Message: "is not a known parameter: did you mean host?"}}},
		{`{"host":"web","limits":{"disk":{"warm":1}}}`, []FieldError{{Field: "limits.disk.warm", Message: "is not a known parameter: did you mean warn?"}}},
		{`{"host":"web","hosts":[{"name":"a"},{"port":1}]}`, []FieldError{{Field: "hosts.1.name", Message: "is required"}}},
		{`{"host":"web","tags":["a","b","c"]}`, []FieldError{{Field: "tags", Message: "must have at most 2 items, has 3"}}},
		{`{"host":"web","tags":["a","a"]}`, []FieldError{{Field: "tags", Message: "must not have the same item twice: items 0 and 1 are equal"}}},
		{`{"host":"web","target":{}}`, []FieldError{{Field: "target.url", Message: "is required"}}},
		{`{"host":"web","target":5}`, []FieldError{{Field: "target", Message: "fits none of the allowed forms: must be a string, got a number; or must be an object, got a number"}}},
		{`{"host":"web","labels":{"a":1}}`, []FieldError{{Field: "labels.a", Message: "must be a string, got a number"}}},
		{`{"host":"web","note":5}`, []FieldError{{Field: "note", Message: "must be null or a string, got a number"}}},
		{`{"host":"web","note":"a\u0000b"}`, []FieldError{{Field: "note", Message: "holds a NUL byte, which no program can be given: remove it"}}},
		{`{"host":"web","labels":{"a\u0000":"b"}}`, []FieldError{{Field: "labels.a�", Message: "has a NUL byte in its name: remove it"}}},
		{`{"host":"web","tags":["\u0000"]}`, []FieldError{{Field: "tags.0", Message: "holds a NUL byte, which no program can be given: remove it"}}},
		// What is wrong with a secret is said without saying it.
		{`{"host":"web","password":"Hunter2!"}`, []FieldError{{Field: "password", Message: `must match the pattern ^[a-z0-9"]+$, got that secret`}}},
		{`{"host":"web","password":"••••••"}`, []FieldError{{Field: "password", Message: "is the mask of a secret, not the secret: enter it again"}}},
		{`{"host":"web","accounts":[{"secret":"••••••"}]}`, []FieldError{{Field: "accounts.0.secret", Message: "is the mask of a secret, not the secret: enter it again"}}},
	} {
		t.Run(tt.config, func(t *testing.T) {
			t.Parallel()
			inv, err := d.Resolve(json.RawMessage(tt.config))
			var wrong *ConfigError
			if !errors.As(err, &wrong) {
				t.Fatalf("got %+v, %v", inv, err)
			}
			if diff := cmp.Diff(tt.want, wrong.Fields, cmpopts.IgnoreUnexported(FieldError{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if wrong.Code() != protocol.BadRequest || !strings.Contains(err.Error(), "deploy") || !strings.Contains(err.Error(), tt.want[0].Field) {
				t.Errorf("code %s, error %v", wrong.Code(), err)
			}
		})
	}
}

func TestResolve_unknown_parameters_where_allowed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ parameters, config, refused string }{
		{"{}", `{"x":1}`, "x"},
		{"{additionalProperties: true}", `{"x":1,"a b":2}`, ""},
		{"{additionalProperties: {type: string}}", `{"x":1}`, "x"},
		{"{additionalProperties: {type: string}}", `{"x":"y"}`, ""},
		{"{patternProperties: {'^x': {type: integer}}}", `{"xy":1}`, ""},
		{"{patternProperties: {'^x': {type: integer}}}", `{"y":1}`, "y"},
		{"{anyOf: [{properties: {a: {type: string}}, required: [a]}, {properties: {b: {type: string}}, required: [b]}]}", `{"b":"x"}`, ""},
		{"{anyOf: [{properties: {a: {type: string}}, required: [a]}, {properties: {b: {type: string}}, required: [b]}]}", `{"b":"x","c":1}`, "c"},
		{"{unevaluatedProperties: true}", `{"x":1}`, ""},
		{"{properties: {o: {type: object}}}", `{"o":{"x":1}}`, ""},
	} {
		t.Run(tt.parameters+tt.config, func(t *testing.T) {
			t.Parallel()
			d := mustParse(t, "name: a\ncommand: ['true']\nparameters: "+tt.parameters+"\n")
			_, err := d.Resolve(json.RawMessage(tt.config))
			var wrong *ConfigError
			switch {
			case tt.refused == "" && err != nil:
				t.Error(err)
			case tt.refused != "" && (!errors.As(err, &wrong) || wrong.Fields[0].Field != tt.refused):
				t.Errorf("got %v, want %s refused", err, tt.refused)
			}
		})
	}
}

func TestResolve_secrets(t *testing.T) {
	t.Parallel()
	d := mustParse(t, withParameters+`
env: {DB_PASSWORD: from-the-file, PLAIN: not-a-secret}
mask: [literal-text]
`)
	_, err := d.Resolve(json.RawMessage(`{"host":"web","password":"hunter\"22","pin":123456,"accounts":[{"user":"ann","secret":"s3cr3t-of-ann"},{"user":"bob","secret":null}],"keys":{"ssh":"line one\nline two"}}`))
	if err == nil {
		t.Fatal("null for a string was accepted")
	}
	inv, err := d.Resolve(json.RawMessage(`{"host":"web","password":"hunter\"22","pin":123456,"accounts":[{"user":"ann","secret":"s3cr3t-of-ann"},{"user":"bob"}],"keys":{"ssh":"line one\nline two"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"accounts":[{"secret":"••••••","user":"ann"},{"user":"bob"}],"dry-run":true,"host":"web","keys":"••••••","limits":{"cpu":80,"disk":{"warn":85}},"mode":"safe","password":"••••••","pin":"••••••","port":22}`
	if diff := cmp.Diff(want, string(inv.MaskedConfig)); diff != "" {
		t.Error(diff)
	}
	for _, secret := range []string{`hunter"22`, "123456", "s3cr3t-of-ann", "line one\nline two", `{"ssh":"line one\nline two"}`, "from-the-file", "literal-text"} {
		found := false
		for _, s := range inv.Secrets {
			found = found || s == secret
		}
		if !found {
			t.Errorf("%q is not among the secrets %q", secret, inv.Secrets)
		}
	}
	for i, s := range inv.Secrets {
		if s == "not-a-secret" || s == "web" || s == "ann" {
			t.Errorf("%q is no secret", s)
		}
		if i > 0 && len(s) > len(inv.Secrets[i-1]) {
			t.Errorf("%q comes after the shorter %q", s, inv.Secrets[i-1])
		}
	}
	if !strings.Contains(string(inv.Config), `hunter\"22`) {
		t.Error("the agent itself must get the secret")
	}
}
