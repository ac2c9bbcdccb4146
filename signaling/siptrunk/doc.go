// Package siptrunk speaks SIP to telephone trunks: it takes inbound calls to a Handler, places outbound
// ones as a call.Dialer, and keeps each dialog alive until one side hangs up. Parsing, transactions and
// transports are sipgo's; what a request must look like (validate), what a description means (sdp), and
// the dialogs are here. No audio and no policy: the media of a leg is rtpleg's, who may call is asked.
//
//	socket ─► flood ─► sipgo parser ─► transaction ─► trunk by source ─► validate ─► dialog ─► call
//	          drop     400                             403                4xx         481
//
// A dialog's INVITE, inbound or outbound, is driven by one goroutine that ends with the transaction; what
// comes later (re-INVITE, BYE, INFO) runs on the goroutine of its own transaction. A dialog's fields are
// guarded by its mutex, which is never held while anything waits for the network.
//
//	inbound    proceeding ──Answer──► accepted ──ACK──► confirmed ──BYE──► ended
//	outbound   proceeding ──────────200, ACK──────────► confirmed
//	any state  refusal, CANCEL, lost media, no ACK ─────────────────────► ended
package siptrunk
