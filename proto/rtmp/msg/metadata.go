// SPDX-License-Identifier: MIT

package msg

import (
	"errors"
	"fmt"

	"srsd/proto/amf0"
)

// Names of data messages.
const (
	DataSetDataFrame = "@setDataFrame"
	DataOnMetaData   = "onMetaData"
)

// Errors of data messages. None is a reason to close a connection.
var (
	// ErrNotMetadata: a data message of another kind. It is to be ignored.
	ErrNotMetadata = errors.New("msg: data message is not onMetaData")
	// ErrMetadata: onMetaData without an object that can be read.
	ErrMetadata = errors.New("msg: onMetaData cannot be read")
)

// leadingNumbersMax is how many numbers are stepped over before the name: there
// are encoders that send a transaction id, or two, as if it were a command.
const leadingNumbersMax = 2

// Metadata is what a server heeds in onMetaData.
type Metadata struct {
	// BravoATC: the property bravo_atc is the string "true", with which an encoder
	// says that its timestamps are absolute and must be kept.
	BravoATC bool
}

// RewriteMetadata turns a publisher's onMetaData into the one that players get.
//
//	payload          in:  body of a data message; not kept
//	amf3             in:  the message type is TypeDataAMF3
//	lim              in:  what decoding may cost
//	server, version  in:  values of the added properties
//	out              out: body of a data message of type TypeDataAMF0, owned by the caller
//
// A leading @setDataFrame is removed. The properties keep their order and stand
// in an object, whatever they stood in before. duration is removed, because a
// live stream has none and players would believe it; server and server_version
// are appended and replace those that were there.
//
// ErrNotMetadata: some other data message, to be ignored. ErrMetadata, wrapped:
// it cannot be read; the stream goes on without.
func RewriteMetadata(payload []byte, amf3 bool, lim amf0.Limits, server, version string) (
	out []byte, info Metadata, err error,
) {
	body, err := metadataBody(payload, amf3, lim)
	if err != nil {
		return nil, Metadata{}, err
	}
	value, _, err := amf0.Decode(body, lim)
	if err != nil {
		return nil, Metadata{}, fmt.Errorf("%w: %w", ErrMetadata, err)
	}
	properties, ok := amf0.AsProperties(value)
	if !ok {
		return nil, Metadata{}, fmt.Errorf("%w: its value is no object", ErrMetadata)
	}
	atc, _ := amf0.GetString(value, "bravo_atc")
	return appendMetadata(make([]byte, 0, len(payload)+len(server)+len(version)+64), properties, server, version),
		Metadata{BravoATC: atc == "true"}, nil
}

// metadataBody returns what follows the name onMetaData, or ErrNotMetadata.
func metadataBody(b []byte, amf3 bool, lim amf0.Limits) ([]byte, error) {
	// A message of type 15 begins with a byte 0 and then has the form of type 18;
	// senders that leave it out are recognised by the marker of the name.
	if amf3 && len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	numbers, named := 0, false
	for len(b) > 0 {
		v, n, err := amf0.Decode(b, lim)
		if err != nil {
			return nil, ErrNotMetadata
		}
		b = b[n:]
		if _, ok := amf0.AsNumber(v); ok && numbers < leadingNumbersMax && !named {
			numbers++
			continue
		}
		switch name, _ := amf0.AsString(v); {
		case name == DataOnMetaData:
			return b, nil
		case name == DataSetDataFrame && !named:
			named = true
		default:
			return nil, ErrNotMetadata
		}
	}
	return nil, ErrNotMetadata
}

func appendMetadata(dst []byte, properties []amf0.Property, server, version string) []byte {
	dst = amf0.AppendString(dst, DataOnMetaData)
	dst = amf0.AppendObjectStart(dst)
	for _, p := range properties {
		switch p.Key {
		case "duration", "server", "server_version":
		case "": // an empty key would read as the end of the object
		default:
			dst = amf0.AppendKey(dst, p.Key)
			dst = amf0.Append(dst, p.Value)
		}
	}
	dst = appendStringProperty(dst, "server", server)
	dst = appendStringProperty(dst, "server_version", version)
	return amf0.AppendObjectEnd(dst)
}
