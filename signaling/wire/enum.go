package wire

//go:generate go run ./gen ../../web/ui/src/wire/wire.ts

// Enums holds the values of every string type of the vocabulary by its Go name; a test proves it complete.
var Enums = map[string][]string{
	"Direction":      values(Inbound, Outbound),
	"CallState":      values(CallNew, CallRinging, CallConnected, CallEnded),
	"LegState":       values(LegNew, LegTrying, LegRinging, LegEarly, LegConnected, LegHeld, LegReconnecting, LegEnded),
	"Receive":        values(ReceiveMix, ReceiveStreams),
	"LegKind":        values(LegSIP, LegWebRTC, LegRTP),
	"Role":           values(RoleCustomer, RoleAgent, RoleExpert, RoleSupervisor, RoleBot),
	"RecordingState": values(RecordingActive, RecordingPaused, RecordingStopped, RecordingStored, RecordingFailed, RecordingDeleting),
	"RecordMode":     values(RecordOn, RecordOnDemand, RecordOff),
	"VoiceMode":      values(VoiceProcessed, VoiceRaw, VoiceBoth),
	"CopyMode":       values(CopyStereo, CopyMono),
	"CopyFormat":     values(CopyOpus, CopyWAV, CopyFLAC, CopyNone),
	"G711Mode":       values(G711Samples, G711Opus),
	"AgentState":     values(AgentOffline, AgentNotReady, AgentReady, AgentReserved, AgentBusy, AgentWrapup, AgentSignoutPending),
	"OfferState":     values(OfferOpen, OfferAccepted, OfferDeclined, OfferExpired, OfferWithdrawn),
	"CampaignMode":   values(ModePreview, ModePushPreview, ModeProgressive, ModePredictive),
	"CampaignState":  values(CampaignDraft, CampaignRunning, CampaignPaused, CampaignFinished),
	"RecordState":    values(RecordReady, RecordOffered, RecordPreview, RecordDialing, RecordTalking, RecordReview, RecordClosed),
	"CallOutcome":    values(OutcomeAnswered, OutcomeAbandoned, OutcomeDiverted, OutcomeMessage, OutcomeCallback, OutcomeInterrupted, OutcomeUnanswered),
	"ReportKind":     values(ReportQueue, ReportAgent),
	"ReportEvery":    values(EveryQuarter, EveryHour, EveryDay, EveryAll),
	"CallbackKind":   values(CallbackCourtesy, CallbackVoice, CallbackWeb, CallbackScheduled),
	"CallbackState": values(CallbackRequested, CallbackPlanned, CallbackWaiting, CallbackOffered, CallbackPreview,
		CallbackDialing, CallbackTalking, CallbackReached, CallbackCompleted, CallbackFailed, CallbackCancelled),
	"NodeState":    values(NodeOK, NodeDraining),
	"VariableType": values(VariableText, VariableNumber, VariableDate, VariableYesNo),
	"TargetKind":   values(TargetAgent, TargetQueue, TargetNumber, TargetEntryPoint),
	"ConsultState": values(ConsultRequested, ConsultReached, ConsultConnecting, ConsultAnswered, ConsultEnded),
	"PartyRole":    values(PartyCustomer, PartyPrimary, PartyConsulted, PartyConference),
	"Pass":         values(PassHold, PassMusic, PassTones, PassOverload),
	"PlaySource":   values(PlayTone, PlayBeep, PlayMusic, PlayRingback, PlayFile),
	"TonePolicy":   values(TonesOff, TonesConference, TonesAlways),
	"RelayPolicy":  values(RelayNone, RelayAll),
	"Hearers":      values(HearersNone, HearersAll, HearersCustomer, HearersAgents),
	"ConsentWhen":  values(ConsentBefore, ConsentStart),
	"MarkerType": values(MarkerPause, MarkerGap, MarkerSpeech, MarkerHold, MarkerConsult, MarkerConference, MarkerTransfer,
		MarkerJoined, MarkerLeft, MarkerKeys, MarkerBeep, MarkerConsent, MarkerCapture),
	"CaptureState": values(CaptureOpen, CaptureComplete, CaptureTimedOut, CaptureCancelled, CaptureEnded, CaptureTaken),
	"CaptureVoice": values(CaptureMute, CapturePass),

	"RingKind":       values(RingCall, RingReturned, RingNewCustomer, RingConsult, RingCallback, RingRecord, RingWritten),
	"RouteOutcome":   values(RouteChosen, RouteUnchanged, RouteTimeout, RouteFailed, RouteRefused, RouteSkipped),
	"WorkKind":       values(WorkEmail, WorkChat, WorkSocial),
	"WorkState":      values(WorkQueued, WorkOffered, WorkOpen, WorkClosed),
	"WebhookState":   values(WebhookActive, WebhookFailing, WebhookDisabled),
	"WebhookOutcome": values(WebhookDelivered, WebhookFailed, WebhookDead, WebhookTested),

	"RevocationKind": values(RevokedToken, DisabledAccount),

	"SupervisionMode":  values(Monitor, Coach, Barge),
	"SupervisionState": values(SupervisionConnecting, SupervisionActive, SupervisionEnded),
}

func values[T ~string](vs ...T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = string(v)
	}
	return out
}
