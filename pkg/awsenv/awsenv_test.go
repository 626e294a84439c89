package awsenv_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"millrace/pkg/awsenv"
)

// TestLikeTheSDK: a client gets the same from the environment as by the SDK's own package config.
func TestLikeTheSDK(t *testing.T) {
	for name, environment := range map[string][]string{
		"a function":       {},
		"default region":   {"AWS_REGION=", "AWS_DEFAULT_REGION=eu-central-1"},
		"both regions":     {"AWS_DEFAULT_REGION=eu-central-1"},
		"another region":   {"AWS_REGION=cn-north-1"},
		"no session":       {"AWS_SESSION_TOKEN="},
		"one service":      {"AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000"},
		"another service":  {"AWS_ENDPOINT_URL_SSM=http://127.0.0.1:8000"},
		"every service":    {"AWS_ENDPOINT_URL=http://127.0.0.1:9000"},
		"one and every":    {"AWS_ENDPOINT_URL=http://127.0.0.1:9000", "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000"},
		"FIPS":             {"AWS_USE_FIPS_ENDPOINT=true"},
		"dual stack":       {"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_USE_FIPS_ENDPOINT=false"},
		"neither of these": {"AWS_USE_DUALSTACK_ENDPOINT=false"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range os.Environ() {
				if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
					t.Setenv(name, "") // so that it is put back
					os.Unsetenv(name)
				}
			}
			for _, variable := range append([]string{
				"AWS_REGION=us-west-2", "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
				"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			}, environment...) {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			ours, err := awsenv.Load(os.Getenv)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := config.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, want := optionsOf(t, ours), optionsOf(t, theirs)
			if got != want {
				t.Errorf("got %+v, the SDK has %+v", got, want)
			}
		})
	}
}

// options are what a client makes of a configuration, as far as an environment tells.
type options struct {
	region, endpoint, key, secret, token string
	fips                                 aws.FIPSEndpointState
	dualStack                            aws.DualStackEndpointState
}

func optionsOf(t *testing.T, c aws.Config) options {
	t.Helper()
	o := dynamodb.NewFromConfig(c).Options()
	found, err := o.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return options{
		region: o.Region, endpoint: aws.ToString(o.BaseEndpoint),
		key: found.AccessKeyID, secret: found.SecretAccessKey, token: found.SessionToken,
		fips: o.EndpointOptions.UseFIPSEndpoint, dualStack: o.EndpointOptions.UseDualStackEndpoint,
	}
}

func TestRefused(t *testing.T) {
	for want, environment := range map[string]map[string]string{
		"no region is configured: set AWS_REGION":                         {},
		`AWS_USE_FIPS_ENDPOINT is "perhaps": it must be true or false`:    {"AWS_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "perhaps"},
		`AWS_USE_DUALSTACK_ENDPOINT is "maybe": it must be true or false`: {"AWS_REGION": "us-east-1", "AWS_USE_DUALSTACK_ENDPOINT": "maybe"},
	} {
		_, err := awsenv.Load(func(name string) string { return environment[name] })
		if err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", environment, err, want)
		}
	}
}
