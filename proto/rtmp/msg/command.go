// SPDX-License-Identifier: MIT

package msg

import (
	"errors"
	"fmt"

	"srsd/proto/amf0"
)

// Names of the commands that a server meets (RTMP 1.0 §7.2, and those that
// encoders send before publish).
const (
	CommandConnect       = "connect"
	CommandCreateStream  = "createStream"
	CommandDeleteStream  = "deleteStream"
	CommandCloseStream   = "closeStream"
	CommandReleaseStream = "releaseStream"
	CommandFCPublish     = "FCPublish"
	CommandFCUnpublish   = "FCUnpublish"
	CommandPublish       = "publish"
	CommandPlay          = "play"
	CommandPause         = "pause"
	CommandSeek          = "seek"
	CommandReceiveAudio  = "receiveAudio"
	CommandReceiveVideo  = "receiveVideo"
	CommandResult        = "_result"
	CommandError         = "_error"
	CommandOnStatus      = "onStatus"
	CommandOnBWDone      = "onBWDone"
	CommandOnFCPublish   = "onFCPublish"
	CommandOnFCUnpublish = "onFCUnpublish"
)

// Errors of commands.
var (
	// ErrCommandName: the message does not begin with a string that is not empty.
	ErrCommandName = errors.New("msg: command has no name")
	// ErrNotConnect: the command is not connect, or has no command object.
	ErrNotConnect = errors.New("msg: not a connect command")
	// ErrNoTcURL: the command object of connect has neither tcUrl nor app.
	ErrNoTcURL = errors.New("msg: connect has neither tcUrl nor app")
)

// Command is a decoded command message.
type Command struct {
	Name string
	// TransactionID is as the peer sent it: it may be NaN, infinite, negative or
	// have a fraction. It is echoed and never converted. 0 if it is missing.
	TransactionID float64
	// Args are the values after the transaction id; the first one is the command
	// object, which is null for most commands.
	Args []amf0.Value
}

// ParseCommand decodes a command message.
//
//	payload  in:  the message body; not kept, what comes out is a copy
//	amf3     in:  the message type is TypeCommandAMF3
//	lim      in:  what decoding may cost
//
// A message of type 17 begins with a byte 0, and the rest is AMF0 as in type 20;
// if the first byte is not 0 the sender has left it out. Should a value be marked
// as AMF3 the error is amf0.ErrAMF3. A name that is not a string, or empty, is
// ErrCommandName. If no number follows the name, the transaction id is 0 and what
// follows is the first of Args.
//
// Source: RTMP 1.0 §7.1.1, §7.2.
func ParseCommand(payload []byte, amf3 bool, lim amf0.Limits) (Command, error) {
	if amf3 && len(payload) > 0 && payload[0] == 0 {
		payload = payload[1:]
	}
	values, err := amf0.DecodeAll(payload, lim)
	if err != nil {
		return Command{}, fmt.Errorf("msg: command: %w", err)
	}
	name, ok := amf0.AsString(amf0.At(values, 0))
	if !ok || name == "" {
		return Command{}, ErrCommandName
	}
	c := Command{Name: name, Args: values[1:]}
	if id, ok := amf0.AsNumber(amf0.At(c.Args, 0)); ok {
		c.TransactionID = id
		c.Args = c.Args[1:]
	}
	return c, nil
}

// Arg returns the i-th value after the transaction id (0 is the command object),
// or nil if the command has fewer.
func (c *Command) Arg(i int) amf0.Value { return amf0.At(c.Args, i) }

// StringArg returns the i-th value after the transaction id if it is a string.
// The stream name of publish, play, releaseStream, FCPublish and FCUnpublish is
// argument 1.
func (c *Command) StringArg(i int) (s string, ok bool) { return amf0.AsString(c.Arg(i)) }

// Connect is what a connect command says. Where a property appears twice the
// first one counts, here as everywhere (see amf0.Get); a property of another
// type than expected counts as absent.
type Connect struct {
	TransactionID float64
	// App is kept for the log. The application is taken from TcURL alone, so that
	// a connect in which the two disagree has one meaning.
	App string
	// TcURL is not empty. A client that sent App alone gets one that is made of it, with
	// DefaultVhost as the host, which it did not name.
	TcURL          string
	PageURL        string
	SwfURL         string
	FlashVer       string
	ObjectEncoding float64 // 0 (AMF0) if absent; echoed, may be any number
	Capabilities   Capabilities
	// Args is the optional object after the command object; nil if there is none.
	Args amf0.Value
}

// ParseConnect reads a connect command. Errors: ErrNotConnect, ErrNoTcURL.
//
// Source: RTMP 1.0 §7.2.1.1; Enhanced RTMP v2, "Enhancing NetConnection connect Command".
func ParseConnect(c Command) (Connect, error) {
	if c.Name != CommandConnect {
		return Connect{}, ErrNotConnect
	}
	object := c.Arg(0)
	if _, ok := amf0.AsProperties(object); !ok {
		return Connect{}, ErrNotConnect
	}
	out := Connect{TransactionID: c.TransactionID}
	out.App, _ = amf0.GetString(object, "app")
	out.TcURL, _ = amf0.GetString(object, "tcUrl")
	if out.TcURL == "" {
		if out.App == "" {
			return Connect{}, ErrNoTcURL
		}
		out.TcURL = "rtmp://" + DefaultVhost + "/" + out.App
	}
	out.PageURL, _ = amf0.GetString(object, "pageUrl")
	out.SwfURL, _ = amf0.GetString(object, "swfUrl")
	out.FlashVer, _ = amf0.GetString(object, "flashVer")
	out.ObjectEncoding, _ = amf0.GetNumber(object, "objectEncoding")
	out.Capabilities = parseCapabilities(object)
	if _, ok := amf0.AsProperties(c.Arg(1)); ok {
		out.Args = c.Arg(1)
	}
	return out, nil
}
