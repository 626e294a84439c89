package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace/pkg/lacking/fetched"
)

// The linter of CloudFormation templates that the tests fetch, and SAM's own translator.
const (
	cfnLintVersion       = "1.58.0"
	samTranslatorVersion = "1.115.0"
)

// translated is the template as SAM translates it.
type translated struct {
	Parameters map[string]struct {
		Default       any
		AllowedValues []string
	}
	Conditions map[string]any
	Resources  map[string]struct {
		Type       string
		Properties map[string]any
	}
}

// translate lints the deployment's template and returns its translation.
func translate(t *testing.T) translated {
	t.Helper()
	bin := fetched.Python(t, "cfn-lint=="+cfnLintVersion, "aws-sam-translator=="+samTranslatorVersion)
	run := func(program string, args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
		cmd.Env = append(os.Environ(), "AWS_DEFAULT_REGION=us-east-1")
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", program, err, out, &said)
		}
		return out
	}
	run("cfn-lint", "../../template.yaml")
	var tr translated
	if err := json.Unmarshal(run("python3", "testdata/template/translate.py", "../../template.yaml"), &tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// property returns what lies at a path of names in a resource's properties, as JSON, null where nothing does.
func (tr translated) property(resource string, path ...string) string {
	var at any = tr.Resources[resource].Properties
	for _, name := range path {
		inner, _ := at.(map[string]any)
		at = inner[name]
	}
	return asJSON(at)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON before
	}
	return string(text)
}

// rights returns the actions that the function's role allows, by the resource they are allowed on, as JSON.
func (tr translated) rights(t *testing.T) map[string]string {
	t.Helper()
	var policies []struct {
		PolicyDocument struct {
			Statement []struct {
				Effect           string
				Action, Resource any
			}
		}
	}
	if err := json.Unmarshal([]byte(tr.property("Role", "Policies")), &policies); err != nil {
		t.Fatal(err)
	}
	rights := map[string]string{}
	for _, policy := range policies {
		for _, s := range policy.PolicyDocument.Statement {
			rights[asJSON(s.Resource)] += s.Effect + " " + asJSON(s.Action)
		}
	}
	return rights
}

// TestTemplate: the deployment is closed whatever is chosen, its function may do no more than it must, and its keys are
// where `millrace key` looks for them.
func TestTemplate(t *testing.T) {
	tr := translate(t)
	var types []string
	for _, r := range tr.Resources {
		types = append(types, r.Type)
	}
	slices.Sort(types)
	rights := tr.rights(t)
	for name, test := range map[string][2]string{
		// One way in, the route: no other API, no URL of the function's own.
		"resources": {strings.Join(types, " "), "AWS::ApiGatewayV2::Api AWS::ApiGatewayV2::Integration AWS::ApiGatewayV2::Route AWS::ApiGatewayV2::Stage " +
			"AWS::DynamoDB::Table AWS::DynamoDB::Table AWS::IAM::Role AWS::Lambda::Function AWS::Lambda::Permission AWS::Logs::LogGroup"},
		"callers": {tr.property("Permission", "Principal"), `"apigateway.amazonaws.com"`},
		// The route has no authorizer only where the function verifies signatures.
		"AuthMode":   {asJSON(tr.Parameters["AuthMode"]), `{"Default":"SIGV4","AllowedValues":["SIGV4","IAM"]}`},
		"condition":  {asJSON(tr.Conditions["Iam"]), `{"Fn::Equals":[{"Ref":"AuthMode"},"IAM"]}`},
		"authorizer": {tr.property("Route", "AuthorizationType"), `{"Fn::If":["Iam","AWS_IAM","NONE"]}`},
		"AUTH_MODE":  {tr.property("Function", "Environment", "Variables", "AUTH_MODE"), `{"Ref":"AuthMode"}`},
		"KEYS_TABLE": {tr.property("Function", "Environment", "Variables", "KEYS_TABLE"), `{"Ref":"KeysTable"}`},

		"table of keys":     {tr.property("KeysTable", "TableName"), `{"Fn::Sub":"${AWS::StackName}-keys"}`},
		"its key":           {tr.property("KeysTable", "KeySchema"), `[{"AttributeName":"id","KeyType":"HASH"}]`},
		"its encryption":    {tr.property("KeysTable", "SSESpecification"), `{"SSEEnabled":true}`},
		"rights on keys":    {rights[`{"Fn::GetAtt":["KeysTable","Arn"]}`], `Allow "dynamodb:Scan"`},
		"rights on log":     {rights[`{"Fn::GetAtt":["LogGroup","Arn"]}`], `Allow ["logs:CreateLogStream","logs:PutLogEvents"]`},
		"rights on streams": {rights[`{"Fn::GetAtt":["Table","Arn"]}`], `Allow ["dynamodb:BatchWriteItem","dynamodb:DeleteItem","dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:UpdateItem"]`},
	} {
		if test[0] != test[1] {
			t.Errorf("%s: %s, want %s", name, test[0], test[1])
		}
	}
	if len(rights) != 3 {
		t.Errorf("it has rights on %v", rights)
	}
}
