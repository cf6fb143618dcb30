package agent

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

const (
	maxTags     = 32
	tagSentence = "a tag has 1 to 64 letters, digits and -_.:/@, a letter or digit first"
)

var tagPattern = regexp.MustCompile(`^[\pL\pN][\pL\pN_.:/@-]{0,63}$`)

// MergeTags gives the tags of an execution: its definition's, then those it was started with, each
// once. Its error names the tag that can't be one.
func MergeTags(own, given []string) ([]string, error) {
	merged := slices.Clone(own)
	for _, tag := range given {
		if !tagPattern.MatchString(tag) {
			return nil, fmt.Errorf("%q can't be a tag: %s", clip(tag), tagSentence)
		}
		if !slices.Contains(merged, tag) {
			merged = append(merged, tag)
		}
	}
	if len(merged) > maxTags {
		return nil, errors.New("there may be " + strconv.Itoa(maxTags) + " tags, these are " + strconv.Itoa(len(merged)))
	}
	return merged, nil
}

func (p *parser) readTags(n *yaml.Node) {
	n = p.resolve(n)
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "tags", "must be a list of texts, like [nightly, repo], this is %s", kindName(n))
		return
	}
	for i, item := range n.Content {
		field := "tags." + strconv.Itoa(i)
		tag, ok := p.literal(item, field)
		if !ok {
			continue
		}
		if slices.Contains(p.def.Tags, tag) {
			p.fail(item, field, "%s is given twice: keep one", clip(tag))
			continue
		}
		merged, err := MergeTags(p.def.Tags, []string{tag})
		if err != nil {
			p.fail(item, field, "%v", err)
			continue
		}
		p.def.Tags = merged
	}
}
