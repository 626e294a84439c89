package kinesis

import "fmt"

// IncreaseStreamRetentionPeriodInput asks to keep a stream's records for longer. The operation answers nothing.
type IncreaseStreamRetentionPeriodInput struct {
	presence
	StreamName           string
	StreamARN            string
	RetentionPeriodHours int // from MinRetention to MaxRetention
}

// DecreaseStreamRetentionPeriodInput asks to keep a stream's records for less long. The operation answers nothing.
type DecreaseStreamRetentionPeriodInput struct {
	presence
	StreamName           string
	StreamARN            string
	RetentionPeriodHours int // from MinRetention to MaxRetention
}

// Validate implements [Input].
func (in *IncreaseStreamRetentionPeriodInput) Validate() error { return validate(in) }

// Validate implements [Input].
func (in *DecreaseStreamRetentionPeriodInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *IncreaseStreamRetentionPeriodInput) Stream() string {
	return streamOf(in.StreamName, in.StreamARN)
}

// Stream implements [Input].
func (in *DecreaseStreamRetentionPeriodInput) Stream() string {
	return streamOf(in.StreamName, in.StreamARN)
}

func (in *IncreaseStreamRetentionPeriodInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	retentionMember(v, &in.RetentionPeriodHours)
}

func (in *DecreaseStreamRetentionPeriodInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	retentionMember(v, &in.RetentionPeriodHours)
}

// retentionMember declares a retention period. The API declares no bounds for it, and tells of them in its own words.
func retentionMember(v visitor, hours *int) {
	v.integer("RetentionPeriodHours", hours, required, nil)
	v.check(func(vs *violations) {
		switch {
		case *hours < MinRetention:
			vs.alone(fmt.Sprintf("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.",
				MinRetention, *hours))
		case *hours > MaxRetention:
			vs.alone(fmt.Sprintf("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.",
				MaxRetention, *hours))
		}
	})
}
