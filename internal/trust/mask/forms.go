package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
)

// Shortest is how many bytes a secret must have for it to be looked for in forms other than its own,
// and for a value to be taken for a secret at all: masking every "a" would ruin the log and, by what
// is missing, tell the secret.
const Shortest = 4

// Forms lists the ways in which a secret may turn up in output, itself first: as JSON (twice, for
// JSON within JSON), HTML, URLs, shells, base64 and hexadecimal write it, and each of its lines.
// Forms shorter than Shortest are left out, and so are all but the secret itself when it is.
func Forms(secret string) []string {
	if secret == "" {
		return nil
	}
	list := []string{secret}
	if len(secret) < Shortest {
		return list
	}
	add := func(form string) {
		if len(form) >= Shortest && !slices.Contains(list, form) {
			list = append(list, form)
		}
	}
	all := append([]string{secret}, parts(secret)...)
	for _, text := range all {
		add(text)
		for _, once := range jsonForms(text) {
			add(once)
			for _, twice := range jsonForms(once) {
				add(twice)
			}
		}
		for _, form := range htmlForms(text) {
			add(form)
		}
		for _, form := range urlForms(text) {
			add(form)
		}
		for _, form := range shellForms(text) {
			add(form)
		}
		lower := hex.EncodeToString([]byte(text))
		add(lower)
		add(strings.ToUpper(lower))
		for _, form := range base64Forms(text) {
			add(form)
		}
	}
	return list
}

// parts are the lines of a secret, because output is read line by line.
func parts(secret string) []string {
	if !strings.ContainsAny(secret, "\r\n") {
		return nil
	}
	var list []string
	for _, line := range strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); len(line) >= Shortest {
			list = append(list, line)
		}
	}
	return list
}

// jsonForms are the text within a JSON string: as most writers escape it, as Go does (<, > and & as
// well), and with everything outside ASCII escaped, as Python does.
func jsonForms(text string) []string {
	var list []string
	if b, err := json.Marshal(text); err == nil {
		list = append(list, string(b[1:len(b)-1]))
	}
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if e.Encode(text) == nil {
		quoted := plain.String()[1 : plain.Len()-2]
		list = append(list, quoted, strings.ReplaceAll(quoted, "/", `\/`), asciiOnly(quoted))
	}
	return list
}

// asciiOnly writes what is not ASCII as \uXXXX.
func asciiOnly(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// htmlForms escape what HTML and XML must, with the spellings of quotation marks in use.
func htmlForms(text string) []string {
	escaped := html.EscapeString(text) // &#34; and &#39;
	list := []string{escaped, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)}
	for _, double := range []string{"&#34;", "&quot;", "&#x22;"} {
		for _, single := range []string{"&#39;", "&#x27;", "&apos;", "'"} {
			list = append(list, strings.NewReplacer("&#34;", double, "&#39;", single).Replace(escaped))
		}
	}
	return list
}

// urlForms escape as form values, path segments, JavaScript and userinfo do, in both cases of
// hexadecimal digits, and with every byte escaped.
func urlForms(text string) []string {
	component := strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	javascript := strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(component)
	var every strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&every, "%%%02X", text[i])
	}
	list := []string{url.QueryEscape(text), component, javascript, url.PathEscape(text), url.User(text).String(),
		strings.ReplaceAll(component, "%7E", "~"), every.String()}
	for _, form := range list {
		list = append(list, lowerEscapes(form))
	}
	return list
}

// lowerEscapes writes the hexadecimal digits after % in lower case.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// shellForms are the text within quotes, or without any, as shells and printf %q write it.
func shellForms(text string) []string {
	backslashed := func(special string) string {
		var b strings.Builder
		for _, r := range text {
			if strings.ContainsRune(special, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		return b.String()
	}
	const words = "!\"#$&'()*,;<>?[\\]^`{|}~ \t"
	ansi := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text) // within $'…'
	return []string{
		strings.ReplaceAll(text, `'`, `'\''`), strings.ReplaceAll(text, `'`, `'"'"'`), ansi,
		backslashed("\"$`\\"), backslashed("\"$`\\!"), backslashed(words), backslashed(words + "%+=:@/"),
		strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text),
	}
}

// base64Forms are what of the text is certain in base64, wherever it begins among the groups of three
// bytes: the characters that depend on its bytes alone. The whole encoding is broken into lines as
// well, as base64 and PEM do it.
func base64Forms(text string) []string {
	var list []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before, skip := range []int{0, 2, 3} {
			encoded := encoding.EncodeToString(append(make([]byte, before), text...))
			certain := (before + len(text)) * 8 / 6
			if before == 0 {
				list = append(list, encoded) // with its last character, which zero bits fill
				for _, width := range []int{64, 76} {
					for rest := encoded; len(encoded) > width && rest != ""; {
						line := rest[:min(width, len(rest))]
						list, rest = append(list, line), rest[len(line):]
					}
				}
			}
			if certain > skip {
				list = append(list, encoded[skip:certain])
			}
		}
	}
	return list
}
