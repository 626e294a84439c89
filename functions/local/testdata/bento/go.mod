module bento

go 1.26.0

require github.com/warpstreamlabs/bento v1.8.2
