// SPDX-License-Identifier: MIT

package chunk

// Assembler is a Handler that copies payload together and gives whole messages
// to a function. It serves one Reader. Loop-owned.
//
// Its memory grows with the bytes received, never with the length declared, and
// is kept for the next message of the same chunk stream: at most about twice the
// longest message for each.
type Assembler struct {
	message  func(h Header, payload []byte) error
	payloads [][]byte // by Message.Index
}

// NewAssembler returns an Assembler that calls message for each complete message.
// payload is lent for that call and is empty for a message of length 0. An
// error of message stops the Feed that it came from, which returns it unchanged.
func NewAssembler(message func(h Header, payload []byte) error) *Assembler {
	return &Assembler{message: message}
}

// Payload implements Handler.
//
//srsd:hot
func (a *Assembler) Payload(m *Message, b []byte) error {
	for m.Index >= len(a.payloads) {
		a.payloads = append(a.payloads, nil)
	}
	p := a.payloads[m.Index]
	if m.Received == 0 {
		p = p[:0]
	}
	a.payloads[m.Index] = append(p, b...)
	return nil
}

// Complete implements Handler.
//
//srsd:hot
func (a *Assembler) Complete(m *Message) error {
	if m.Length == 0 {
		return a.message(m.Header, nil)
	}
	return a.message(m.Header, a.payloads[m.Index])
}

// Abort implements Handler. What was copied is overwritten by the next message.
func (a *Assembler) Abort(*Message) {}
