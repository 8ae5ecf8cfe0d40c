// SPDX-License-Identifier: MIT

package conf

// HLS is how a vhost's streams are offered as HLS. Immutable.
type HLS struct {
	Enabled bool

	FragmentMs int64   // length of a segment, >= 200
	TDRatio    float64 // a segment ends at the first keyframe after FragmentMs times this
	AOFRatio   float64 // and without video after FragmentMs times this
	WindowMs   int64   // length of a playlist, >= 1000
	// WaitKeyframe: segments begin with keyframes, however long that takes (30 s at most).
	WaitKeyframe bool
	TSFloor      bool // [timestamp] in names is a number that servers with one clock agree on

	OnError OutputError

	// Path is the directory to which segments and playlists are written if PathSet; they are
	// served from memory in any case.
	Path    string
	PathSet bool
	// Names below Path and of the URLs, with variables: [vhost], [app], [stream], [seq],
	// [duration], [timestamp], [2006], [01], [02], [15], [04], [05], [999].
	M3U8File, TSFile, FMP4File, InitFile string

	FMP4        bool   // segments of fragmented MP4 instead of MPEG-TS; LowLatency implies it
	EntryPrefix string // of URLs of segments
	// MasterRelative: the master playlist names the media playlist relative to itself.
	MasterRelative bool

	Cleanup   bool  // remove files of segments that have left the playlist
	DisposeMs int64 // after a publisher's end, until the output is removed; 0 = files stay

	Ctx, TSCtx bool // sessions in the URLs of playlists, and of segments

	Keys            bool // encrypt segments, AES-128
	FragmentsPerKey int  // >= 1
	KeyFile         string
	KeyPath         string // directory to which keys are written if KeyPathSet
	KeyPathSet      bool
	KeyURL          string // before KeyFile in playlists if KeyURLSet, else keys are served beside them
	KeyURLSet       bool

	LowLatency bool
	PartMs     int64 // length of a part, >= 100

	Unused HLSUnused
}

// HLSUnused are directives of SRS that mean nothing here.
type HLSUnused struct {
	Storage, Mount, ACodec, VCodec string
	NotifyBytes                    int
	DTSDirectly, Recover           bool
}

// OutputError is what happens when an output cannot be written.
type OutputError uint8

// The policies, in the order of the schema's words.
const (
	OnErrorContinue   OutputError = iota // go on with the next segment
	OnErrorIgnore                        // no more of this output until the stream is published again
	OnErrorDisconnect                    // disconnect the publisher
)
