package kinesis

// DescribeLimitsInput asks how much of what the account may have it has.
type DescribeLimitsInput struct {
	presence
}

// DescribeLimitsOutput tells the account's limits and what counts towards them.
type DescribeLimitsOutput struct {
	presence
	ShardLimit               int
	OpenShardCount           int
	OnDemandStreamCount      int
	OnDemandStreamCountLimit int
}

// Validate implements [Input].
func (in *DescribeLimitsInput) Validate() error { return validate(in) }

// Stream implements [Input]. It is "": the input speaks of the account.
func (in *DescribeLimitsInput) Stream() string { return "" }

func (in *DescribeLimitsInput) members(visitor) {}

func (out *DescribeLimitsOutput) members(v visitor) {
	v.integer("ShardLimit", &out.ShardLimit, required, nil)
	v.integer("OpenShardCount", &out.OpenShardCount, required, nil)
	v.integer("OnDemandStreamCount", &out.OnDemandStreamCount, required, nil)
	v.integer("OnDemandStreamCountLimit", &out.OnDemandStreamCountLimit, required, nil)
}
