package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"millrace/pkg/dynamokeys"
	"millrace/pkg/keys"
)

const keyUsage = `usage: millrace key create -name NAME [-actions 'Put* ...'] [-streams 'orders* ...'] [-stack STACK | -keys FILE]
       millrace key list [-stack STACK | -keys FILE]
       millrace key disable|enable|delete [-stack STACK | -keys FILE] ID

Keys are those of a deployed stack, as whose administrator the AWS credentials in the environment must serve, or with
-keys those in the file that the local endpoint is started with.

`

// keyStore is where keys are kept and changed.
type keyStore interface {
	keys.Source
	Add(context.Context, keys.Key) error
	SetEnabled(ctx context.Context, id string, enabled bool) error
	Delete(ctx context.Context, id string) error
}

// keyOptions are the command line of `millrace key`.
type keyOptions struct {
	command          string
	stack, file      string
	name             string
	actions, streams string
	id               string
}

// runKey creates, lists and changes keys.
func runKey(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseKey(args)
	if err != nil {
		return err
	}
	store, err := o.store(ctx)
	if err != nil {
		return err
	}
	switch o.command {
	case "create":
		return createKey(ctx, store, o, out)
	case "list":
		return listKeys(ctx, store, out)
	case "delete":
		err = store.Delete(ctx, o.id)
	default:
		err = store.SetEnabled(ctx, o.id, o.command == "enable")
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "key %s is %sd; an endpoint that runs knows within a minute\n", o.id, o.command)
	}
	return err
}

func parseKey(args []string) (keyOptions, error) {
	var o keyOptions
	flags := flag.NewFlagSet("millrace key", flag.ContinueOnError)
	flags.StringVar(&o.stack, "stack", "millrace", "`name` of the deployed stack")
	flags.StringVar(&o.file, "keys", "", "`file` of keys, in place of a stack's")
	flags.StringVar(&o.name, "name", "", "create: `name` to know the key by")
	flags.StringVar(&o.actions, "actions", "*", "create: allowed actions, `patterns` with spaces or commas between")
	flags.StringVar(&o.streams, "streams", "*", "create: allowed streams, `patterns` with spaces or commas between; * alone allows actions on no stream, such as ListStreams")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), keyUsage)
		flags.PrintDefaults()
	}
	flags.SetOutput(os.Stderr)
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.command, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return o, o.check(given, flags.Args())
}

// check refuses what does not go together, and takes the id.
func (o *keyOptions) check(given map[string]bool, rest []string) error {
	create := given["name"] || given["actions"] || given["streams"]
	switch o.command {
	case "create":
		if strings.TrimSpace(o.name) == "" {
			return fmt.Errorf("%w: key create needs -name, to know the key by", errUsage)
		}
	case "list":
	case "disable", "enable", "delete":
		if len(rest) == 0 || rest[0] == "" {
			return fmt.Errorf("%w: key %s needs the id of a key", errUsage, o.command)
		}
		o.id, rest = rest[0], rest[1:]
	default:
		return fmt.Errorf("%w: key takes create, list, disable, enable or delete, not %q", errUsage, o.command)
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%w: unexpected argument %q", errUsage, rest[0])
	case create && o.command != "create":
		return fmt.Errorf("%w: -name, -actions and -streams are for key create", errUsage)
	case given["stack"] && given["keys"]:
		return fmt.Errorf("%w: -stack and -keys are two different places", errUsage)
	case given["keys"] && o.file == "":
		return fmt.Errorf("%w: -keys names no file", errUsage)
	case o.stack == "":
		return fmt.Errorf("%w: -stack names no stack", errUsage)
	}
	return nil
}

// store returns where the command line says that the keys are.
func (o *keyOptions) store(ctx context.Context) (keyStore, error) {
	if o.file != "" {
		return keys.File{Path: o.file}, nil
	}
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		return nil, errors.New("no region is configured: set AWS_REGION to the stack's (the keys of a local endpoint are told by -keys FILE)")
	}
	// The name of the table in template.yaml.
	return dynamokeys.New(dynamodb.NewFromConfig(loaded), o.stack+"-keys"), nil
}

func createKey(ctx context.Context, store keyStore, o keyOptions, out io.Writer) error {
	k, err := keys.New(o.name, patterns(o.actions), patterns(o.streams), time.Now())
	if err != nil {
		return err
	}
	if err := store.Add(ctx, k); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "# %s may %s on %s. The secret is shown this once.\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n",
		k.Name, strings.Join(k.Actions, ", "), strings.Join(k.Streams, ", "), k.ID, k.Secret.Reveal())
	return err
}

// patterns splits what spaces or commas separate.
func patterns(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' })
}

func listKeys(ctx context.Context, store keyStore, out io.Writer) error {
	all, unreadable, err := store.Load(ctx)
	if err != nil {
		return err
	}
	if len(all)+len(unreadable) == 0 {
		_, err = fmt.Fprintln(out, "no keys: nobody is let in")
		return err
	}
	slices.SortFunc(all, func(a, b keys.Key) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tSTATE\tACTIONS\tSTREAMS\tCREATED")
	for _, k := range all {
		state, created := "disabled", ""
		if k.Enabled {
			state = "enabled"
		}
		if !k.Created.IsZero() {
			created = k.Created.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, state, strings.Join(k.Actions, ","), strings.Join(k.Streams, ","), created)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, cause := range unreadable {
		if _, err := fmt.Fprintf(out, "lets nobody in: %v\n", cause); err != nil {
			return err
		}
	}
	return nil
}
