// Package awsenv is the configuration of AWS clients as Lambda puts it into a function's environment
// (Lambda developer guide, "Defined runtime environment variables").
//
// The SDK's own package config looks in many more places, none of which a function has: files, profiles, single sign-on,
// web identities, instance metadata. To import it is a third of the start of a function that does nothing, whether or not
// it is called, as each of these comes with a client that builds its tables first
// (go test -run '^$' -bench ColdStart ./functions/api).
package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Load returns the configuration that variables hold, as [os.Getenv] returns them:
//
//   - AWS_REGION, or else AWS_DEFAULT_REGION, which must be set;
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: a function's credentials, good for as long as its
//     process lives. Without them each call fails, before it is sent;
//   - AWS_ENDPOINT_URL_ and a service's name, or else AWS_ENDPOINT_URL: where a service is, if not on AWS;
//   - AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, true or false.
func Load(getenv func(string) string) (aws.Config, error) {
	v := variables(getenv)
	region := v.first("AWS_REGION", "AWS_DEFAULT_REGION")
	if region == "" {
		return aws.Config{}, errors.New("no region is configured: set AWS_REGION")
	}
	c := aws.Config{
		Region:        region,
		Credentials:   credentials.NewStaticCredentialsProvider(v("AWS_ACCESS_KEY_ID"), v("AWS_SECRET_ACCESS_KEY"), v("AWS_SESSION_TOKEN")),
		ConfigSources: []any{v},
	}
	for _, name := range []string{fips, dualStack} {
		if _, _, err := v.flag(name); err != nil {
			return aws.Config{}, err
		}
	}
	if everywhere := v("AWS_ENDPOINT_URL"); everywhere != "" {
		c.BaseEndpoint = &everywhere
	}
	return c, nil
}

const (
	fips      = "AWS_USE_FIPS_ENDPOINT"
	dualStack = "AWS_USE_DUALSTACK_ENDPOINT"
)

// variables answers what each of the SDK's clients asks of its configuration's sources, by methods that it looks for.
type variables func(string) string

// first returns the first of the variables that is set.
func (v variables) first(names ...string) string {
	for _, name := range names {
		if value := v(name); value != "" {
			return value
		}
	}
	return ""
}

// flag returns a variable that is true or false, and whether it is set.
func (v variables) flag(name string) (on, found bool, err error) {
	value := v(name)
	if value == "" {
		return false, false, nil
	}
	on, err = strconv.ParseBool(value)
	if err != nil {
		return false, false, fmt.Errorf("%s is %q: it must be true or false", name, value)
	}
	return on, true, nil
}

// GetServiceBaseEndpoint returns the endpoint of a service that has a variable of its own. The SDK names services in words,
// such as "DynamoDB" or "SSM".
func (v variables) GetServiceBaseEndpoint(_ context.Context, service string) (endpoint string, found bool, err error) {
	endpoint = v("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return endpoint, endpoint != "", nil
}

// GetUseFIPSEndpoint tells whether to call the endpoints that comply with FIPS 140.
func (v variables) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	on, found, err := v.flag(fips)
	if on {
		return aws.FIPSEndpointStateEnabled, found, err
	}
	return aws.FIPSEndpointStateDisabled, found, err
}

// GetUseDualStackEndpoint tells whether to call the endpoints that have IPv6 addresses as well.
func (v variables) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	on, found, err := v.flag(dualStack)
	if on {
		return aws.DualStackEndpointStateEnabled, found, err
	}
	return aws.DualStackEndpointStateDisabled, found, err
}
