module srsd/engine/interop

go 1.26

require (
	github.com/abema/go-mp4 v1.7.1
	github.com/bluenviron/gortmplib v1.0.0
	github.com/bluenviron/mediacommon/v2 v2.9.2
)

require github.com/google/uuid v1.6.0 // indirect
