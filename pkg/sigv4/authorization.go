package sigv4

import (
	"slices"
	"strings"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	service    = "kinesis"
	terminator = "aws4_request"
)

// authorization is an Authorization header.
type authorization struct {
	keyID                             string
	date, region, service, terminator string   // of the scope
	headers                           []string // that are signed: names in lower case, in order, each once
	signature                         string   // 64 lower-case hex digits
}

// parseAuthorization reads the header's value. A date that the request lacks is told with what the header lacks.
func parseAuthorization(value string, dated bool) (authorization, error) {
	name, rest, _ := strings.Cut(strings.Trim(value, blanks), " ")
	if !strings.HasPrefix(name, "AWS4-") {
		return authorization{}, NotSigned()
	}
	if name != algorithm {
		return authorization{}, refuse(Incomplete, "Unsupported AWS 'algorithm': '%s'. It must be %s.", cut(name), algorithm)
	}
	parameters, err := parseParameters(rest, dated)
	if err != nil {
		return authorization{}, err
	}
	var a authorization
	if err := a.setCredential(parameters["Credential"]); err != nil {
		return authorization{}, err
	}
	if err := a.setHeaders(parameters["SignedHeaders"]); err != nil {
		return authorization{}, err
	}
	a.signature = parameters["Signature"]
	return a, nil
}

// blanks is the white space that HTTP allows around values.
const blanks = " \t"

// parseParameters reads the three parameters that there must be.
func parseParameters(list string, dated bool) (map[string]string, error) {
	parameters := map[string]string{}
	for item := range strings.SplitSeq(list, ",") {
		item = strings.Trim(item, blanks)
		if item == "" {
			continue
		}
		name, value, found := strings.Cut(item, "=")
		_, twice := parameters[name]
		switch {
		case !found:
			return nil, refuse(Incomplete, "Authorization header has a parameter without an equal-sign.")
		case name != "Credential" && name != "SignedHeaders" && name != "Signature":
			return nil, refuse(Incomplete, "Authorization header has an unknown parameter '%s'.", cut(name))
		case twice:
			return nil, refuse(Incomplete, "Authorization header has more than one '%s' parameter.", name)
		}
		parameters[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parameters[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if !dated {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, refuse(Incomplete, "%s", strings.Join(missing, " "))
	}
	return parameters, nil
}

func (a *authorization) setCredential(value string) error {
	parts := strings.Split(value, "/")
	if len(parts) != 5 || parts[0] == "" {
		return refuse(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", cut(value))
	}
	a.keyID, a.date, a.region, a.service, a.terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// setHeaders takes the names of the headers that are signed as the algorithm writes them. Any other writing gives another signature.
func (a *authorization) setHeaders(value string) error {
	names := strings.Split(value, ";")
	for i, name := range names {
		if name != ":authority" && !isLowerName(name) || i > 0 && names[i-1] >= name {
			return refuse(Incomplete, "SignedHeaders must be names of headers in lower case and alphabetical order, each once, with semicolons between them.")
		}
	}
	a.headers = names
	return nil
}

// isLowerName tells whether s can be the name of a header (RFC 9110, section 5.6.2) and is in lower case.
func isLowerName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

func (a *authorization) signs(name string) bool {
	_, found := slices.BinarySearch(a.headers, name)
	return found
}

func (a *authorization) checkScope(date, region string) error {
	var wrong []string
	if a.region != region {
		wrong = append(wrong, "Credential should be scoped to a valid region, not '"+cut(a.region)+"'. This endpoint is in '"+region+"'.")
	}
	if a.service != service {
		wrong = append(wrong, "Credential should be scoped to correct service: '"+service+"'.")
	}
	if a.terminator != terminator {
		wrong = append(wrong, "Credential should be scoped with a valid terminator: '"+terminator+"', not '"+cut(a.terminator)+"'.")
	}
	if day := date[:len("20060102")]; a.date != day {
		wrong = append(wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			cut(a.date)+"' != '"+day+"', from '"+date+"'.")
	}
	if wrong != nil {
		return refuse(Invalid, "%s", strings.Join(wrong, " "))
	}
	return nil
}
